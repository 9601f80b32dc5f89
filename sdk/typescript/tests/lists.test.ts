// Lists are awaited for a page, and walked for all.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { InvalidRequestError, type Customer } from '@vinr/sdk';

import { fresh, refusal, vinr } from './sandbox.js';

describe('a list', () => {
  const email = `${fresh('crowd')}@example.com`;
  const newestFirst = Array.from({ length: 23 }, () => fresh('cust'));
  const walk = async (found: AsyncIterable<Customer>): Promise<string[]> => {
    const ids = [];
    for await (const customer of found) ids.push(customer.id);
    return ids;
  };

  before(async () => {
    for (const id of [...newestFirst].reverse()) await vinr.customers.create({ id, email });
  });

  test('is awaited for a page, ten by default', async () => {
    const page = await vinr.customers.list({ email });

    assert.deepEqual(page.data.map(customer => customer.id), newestFirst.slice(0, 10));
    assert.deepEqual([page.hasMore, page.has_more, page.url, page.object], [true, true, '/v1/customers', 'list']);
    assert.match(page.lastResponse.requestId ?? '', /^req_/);
    const second = await page.nextPage();
    assert.deepEqual(second?.data.map(customer => customer.id), newestFirst.slice(10, 20));
    assert.equal((await (await second?.nextPage())?.nextPage()), undefined);
  });

  test('is walked without being awaited, both ways', async () => {
    assert.deepEqual(await walk(vinr.customers.list({ email, limit: 5 })), newestFirst);
    assert.deepEqual(await walk(await vinr.customers.list({ email, limit: 5 })), newestFirst);

    const oldest = newestFirst.at(-1) ?? '';
    const backwards = newestFirst.slice(0, -1).reverse();
    assert.deepEqual(await walk(vinr.customers.list({ email, limit: 5, endingBefore: oldest })), backwards);
    assert.deepEqual(await walk(vinr.customers.list({ email, limit: 5, ending_before: oldest })), backwards);
    const after = newestFirst[2] ?? '';
    assert.deepEqual(await walk(vinr.customers.list({ email, limit: 5, startingAfter: after })), newestFirst.slice(3));
  });

  test('is asked for once, and not before it is needed', async () => {
    const list = vinr.customers.list({ email, limit: 1 });

    const [first, second] = await Promise.all([list, list]);
    assert.equal(first, second);
    assert.equal(await list.then(page => page.data.length), 1);
    vinr.customers.list({ limit: 101 }); // nobody waits for it: it is not sent, and nothing is rejected
    assert.equal(await vinr.customers.list({ limit: 101 }).catch(() => 'refused'), 'refused');
    let ended = false;
    await vinr.customers.list({ email }).finally(() => { ended = true; });
    assert.ok(ended);
  });

  test('takes every filter, in either casing', async () => {
    const program = await vinr.loyalty.programs.create({ name: 'Filters' });
    const account = await vinr.loyalty.accounts.create({ program: program.id, customer: fresh('cust') });
    const since = new Date(account.created * 1000);

    for (const query of [{ program: program.id }, { programId: program.id }, { program_id: program.id, status: 'active' as const }]) {
      const { data } = await vinr.loyalty.accounts.list(query);
      assert.deepEqual(data.map(listed => listed.id), [account.id]);
    }
    assert.equal((await vinr.loyalty.accounts.list({ programId: program.id, created: { gte: since } })).data.length, 1);
    assert.equal((await vinr.loyalty.accounts.list({ programId: program.id, created: { lt: since } })).data.length, 0);
    const rules = await vinr.loyalty.earningRules.list({ programId: program.id, active: false });
    assert.deepEqual([rules.data, rules.hasMore], [[], false]);
  });

  test('of a wrong size is refused', async () => {
    const refused = await refusal(InvalidRequestError, vinr.customers.list({ limit: 101 }));
    assert.deepEqual([refused.status, refused.param], [400, 'limit']);
  });
});
