// What can go wrong, with a class for each reaction: fix the call, reconcile, wait, or ask for help.

import { readLoosely } from './objects.js';
import type { Json } from './values.js';

/** The base of everything this package throws on purpose. */
export class VinrError extends Error {
  override readonly name: string = this.constructor.name;
}

/** The server's reasons for a call that it did not carry out. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly param: string | undefined;
  readonly details: Json;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
}

/** The server answered with an error. `code` is stable; `details` holds the figures; `param` names the field. */
export class ApiError extends VinrError implements Refusal {
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly param: string | undefined;
  readonly details: Json;
  readonly requestId: string | undefined;
  /** Seconds to wait, if the server says so. */
  readonly retryAfter: number | undefined;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.status = refusal.status;
    this.code = refusal.code;
    this.type = refusal.type;
    this.param = refusal.param;
    this.details = refusal.details;
    this.requestId = refusal.requestId;
    this.retryAfter = refusal.retryAfter;
  }
}

/** The call itself is wrong (400, 405, 413). Correct it. */
export class InvalidRequestError extends ApiError {}

/** The call names an object that does not exist (404). */
export class NotFoundError extends InvalidRequestError {}

/** The key is missing, wrong, expired or revoked (401). */
export class AuthenticationError extends ApiError {}

/** The key is valid, but has no permission for this call (403). */
export class PermissionError extends ApiError {}

/** The current state refuses the call (409), such as insufficient_points. Nothing changed; `details` says why. */
export class ConflictError extends ApiError {}

/** The idempotency key was already used with another body (422). */
export class IdempotencyError extends ApiError {}

/** Too many calls (429), after all retries; `retryAfter` says how many seconds to wait. */
export class RateLimitError extends ApiError {}

/** The server failed (5xx). To learn whether the call was carried out, repeat it with the same idempotency key. */
export class ServerError extends ApiError {}

/** The server is temporarily unavailable (503), after all retries. */
export class ServiceUnavailableError extends ServerError {}

/** No answer came, after all retries. The call may have been carried out: repeat it with its idempotency key. */
export class ConnectionError extends VinrError {}

/** No answer came in time, after all retries. */
export class TimeoutError extends ConnectionError {}

/** A webhook's signature does not prove that the payload is genuine and recent. Don't act on it. */
export class SignatureError extends VinrError {}

const BY_STATUS: Readonly<Record<number, typeof ApiError>> = {
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  422: IdempotencyError,
  429: RateLimitError,
  503: ServiceUnavailableError,
};

/** The error for a response, even if a proxy answered with a page instead of our JSON. */
export function apiError(response: Response, body: unknown, retryAfter: number | undefined): ApiError {
  const { status } = response;
  const error = fieldOf(body, 'error');
  const text = (name: string): string | undefined => {
    const value = fieldOf(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  const details = fieldOf(error, 'details');
  const kind = BY_STATUS[status] ?? (status < 500 ? InvalidRequestError : ServerError);
  return new kind({
    status,
    code: text('code') ?? '',
    type: text('type') ?? '',
    message: text('message') ?? `${response.url} answered ${status} without an error message.`,
    param: text('param'),
    details: typeof details === 'object' && details !== null ? (readLoosely(details) as Json) : {},
    requestId: text('request_id') ?? response.headers.get('request-id') ?? undefined,
    retryAfter,
  });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
