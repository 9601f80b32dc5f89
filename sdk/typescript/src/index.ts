// The TypeScript SDK of VINR Engagement. Start with `new Vinr()`.

import { Client, type VinrSettings } from './client.js';
import { Resources } from './generated/resources.js';
import { Webhooks } from './webhooks.js';

export type { Answer, LastResponse } from './answers.js';
export type { PostOptions, RequestOptions, VinrSettings, WriteOptions } from './client.js';
export {
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
  SignatureError,
  TimeoutError,
  VinrError,
  type Refusal,
} from './errors.js';
export type { EngineEvents } from './generated/events.js';
export type * from './generated/inputs.js';
export type * from './generated/objects.js';
export { List, Page } from './pages.js';
export type { Created, Instant, InstantRange, Json, Metadata, MetadataChanges, Rate } from './values.js';
export { VERSION } from './version.js';
export {
  Webhooks,
  type EngineEvent,
  type EventOf,
  type HeaderValue,
  type SignatureHeader,
  type VerifyOptions,
  type WebhookEvent,
} from './webhooks.js';

/**
 * The client. It retries connection errors, 429, 503 and idempotency_key_in_use up to `maxRetries` times. Every POST
 * carries an idempotency key, a random one if you give none, so that no attempt counts twice.
 */
export class Vinr extends Resources {
  /** Verifies that webhooks are genuine; needs no API key. */
  readonly webhooks: Webhooks;

  constructor(settings: VinrSettings = {}) {
    super(new Client(settings));
    this.webhooks = new Webhooks(settings.webhookSecret);
  }
}
