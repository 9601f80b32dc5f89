// What is retried and what is not, against a server on a socket that misbehaves as planned.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';

import {
  ApiError,
  AuthenticationError,
  ConflictError,
  ConnectionError,
  IdempotencyError,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
  TimeoutError,
  Vinr,
  VinrError,
  type VinrSettings,
} from '@vinr/sdk';

import { refusal } from './sandbox.js';

const DROP = 0;
const HANG = -1;
const CUSTOMER = { id: 'cust_1', object: 'customer', name: null, email: null, metadata: {}, created: 1, livemode: false };

interface Plan {
  readonly statuses: readonly number[];
  readonly code?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A server that answers one status after the other, drops or hangs, then answers 200; it notes what it was asked. */
class Rascal {
  readonly asked: { method: string | undefined; url: string | undefined; key: string | undefined; body: string }[] = [];
  readonly times: number[] = [];
  readonly server: Server;

  constructor({ statuses, code = 'some_code', headers = {}, body }: Plan) {
    const plan = [...statuses];
    this.server = createServer(async (request, response) => {
      this.times.push(Date.now());
      const key = request.headers['idempotency-key'];
      this.asked.push({ method: request.method, url: request.url, key: key?.toString(), body: await textOf(request) });
      const status = plan.shift() ?? 200;
      if (status === HANG) return;
      if (status === DROP) return void request.socket.destroy();
      const error = { error: { type: 'api_error', code, message: 'No.', details: { so_much: 1 } } };
      response.writeHead(status, status < 300 ? {} : headers);
      response.end(body ?? JSON.stringify(status < 300 ? CUSTOMER : error));
    });
  }

  async client(settings: VinrSettings = {}): Promise<Vinr> {
    await new Promise<void>(listening => this.server.listen(0, '127.0.0.1', listening));
    this.server.unref(); // Node.js 18 does not get to the end of a file while a server is open
    const baseUrl = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
    return new Vinr({ secretKey: 'sk_test_x', baseUrl, retryDelay: 5, ...settings });
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

const rascals: Rascal[] = [];
function rascal(plan: Plan): Rascal {
  const made = new Rascal(plan);
  rascals.push(made);
  return made;
}
after(() => rascals.forEach(({ server }) => { server.closeAllConnections(); server.close(); }));

describe('a call is tried again', () => {
  for (const [status, code] of [[429, 'rate_limited'], [503, 'unavailable'], [409, 'idempotency_key_in_use'], [DROP, '']] as const) {
    test(`after ${status} ${code}, with the same key and body`, async () => {
      const server = rascal({ statuses: [status, status], code });
      const vinr = await server.client();

      assert.equal((await vinr.customers.create({ name: 'Ada' })).id, 'cust_1');

      assert.equal(server.asked.length, 3);
      assert.match(server.asked[0]?.key ?? '', /^[0-9a-f-]{36}$/);
      assert.deepEqual([server.asked[0]?.url, server.asked[0]?.body], ['/v1/customers', '{"name":"Ada"}']);
      for (const asked of server.asked) assert.deepEqual(asked, server.asked[0]);
    });
  }

  test('with the key that was given, whatever its letters', async () => {
    const server = rascal({ statuses: [503] });
    const vinr = await server.client();

    await vinr.customers.create({}, { idempotencyKey: 'für-Ада' });

    const keys = server.asked.map(({ key }) => Buffer.from(key ?? '', 'latin1').toString());
    assert.deepEqual(keys, ['für-Ада', 'für-Ада']);
  });

  test('twice by default, then the error is thrown', async () => {
    for (const [status, kind] of [[429, RateLimitError], [503, ServiceUnavailableError], [DROP, ConnectionError]] as const) {
      const server = rascal({ statuses: Array<number>(10).fill(status) });
      const vinr = await server.client();
      await refusal(kind, vinr.customers.retrieve('cust_1'));
      assert.equal(server.asked.length, 3);
      const steady = rascal({ statuses: [status] });
      await refusal(kind, (await steady.client({ maxRetries: 0 })).customers.retrieve('cust_1'));
      assert.equal(steady.asked.length, 1);
    }
  });

  test('after what takes too long', async () => {
    const server = rascal({ statuses: [HANG, 200, HANG, HANG, HANG] });
    // What answers at once must do so in time, also on a busy machine.
    const vinr = await server.client({ timeout: 1_000 });

    assert.equal((await vinr.customers.retrieve('cust_1')).id, 'cust_1');
    await refusal(TimeoutError, vinr.customers.retrieve('cust_1'));
    assert.equal(server.asked.length, 5);
    assert.equal((await vinr.customers.retrieve('cust_1', { timeout: 60_000 })).id, 'cust_1');
  });

  test('as late as the server asks', async () => {
    const server = rascal({ statuses: [429], headers: { 'retry-after': '1' } });
    const vinr = await server.client();

    await vinr.customers.create();

    const waited = (server.times[1] ?? 0) - (server.times[0] ?? 0);
    assert.ok(waited >= 995, `waited ${waited} ms`);
  });

  test('not if the server asks for an hour', async () => {
    const server = rascal({ statuses: [503], headers: { 'retry-after': '3600' } });
    const error = await refusal(ServiceUnavailableError, (await server.client()).customers.create());

    assert.deepEqual([error.retryAfter, server.asked.length], [3600, 1]);
  });

  test('until it is called off', async () => {
    const server = rascal({ statuses: [503, HANG] });
    const vinr = await server.client({ retryDelay: 1 });
    const ending = new AbortController();

    const call = vinr.customers.create({}, { signal: ending.signal });
    while (server.asked.length < 2) await new Promise(soon => setTimeout(soon, 1));
    const begin = Date.now();
    ending.abort(new Error('enough'));

    await assert.rejects(call, /enough/);
    assert.ok(Date.now() - begin < 5_000, 'it ends at once, not when its time is over');
    assert.equal(server.asked.length, 2);
    await assert.rejects(vinr.customers.create({}, { signal: AbortSignal.abort(new Error('before')) }), /before/);
    assert.equal(server.asked.length, 2);
  });

  test('where nobody listens', async () => {
    const gone = rascal({ statuses: [] });
    const vinr = await gone.client();
    await new Promise(closed => gone.server.close(closed));

    const error = await refusal(ConnectionError, vinr.customers.create());
    assert.match(error.message, /^No answer from http.*ECONNREFUSED/);
    assert.ok(error.cause instanceof Error);
  });
});

describe('a call is not tried again', () => {
  const final: [number, string, typeof ApiError][] = [
    [302, '', InvalidRequestError],
    [400, 'parameter_invalid', InvalidRequestError],
    [401, 'api_key_invalid', AuthenticationError],
    [403, 'permission_missing', PermissionError],
    [404, 'resource_missing', NotFoundError],
    [409, 'insufficient_points', ConflictError],
    [422, 'idempotency_key_reused', IdempotencyError],
    [500, 'internal_error', ServerError],
    [502, '', ServerError],
  ];
  for (const [status, code, kind] of final) {
    test(`after ${status} ${code}`, async () => {
      const server = rascal({ statuses: [status], code, headers: { 'request-id': 'req_1', location: '/elsewhere' } });
      const vinr = await server.client();

      const error = await refusal(kind, vinr.customers.create());

      assert.equal(error.constructor, kind);
      assert.equal(error.name, kind.name);
      assert.deepEqual([error.status, error.code, error.message, error.requestId], [status, code, 'No.', 'req_1']);
      assert.deepEqual([error.details['soMuch'], error.details['so_much']], [1, 1]);
      assert.equal(server.asked.length, 1);
    });
  }

  test('after an answer that is none of ours', async () => {
    const page = rascal({ statuses: [200], body: '<html>' });
    await assert.rejects((await page.client()).customers.create(), VinrError);
    assert.equal(page.asked.length, 1);

    const proxy = rascal({ statuses: [502], body: '<html>' });
    assert.match((await refusal(ServerError, (await proxy.client()).customers.create())).message, /answered 502/);
  });
});
