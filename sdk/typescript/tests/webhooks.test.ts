// Signatures against the vectors of all SDKs, and what a verified event reads like.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { SignatureError, Vinr, VinrError, Webhooks, type SignatureHeader, type WebhookEvent } from '@vinr/sdk';

import { vinr } from './sandbox.js';

interface Vector {
  readonly why: string;
  readonly valid: boolean;
  readonly secret: string;
  readonly timestamp: number;
  readonly headers: Record<string, string>;
  readonly payload: string;
}

const VECTORS = JSON.parse(readFileSync(process.env['VINR_VECTORS'] ?? '', 'utf8')) as Vector[];
const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;

function sign(payload: string, at = Math.floor(Date.now() / 1000)): string {
  return `t=${at},v1=${createHmac('sha256', KEY).update(`${at}.${payload}`).digest('hex')}`;
}

function envelope(type: string, data: object): string {
  return JSON.stringify({ id: 'evt_1', object: 'event', type, created: 1, livemode: false, data, request: { id: null, idempotency_key: 'k' } });
}

function at<T>(seconds: number, run: () => T): T {
  const { now } = Date;
  Date.now = () => seconds * 1000 + 999;
  try {
    return run();
  } finally {
    Date.now = now;
  }
}

describe('the vectors', () => {
  for (const vector of VECTORS) {
    test(vector.why, () => {
      const headers = new Map(Object.entries(vector.headers));
      const own = headers.get('x-vinr-signature');
      const forms: SignatureHeader[] = [vector.headers];
      if (own !== undefined && headers.size === 1) forms.push(own, [own]);
      if ([...headers.values()].every(value => /^[\x20-\x7e]*$/.test(value))) forms.push(new Headers(vector.headers));

      for (const header of forms) {
        for (const payload of [vector.payload, Buffer.from(vector.payload), new Uint8Array(Buffer.from(vector.payload))]) {
          const verify = (): WebhookEvent => new Webhooks(vector.secret).verify(payload, header);
          if (vector.valid) assert.equal(at(vector.timestamp, verify).id, (JSON.parse(vector.payload) as { id: string }).id);
          else assert.throws(() => at(vector.timestamp, verify), SignatureError);
        }
      }
    });
  }

  test('are many of both kinds', () => {
    assert.ok(VECTORS.filter(vector => vector.valid).length >= 8 && VECTORS.filter(vector => !vector.valid).length >= 20);
  });
});

describe('a verified event', () => {
  const hooks = new Vinr({ webhookSecret: SECRET }).webhooks;

  test("reads in both casings if it is the engine's", () => {
    const payload = envelope('loyalty.points.earned', { id: 'ptx_1', account: 'loy_1', points: 5, balance_after: 9, metadata: { a_b: 1 } });
    const event = hooks.construct(payload, sign(payload));

    assert.equal(event.type, 'loyalty.points.earned');
    if (event.type !== 'loyalty.points.earned') return;
    const { points, balance_after, balanceAfter, accountId, metadata } = event.data;
    assert.deepEqual([points, balance_after, balanceAfter, accountId], [5, 9, 9, 'loy_1']);
    assert.deepEqual(metadata, { a_b: 1 });
    assert.equal(event.request.idempotencyKey, 'k');
  });

  test('reads in both casings too if this version does not know its type yet', () => {
    const payload = envelope('loyalty.mood.changed', { new_mood: 'good', metadata: { a_b: 1 } });
    const event: WebhookEvent<{ 'loyalty.mood.changed': { newMood: string } }> = hooks.verify(payload, sign(payload));

    assert.ok(event.type === 'loyalty.mood.changed');
    assert.equal(event.data.newMood, 'good');
    assert.deepEqual({ ...event.data }, { newMood: 'good', metadata: { a_b: 1 } });
  });

  test('is verbatim if it was reported, and typed as its reporter declares', () => {
    const payload = envelope('review.posted', { star_count: 5 });
    const event = hooks.verify<{ 'review.posted': { star_count: number } }>(payload, sign(payload));

    switch (event.type) {
      case 'payment.refunded':
        assert.fail(event.data.amount_refunded.toFixed());
        break;
      case 'review.posted':
        assert.deepEqual(event.data, { star_count: 5 });
        break;
      default:
        assert.fail(event.type);
    }
  });

  test('is refused when altered, old, unsigned, or none', () => {
    const payload = envelope('payment.completed', { id: 'pay_1' });

    assert.equal(hooks.verify(payload, sign(payload)).id, 'evt_1');
    for (const header of [null, undefined, [], '', sign(payload, 1), sign(`${payload} `)]) {
      assert.throws(() => hooks.verify(payload, header), SignatureError);
    }
    assert.equal(hooks.verify(payload, sign(payload, 1), { tolerance: Infinity }).id, 'evt_1');
    assert.throws(() => hooks.verify(payload, sign(payload, 1), { tolerance: NaN }), SignatureError);
    for (const other of ['[]', 'null', '{}', '{', '"event"']) {
      assert.throws(() => hooks.verify(other, sign(other)), SignatureError);
    }
  });

  test('needs the raw body and the secret, and says so', () => {
    const payload = envelope('payment.completed', {});
    const parsed = JSON.parse(payload) as string;

    assert.throws(() => hooks.verify(parsed, sign(payload)), /raw body/);
    for (const secret of ['whsec_short', SECRET.slice(6), '', `${SECRET.slice(0, 20)}!${SECRET.slice(20)}`]) {
      assert.throws(() => hooks.verify(payload, sign(payload), { secret }), (error: unknown) =>
        error instanceof VinrError && !(error instanceof SignatureError) && /webhookSecret/.test(error.message));
    }
    assert.equal(new Vinr().webhooks.verify(payload, sign(payload), { secret: SECRET }).id, 'evt_1');
    process.env['VINR_WEBHOOK_SECRET'] = SECRET;
    assert.equal(vinr.webhooks.verify(payload, sign(payload)).id, 'evt_1');
  });
});
