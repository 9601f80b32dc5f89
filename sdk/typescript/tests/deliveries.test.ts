// Events arrive at the merchant's endpoint, and the merchant acts on each once.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { SignatureError, Vinr, type Program, type WebhookEvent } from '@vinr/sdk';

import { fresh, vinr } from './sandbox.js';

type Received = { readonly body: string; readonly signature: string | string[] | undefined; readonly headers: NodeJS.Dict<string | string[]> };

describe('a webhook endpoint', () => {
  const received: Received[] = [];
  const inbox = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    received.push({ body, signature: request.headers['x-vinr-signature'], headers: request.headers });
    response.end();
  });
  let program: Program;
  let receiver: Vinr;

  const arrived = async <T extends WebhookEvent['type']>(type: T, about: string): Promise<Extract<WebhookEvent, { type: T }>> => {
    for (const end = Date.now() + 60_000; Date.now() < end; await new Promise(soon => setTimeout(soon, 20))) {
      for (const { body, signature } of received) {
        const event = receiver.webhooks.verify(body, signature);
        if (event.type === type && body.includes(about)) return event as Extract<WebhookEvent, { type: T }>;
      }
    }
    return assert.fail(`no ${type} about ${about} among ${received.length}`);
  };

  before(async () => {
    await new Promise<void>(listening => inbox.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(inbox.address() as AddressInfo).port}/hook`;
    const endpoint = await vinr.webhookEndpoints.create({ url, events: ['loyalty.*', 'payment.refunded'] });
    assert.match(endpoint.id, /^we_/);
    assert.match(endpoint.secret ?? '', /^whsec_/);
    receiver = new Vinr({ webhookSecret: endpoint.secret });
    program = await vinr.loyalty.programs.create({
      name: 'Hooks',
      tiers: [{ id: 'silver', threshold: 0 }, { id: 'gold', threshold: 100 }],
    });
  });
  after(() => {
    inbox.closeAllConnections();
    inbox.close();
  });

  test('receives an enrollment, an award and a tier, each with its data', async () => {
    const account = await vinr.loyalty.accounts.create({ program: program.id, customer: fresh('cust') });
    const enrolled = await arrived('loyalty.account.created', account.id);
    assert.deepEqual([enrolled.data.id, enrolled.data.programId], [account.id, program.id]);

    const award = await vinr.loyalty.points.award({ accountId: account.id, points: 120, metadata: { order_no: 'A-1' } });
    const earned = await arrived('loyalty.points.earned', award.id);
    assert.deepEqual([earned.data.points, earned.data.balance_after, earned.data.balanceAfter], [120, 120, 120]);
    assert.deepEqual({ ...earned.data.metadata }, { order_no: 'A-1' });

    const raised = await arrived('loyalty.tier.changed', account.id);
    assert.deepEqual([raised.data.from, raised.data.to, raised.data.cause.pointsTransactionId], ['silver', 'gold', award.id]);
  });

  test('reverses an award when its payment is refunded, however often the event arrives', async () => {
    const account = await vinr.loyalty.accounts.create({ program: program.id, customer: fresh('cust') });
    const payment = await vinr.payments.create({ amount: 50_00, currency: 'EUR' });
    const award = await vinr.loyalty.points.award({ accountId: account.id, points: 50 });
    await vinr.payments.refund(payment.id);

    const event = await arrived('payment.refunded', payment.id);
    for (let delivery = 0; delivery < 2; delivery++) {
      const handled = { transactionId: award.id, reason: 'refund' };
      await vinr.loyalty.points.reverse(handled, { idempotencyKey: `reverse-${event.data.id}` });
    }

    assert.equal(event.data.refund?.amount, 50_00);
    assert.equal((await vinr.loyalty.accounts.retrieve(account.id)).balance, 0);
    const { data: history } = await vinr.loyalty.points.list({ accountId: account.id });
    assert.deepEqual(history.map(entry => entry.points), [-50, 50]);
    await arrived('loyalty.points.reversed', award.id);
  });

  test('can prove what it received by either set of headers, and nothing else', () => {
    const [first] = received;
    assert.ok(first);
    const standard = Object.fromEntries(Object.entries(first.headers).filter(([name]) => name.startsWith('webhook-')));

    const event = receiver.webhooks.verify(first.body, standard);
    assert.equal(event.id, first.headers['webhook-id']);
    assert.equal(receiver.webhooks.verify(Buffer.from(first.body), first.headers).id, event.id);
    assert.throws(() => receiver.webhooks.verify(`${first.body} `, first.headers), SignatureError);
    assert.throws(() => receiver.webhooks.verify(first.body, null), SignatureError);
  });

  test('has a log of its deliveries', async () => {
    const [endpoint] = (await vinr.webhookEndpoints.list()).data;
    assert.ok(endpoint);
    const { data: deliveries } = await vinr.webhookEndpoints.deliveries(endpoint.id, { limit: 100 });
    const ids = new Set(received.map(({ headers }) => headers['webhook-id']));
    assert.ok(deliveries.length >= ids.size && ids.size > 4, `${deliveries.length} of ${ids.size}`);
    assert.equal(received.length, ids.size, 'no event came twice');
    assert.ok(!('secret' in endpoint), 'it is shown once');
  });
});
