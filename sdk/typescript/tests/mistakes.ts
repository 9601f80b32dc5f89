// The compiler must refuse each line marked `wrong`, and no other: a type that is too loose turns the test red.

import { ConflictError, Vinr, type EngineEvent, type WebhookEvent } from '@vinr/sdk';

export async function required(vinr: Vinr): Promise<void> {
  await vinr.loyalty.accounts.create({ program: 'prog_1', customer: 'cust_1' });
  await vinr.loyalty.accounts.create({ program_id: 'prog_1', customerId: 'cust_1', metadata: { a_b: true } });
  await vinr.loyalty.accounts.create({ customer: 'cust_1' }); // wrong: no program in any spelling
  await vinr.loyalty.accounts.create({ program: undefined, customer: 'cust_1' }); // wrong: no program either
  await vinr.loyalty.accounts.create({ program: 'prog_1', customer: 'cust_1', custommer: 'x' }); // wrong: misspelled
  await vinr.loyalty.accounts.create(); // wrong: no body
  await vinr.loyalty.redemptions.create({ accountId: 'loy_1' }); // wrong: no reward
  await vinr.loyalty.rewards.create({ program: 'p', name: 'A', points_cost: '5', benefit: { type: 'voucher' } }); // wrong
  await vinr.loyalty.rewards.create({ program: 'prog_1', name: 'A', points_cost: 5, benefit: { type: 'voucher' } });
  await vinr.payments.create({ amount: 5, currency: 'EUR', lines: [{ unitPrice: 5 }, { unit_price: 5, sku: 'a' }] });
  await vinr.payments.create({ amount: 5, currency: 'EUR', lines: [{ sku: 'a' }] }); // wrong: a line without its price
  await vinr.testHelpers.testClocks.create({}); // wrong: no time
}

export async function kinds(vinr: Vinr): Promise<void> {
  await vinr.loyalty.points.award({ accountId: 'loy_1', points: '250' }); // wrong: points are a number
  await vinr.loyalty.points.award({ accountId: 5, points: 250 }); // wrong: ids are text
  await vinr.loyalty.rewards.update('rwd_1', { benefit: { type: 'cash' } }); // wrong: no such benefit
  await vinr.loyalty.programs.create({ name: 'A', currency: { expiryMonths: '12' } }); // wrong: months are a number
  await vinr.loyalty.programs.create({ name: 'A', currency: { expiry_month: 12 } }); // wrong: misspelled inside
  await vinr.loyalty.programs.create({ name: 'A', expiryReminders: [30, 7] });
  await vinr.loyalty.programs.create({ name: 'A', expiryReminders: ['30'] }); // wrong: days are numbers
  await vinr.loyalty.accounts.update('loy_1', { metadata: { a: { b: 1 } } }); // wrong: metadata is flat
  await vinr.loyalty.accounts.retrieve(5); // wrong: ids are text
  await vinr.loyalty.accounts.list({ balance: 5 }); // wrong: no such filter
  await vinr.loyalty.points.award({ account: 'loy_1', points: 1 }, { idempotencykey: 'a' }); // wrong: misspelled option
  await vinr.loyalty.accounts.retrieve('loy_1', { idempotencyKey: 'a' }); // wrong: reading takes no key
  vinr.loyalty.acounts; // wrong: no such resource
  vinr.loyalty.accounts.remove('loy_1'); // wrong: no such call
  new Vinr({ secret_key: 'sk_test_1' }); // wrong: no such setting
}

export async function answers(vinr: Vinr): Promise<void> {
  const account = await vinr.loyalty.accounts.retrieve('loy_1');
  const numbers: number[] = [account.balance, account.lifetimePoints, account.lifetime_points, account.created];
  const texts: string[] = [account.programId, account.program, account.customerId];
  account.balanse; // wrong: no such field
  const text: string = account.balance; // wrong: a number
  const tier: string = account.tier; // wrong: it may be null
  account.balance = 5; // wrong: answers don't change
  const redemption = await vinr.loyalty.redemptions.retrieve('rdm_1');
  const discount: string = redemption.discountId; // wrong: it may be null
  redemption.status === 'cancelled'; // wrong: spelled another way
  const page = await vinr.loyalty.points.list({ accountId: 'loy_1' });
  const more: boolean = page.has_more && page.hasMore;
  page.data.length = 'a'; // wrong: a number
  const first: string = page.data[0]?.points ?? 0; // wrong: a number
  for await (const entry of vinr.loyalty.points.list()) numbers.push(entry.balanceAfter, entry.balance_after);
  for await (const entry of vinr.loyalty.points.list()) texts.push(entry.points); // wrong: a number
  page.data.map(entry => entry.pointz); // wrong: no such field
  account.metadata.key.toFixed(); // wrong: it may be text, or missing
  const receipt: string = page.data[0]!.receipt['points']; // wrong: unknown
  void [text, tier, discount, more, first, receipt];
}

export function events(vinr: Vinr, header: string | string[] | null | undefined): void {
  const event = vinr.webhooks.verify('body', header);
  if (event.type === 'loyalty.points.earned') {
    const points: number = event.data.points + event.data.balanceAfter + event.data.balance_after;
    event.data.customer; // wrong: points know their account
    const text: string = event.data.points; // wrong: a number
    void [points, text];
  }
  if (event.type === 'payment.refunded') void event.data.refund?.amount.toFixed();
  if (event.type === 'loyalty.points.earnd') return; // wrong: not an event that the engine sends
  if (event.type === 'review.posted') return; // wrong: nor is this, unless you say that you report it
  event.data.points; // wrong: not every event has points
  const own = vinr.webhooks.verify<{ 'review.posted': { stars: number } }>(Buffer.from('body'), header);
  if (own.type === 'review.posted') void own.data.stars.toFixed();
  if (own.type === 'review.postd') return; // wrong: misspelled
  vinr.webhooks.verify({ id: 'evt_1' }, header); // wrong: the body is not parsed yet
  vinr.webhooks.verify('body'); // wrong: no header
  const handle = (given: EngineEvent): string => {
    switch (given.type) {
      case 'payment.completed':
        return given.data.currency;
      default:
        return given.data.amount; // wrong: the others are no payments
    }
  };
  const all: WebhookEvent = event;
  void [handle, all];
}

export async function endpoints(vinr: Vinr): Promise<Vinr> {
  await vinr.webhookEndpoints.create({ url: 'https://shop.example/hook', events: 'loyalty.*' }); // wrong: a list
  await vinr.webhookEndpoints.create({ url: 'https://shop.example/hook' }); // wrong: which events?
  const endpoint = await vinr.webhookEndpoints.create({ url: 'https://shop.example/hook', events: ['loyalty.*'] });
  return new Vinr({ secretKey: process.env['VINR_SECRET_KEY'], webhookSecret: endpoint.secret });
}

export function errors(error: unknown): string | undefined {
  error.code; // wrong: it may be anything
  if (!(error instanceof ConflictError)) return undefined;
  const status: string = error.status; // wrong: a number
  const shortfall: number = error.details['shortfall']; // wrong: unknown
  error.detials; // wrong: misspelled
  void [status, shortfall];
  return error.param ?? error.requestId;
}
