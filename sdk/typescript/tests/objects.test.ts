// What answers look like: camelCase names to list, the wire's names to read, the caller's own keys unchanged.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { VinrError, Vinr } from '@vinr/sdk';

import { fresh, refusal, vinr } from './sandbox.js';

describe('an answer', () => {
  test('goes by its camelCase names, and reads under those of the wire', async () => {
    const program = await vinr.loyalty.programs.create({ name: 'Names', metadata: { snake_case: 'kept', camelCase: 1 } });

    const names = Object.keys(program);
    assert.ok(names.includes('testClock') && !names.some(name => name.includes('_') || name === 'lastResponse'), `${names}`);
    assert.ok('test_clock' in program && 'testClockId' in program && 'lastResponse' in program);
    assert.deepEqual(Object.keys(program.metadata).sort(), ['camelCase', 'snake_case']);
    assert.deepEqual(JSON.parse(JSON.stringify(program)).currency, { ...program.currency });
    const { expiry_rounding: rounding } = program.currency;
    assert.equal(rounding, program.currency.expiryRounding);
  });

  test('holds receipts that read either way, but for metadata', async () => {
    const program = await vinr.loyalty.programs.create({ name: 'Receipts' });
    const customer = fresh('cust');
    await vinr.loyalty.accounts.create({ program: program.id, customer });
    await vinr.loyalty.earningRules.create({
      program: program.id,
      trigger: 'payment.completed',
      earn: { points_per_currency_unit: '1.5' },
    });

    const payment = await vinr.payments.create({ amount: 10_00, currency: 'EUR', customer });
    const award = await vinr.loyalty.points.retrieve(payment.awards[0]?.points_transaction ?? '');

    assert.equal(award.points, 15);
    const camel = Object.keys(award.receipt).find(name => /[A-Z]/.test(name));
    assert.ok(camel !== undefined, JSON.stringify(award.receipt));
    const wire = camel.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
    assert.deepEqual(award.receipt[wire], award.receipt[camel]);
  });

  test("of an event's is read as what it is about; what you reported is verbatim", async () => {
    const data = { review_id: 1, stars: { of_five: 4 }, account: 'mine' };
    const reported = await vinr.events.create({ type: 'review.posted', data });
    assert.deepEqual(reported.data, data);
    assert.deepEqual((await vinr.events.retrieve(reported.id)).data, data);

    const program = await vinr.loyalty.programs.create({ name: 'Events' });
    const account = await vinr.loyalty.accounts.create({ program: program.id, customer: fresh('cust') });
    const [event] = (await vinr.events.list({ type: 'loyalty.account.created', limit: 1 })).data;
    assert.equal(event?.data['id'], account.id);
    assert.equal(event?.data['programId'], program.id);
    assert.equal(event?.data['lifetimePoints'], event?.data['lifetime_points']);
    assert.ok(event?.request.idempotencyKey);
  });

  test('stays where its id belongs', async () => {
    for (const name of ['a/b', '../customers', 'a?b=c', 'a#b', '%2F', 'ä b']) {
      await vinr.payments.create({ id: `pay_${name}`, amount: 1, currency: 'EUR' });
      assert.equal((await vinr.payments.retrieve(`pay_${name}`)).id, `pay_${name}`);
    }
    for (const id of ['', '..', '.', undefined, null] as string[]) {
      assert.throws(() => vinr.payments.retrieve(id), VinrError);
    }
  });
});

describe('a value', () => {
  test('that JSON has no word for is refused before it is sent', async () => {
    const program = await vinr.loyalty.programs.create({ name: 'Values' });
    for (const expiryMonths of [NaN, Infinity]) {
      const error = await refusal(VinrError, vinr.loyalty.programs.update(program.id, { currency: { expiryMonths } }));
      assert.match(error.message, /expiryMonths/);
    }
    const when = { frozenTime: new Date('no date') };
    assert.match((await refusal(VinrError, vinr.testHelpers.testClocks.create(when))).message, /frozenTime/);
  });

  test('of undefined is not sent, and null clears', async () => {
    const program = await vinr.loyalty.programs.create({ name: 'Null', currency: { expiryMonths: 3 } });

    const kept = await vinr.loyalty.programs.update(program.id, { currency: { expiryMonths: undefined, name: 'stars' } });
    assert.equal(kept.currency.expiryMonths, 3);
    const cleared = await vinr.loyalty.programs.update(program.id, { currency: { expiryMonths: null } });
    assert.equal(cleared.currency.expiryMonths, null);
  });
});

describe('a client', () => {
  test('without a key says what to do, and shows none it has', async () => {
    const { VINR_SECRET_KEY: key } = process.env;
    delete process.env['VINR_SECRET_KEY'];
    const keyless = new Vinr({ secretKey: undefined });
    const error = await refusal(VinrError, keyless.customers.create());
    assert.match(error.message, /secretKey.*VINR_SECRET_KEY/);
    process.env['VINR_SECRET_KEY'] = key;

    const broken = await refusal(VinrError, new Vinr({ secretKey: 'sk_test_\nhidden' }).customers.create());
    assert.match(broken.message, /characters that no key has/);
    assert.doesNotMatch(broken.message, /hidden/);
    const { inspect } = await import('node:util');
    assert.doesNotMatch(inspect(new Vinr({ secretKey: 'sk_test_hidden' }), { depth: 9, showHidden: true }), /hidden/);
  });
});
