// What the tests share: a client of the running sandbox, unique names, and a check of refusals.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { Vinr, type VinrError } from '@vinr/sdk';

export const vinr = new Vinr();

/** A name that nothing else has. */
export const fresh = (prefix: string): string => `${prefix}_${randomBytes(6).toString('hex')}`;

/** The error that a call ends with, of the class that is asked for. */
export async function refusal<E extends VinrError>(kind: abstract new (...args: never[]) => E, call: PromiseLike<unknown>): Promise<E> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof kind, `${String(error)} is no ${kind.name}`);
    return error;
  }
  return assert.fail(`no ${kind.name} came`);
}
