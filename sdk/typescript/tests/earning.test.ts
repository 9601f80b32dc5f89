// A program is launched: members enroll, rules turn payments and events into points, rewards are bought, refunds claw back.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { ConflictError, InvalidRequestError, Vinr, type LoyaltyAccount, type Program } from '@vinr/sdk';

import { fresh, refusal, vinr } from './sandbox.js';

describe('a program', () => {
  let program: Program;
  let member: LoyaltyAccount;
  const customer = fresh('cust');
  const balance = async (): Promise<number> => (await vinr.loyalty.accounts.retrieve(member.id)).balance;

  before(async () => {
    program = await vinr.loyalty.programs.create({
      name: 'Roastery',
      currency: { name: 'beans', expiryMonths: 12 },
      tiers: [
        { id: 'silver', threshold: 0 },
        { id: 'gold', name: 'Gold', threshold: 200 },
      ],
    });
    member = await vinr.loyalty.accounts.create({ program: program.id, customer });
    await vinr.loyalty.earningRules.create({
      program: program.id,
      trigger: 'payment.completed',
      earn: { pointsPerCurrencyUnit: 1 },
      multipliers: [{ when: { tier: 'gold' }, factor: 2 }],
    });
    await vinr.loyalty.earningRules.create({
      programId: program.id,
      trigger: 'subscription.created',
      earn: { points: 300 },
      conditions: { metadata: { interval: 'year' } },
    });
  });

  test('shows what it was given, in both casings', () => {
    assert.equal(program.currency.expiryMonths, 12);
    assert.equal(program.currency.expiry_months, 12);
    assert.deepEqual(program.tiers.map(tier => tier.name), ['silver', 'Gold']);
    assert.match(program.id, /^prog_/);
  });

  test('earns on linked payments, double in gold', async () => {
    const first = await vinr.payments.create({ amount: 199_99, currency: 'EUR', customer });
    assert.equal(await balance(), 199);
    assert.equal(first.awards[0]?.pointsTransactionId, first.awards[0]?.points_transaction);

    await vinr.payments.create({ amount: 1_00, currency: 'EUR', customerId: customer });
    await vinr.payments.create({ amount: 5_00, currency: 'EUR', metadata: { loyaltyAccount: member.id } });
    assert.equal(await balance(), 199 + 1 + 10);
    await vinr.payments.create({ amount: 40_00, currency: 'EUR' });
    assert.equal(await balance(), 210);
    assert.equal((await vinr.loyalty.accounts.retrieve(member.id)).tier, 'gold');
  });

  test('earns on events that were reported, if they fit', async () => {
    const earned = async (interval: string): Promise<number> => {
      const event = await vinr.events.create({ type: 'subscription.created', data: { customer, metadata: { interval } } });
      return event.awards?.length ?? 0;
    };

    assert.deepEqual([await earned('month'), await earned('year')], [0, 1]);
  });

  test('gives a discount for points, once for each payment', async () => {
    const reward = await vinr.loyalty.rewards.create({
      program: program.id,
      name: '€5 off',
      cost: 100,
      benefit: { type: 'discount', amount: 5_00, currency: 'EUR' },
    });
    assert.equal(reward.pointsCost, reward.cost);

    const redemption = await vinr.loyalty.redemptions.create({ account: member.id, reward: reward.id });
    assert.match(redemption.discountId ?? '', /^disc_/);
    assert.equal(redemption.discountId, redemption.discount);
    assert.equal(redemption.rewardId, reward.id);

    const discounts = [redemption.discountId ?? ''];
    await vinr.payments.create({ amount: 30_00, currency: 'EUR', customer, discounts });
    const used = await refusal(ConflictError, vinr.payments.create({ amount: 30_00, currency: 'EUR', customer, discounts }));
    assert.equal(used.code, 'discount_consumed');
    assert.equal((await vinr.discounts.retrieve(discounts[0] ?? '')).status, 'consumed');
  });

  test('claws back what was refunded, once for each refund', async () => {
    const payment = await vinr.payments.create({ amount: 10_00, currency: 'EUR', customer });
    const held = await balance();
    const id = fresh('re');

    for (let reported = 0; reported < 2; reported++) await vinr.payments.refund(payment.id, { id, amount: 5_00 });
    assert.equal(await balance(), held - 10);
    const rest = await vinr.payments.refund(payment.id);
    assert.deepEqual([rest.amountRefunded, rest.refunded, await balance()], [10_00, true, held - 20]);
    const over = await refusal(ConflictError, vinr.payments.refund(payment.id, { amount: 1 }));
    assert.equal(over.code, 'refund_exceeds_payment');
  });

  test('refuses a misspelled field, and names the right one', async () => {
    const earn = { pointsPerCurencyUnit: 1 } as object;
    const refused = await refusal(
      InvalidRequestError,
      vinr.loyalty.earningRules.create({ program: program.id, trigger: 'payment.completed', earn }),
    );

    assert.deepEqual([refused.status, refused.code, refused.param], [400, 'unknown_parameter', 'earn.pointsPerCurencyUnit']);
    assert.match(refused.message, /points_per_currency_unit/);
    assert.equal(refused.details['nearest'], 'points_per_currency_unit');
    assert.match(refused.requestId ?? '', /^req_/);
  });
});

describe('a member', () => {
  const secretKey: string | undefined = process.env['VINR_SECRET_KEY'];
  const own = new Vinr({ secretKey, baseUrl: process.env['VINR_BASE_URL'] });
  const program = fresh('prog');
  const [customer, payment, order] = [fresh('cust'), fresh('pay'), fresh('order')];

  before(async () => {
    await own.loyalty.programs.create({ id: program, name: 'Summer' });
  });

  test('goes through the whole loop', async () => {
    const enrollment = { programId: program, customerId: customer, metadata: { signupSource: 'checkout', stage_two: 2 } };
    const account = await own.loyalty.accounts.create(enrollment, { idempotencyKey: `enroll-${customer}` });
    assert.deepEqual({ ...account.metadata }, enrollment.metadata, 'keys in metadata stay as they are');
    const again = await own.loyalty.accounts.create(enrollment);
    assert.deepEqual([again.id, again.lastResponse.status, account.lastResponse.status], [account.id, 200, 201]);

    const award = { accountId: account.id, points: 250, reason: 'purchase', metadata: { orderId: order } };
    const transaction = await own.loyalty.points.award(award, { idempotencyKey: `award-${payment}` });
    assert.match(transaction.id, /^ptx_/);
    assert.deepEqual([transaction.balanceAfter, transaction.balance_after], [250, 250]);
    const replay = await own.loyalty.points.award(award, { idempotencyKey: `award-${payment}` });
    assert.deepEqual([replay.id, replay.lastResponse.isReplay], [transaction.id, true]);
    assert.equal(transaction.lastResponse.isReplay, false);

    const { data: history } = await own.loyalty.points.list({ accountId: account.id, limit: 20 });
    assert.deepEqual(history.map(entry => [entry.id, entry.points, entry.accountId]), [[transaction.id, 250, account.id]]);

    const reward = await own.loyalty.rewards.create({
      programId: program,
      name: 'Free shipping',
      pointsCost: 200,
      benefit: { type: 'free_shipping' },
    });
    const redemption = await own.loyalty.redemptions.create(
      { accountId: account.id, rewardId: reward.id, metadata: { orderId: order } },
      { idempotencyKey: `redeem-${order}` },
    );
    assert.deepEqual([redemption.status, redemption.pointsSpent], ['confirmed', reward.pointsCost]);

    const short = await refusal(
      ConflictError,
      own.loyalty.redemptions.create({ account: account.id, reward: reward.id }),
    );
    assert.equal(short.code, 'insufficient_points');
    assert.deepEqual([short.details['balance'], short.details['shortfall']], [50, 150]);

    assert.equal((await own.loyalty.redemptions.cancel(redemption.id)).status, 'canceled');
    await own.loyalty.points.reverse({ transactionId: transaction.id, reason: 'refund' });
    const late = await own.loyalty.points.reverse({ transactionId: transaction.id }, { idempotencyKey: fresh('reverse') });
    assert.equal(late.alreadyReversed, true);

    const fresher = await own.loyalty.accounts.retrieve(account.id);
    assert.deepEqual([fresher.balance, fresher.lifetimePoints, fresher.tier], [0, 0, null]);
  });

  test('sees what a call would do, without it being done', async () => {
    const account = await own.loyalty.accounts.create({ program, customer: fresh('cust') });

    const would = await own.loyalty.points.award({ account: account.id, points: 7 }, { dryRun: true });

    assert.equal(would.balanceAfter, 7);
    assert.equal((await own.loyalty.accounts.retrieve(account.id)).balance, 0);
  });

  test("lives on its program's clock", async () => {
    const clock = await own.testHelpers.testClocks.create({ frozenTime: new Date('2024-01-31T10:00:00Z') });
    assert.equal(clock.frozenTime, Date.UTC(2024, 0, 31, 10) / 1000);
    const clocked = await own.loyalty.programs.create({
      name: 'Clocked',
      currency: { expiryMonths: 1 },
      testClock: clock.id,
    });
    assert.equal(clocked.testClockId, clock.id);
    const account = await own.loyalty.accounts.create({ program: clocked.id, customer: fresh('cust') });
    await own.loyalty.points.award({ account: account.id, points: 40 });

    await own.testHelpers.testClocks.advance(clock.id, { frozenTime: '2024-02-29T10:00:00Z' });
    while ((await own.testHelpers.testClocks.retrieve(clock.id)).status !== 'ready');

    assert.equal((await own.loyalty.accounts.retrieve(account.id)).balance, 0);
    const expiries = await own.events.list({ type: 'loyalty.points.expired', limit: 1 });
    assert.equal(expiries.data[0]?.data['accountId'], account.id);
  });
});
