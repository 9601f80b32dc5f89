// What is retried, and after how long: connection errors, 429, 503 and idempotency_key_in_use; nothing else.

import { ApiError, ConnectionError, type VinrError } from './errors.js';

const DELAY_MAX = 8_000;
// If a server asks for more than this, the caller gets the error and decides, instead of a call that hangs.
const RETRY_AFTER_SECONDS_MAX = 60;

/** How often a call is retried at most, and the first wait in milliseconds. */
export interface Retries {
  readonly maxRetries: number;
  readonly firstDelay: number;
}

/** Milliseconds to wait before the next attempt; undefined if there is none. */
export function delayOf(error: VinrError, retriesDone: number, retries: Retries): number | undefined {
  if (retriesDone >= retries.maxRetries || !isRetryable(error)) return undefined;
  const backoff = Math.min(retries.firstDelay * 2 ** retriesDone, DELAY_MAX) * (0.5 + Math.random() / 2);
  const askedFor = error instanceof ApiError ? error.retryAfter : undefined;
  if (askedFor === undefined) return backoff;
  return askedFor > RETRY_AFTER_SECONDS_MAX ? undefined : Math.max(askedFor * 1000, backoff);
}

/** Whether the same call may succeed a little later. */
function isRetryable(error: VinrError): boolean {
  if (error instanceof ApiError) return [429, 503].includes(error.status) || error.code === 'idempotency_key_in_use';
  return error instanceof ConnectionError;
}

/** Seconds from now, from a header with seconds or an HTTP date; undefined if it has neither. */
export function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\s*[0-9]+\s*$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}
