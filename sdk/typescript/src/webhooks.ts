// Prove that a webhook is genuine and recent, and read the event in it.

import { Buffer } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';

import { SignatureError, VinrError } from './errors.js';
import type { EngineEvents } from './generated/events.js';
import type { Event } from './generated/objects.js';
import { readObject } from './objects.js';
import type { Json } from './values.js';

export const TOLERANCE_SECONDS = 300;
const SIGNATURE_HEADER = 'x-vinr-signature';
const STANDARD_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;

/** An event of one type, with its data. */
export interface EventOf<Type extends string, Data> extends Omit<Event, 'type' | 'data'> {
  readonly type: Type;
  readonly data: Data;
}

type AnyOf<Events> = { [Type in keyof Events & string]: EventOf<Type, Events[Type]> }[keyof Events & string];

/** An event that the engine sends by itself: `type` says what `data` is. */
export type EngineEvent = AnyOf<EngineEvents>;

/**
 * The event in a webhook: one of the engine's, or one that you reported. Declare your own types:
 * `WebhookEvent<{ 'review.posted': { stars: number } }>`.
 */
export type WebhookEvent<Reported extends object = object> = EngineEvent | AnyOf<Reported>;

/** A header's value as Node.js and fetch provide it. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** The value of `x-vinr-signature`, or all of a request's headers. */
export type SignatureHeader = HeaderValue | Headers | { readonly [name: string]: HeaderValue };

export interface VerifyOptions {
  /** The endpoint's secret, instead of the client's. */
  readonly secret?: string | null | undefined;
  /** How many seconds old the signature may be: 300 unless given. `Infinity` for any age. */
  readonly tolerance?: number | undefined;
}

/** What a header claims: the signed bytes, the time, and the signatures, one for each active secret. */
interface Claim {
  readonly signed: string;
  readonly timestamp: string;
  readonly signatures: readonly Buffer[];
}

export class Webhooks {
  readonly #secret: string | undefined;

  constructor(secret?: string | null) {
    this.#secret = secret ?? undefined;
  }

  /**
   * The event in a webhook that was signed with the secret, at most `tolerance` seconds ago.
   *
   * `payload` is the raw body, before any parsing. `header` is the value of `x-vinr-signature`, or all the request's
   * headers; the Standard Webhooks headers work too. Throws {@link SignatureError} if the webhook is forged, altered,
   * old or malformed: answer 400 and do nothing.
   */
  verify<Reported extends object = object>(
    payload: string | Uint8Array,
    header: SignatureHeader,
    options: VerifyOptions = {},
  ): WebhookEvent<Reported> {
    const body = bytesOf(payload);
    const key = keyOf(options.secret ?? this.#secret ?? process.env['VINR_WEBHOOK_SECRET'] ?? '');
    const { signed, timestamp, signatures } = claimOf(header);
    const expected = createHmac('sha256', key).update(signed).update(body).digest();
    // Every signature is compared, each in constant time: the duration reveals nothing.
    const matching = signatures.filter(given => given.length === expected.length && timingSafeEqual(given, expected));
    if (matching.length === 0) {
      throw new SignatureError(
        "No signature matches this payload and secret. Pass the body's bytes exactly as received, and the secret of the " +
          'endpoint that received them.',
      );
    }
    checkAge(timestamp, options.tolerance ?? TOLERANCE_SECONDS);
    return eventOf(body) as WebhookEvent<Reported>;
  }

  /** The same as `verify`. */
  construct<Reported extends object = object>(
    payload: string | Uint8Array,
    header: SignatureHeader,
    options: VerifyOptions = {},
  ): WebhookEvent<Reported> {
    return this.verify<Reported>(payload, header, options);
  }
}

function bytesOf(payload: unknown): Buffer {
  if (typeof payload === 'string') return Buffer.from(payload);
  if (payload instanceof Uint8Array) return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  throw new VinrError('The payload must be the raw body, as text or bytes. Verify it before anything parses it.');
}

function keyOf(secret: string): Buffer {
  const key = base64(secret.replace(/^whsec_/, ''));
  if (!secret.startsWith('whsec_') || key?.length !== 32) {
    throw new VinrError(
      'The webhook secret must be `whsec_` and 32 bytes in base64, as shown when the endpoint was created. Pass ' +
        'webhookSecret to new Vinr({ … }), or set VINR_WEBHOOK_SECRET.',
    );
  }
  return key;
}

function claimOf(header: SignatureHeader): Claim {
  if (header === null || header === undefined) throw new SignatureError(`The request has no ${SIGNATURE_HEADER} header.`);
  if (typeof header === 'string' || Array.isArray(header)) return ownClaim(String(header));
  const headers = new Map<string, string>();
  const entries = header instanceof Headers ? header.entries() : Object.entries(header as Json);
  for (const [name, value] of entries) if (value !== null && value !== undefined) headers.set(name.toLowerCase(), String(value));
  const own = headers.get(SIGNATURE_HEADER);
  if (own !== undefined) return ownClaim(own);
  const [id, timestamp, signature] = STANDARD_HEADERS.map(name => headers.get(name));
  if (id === undefined || timestamp === undefined || signature === undefined) {
    throw new SignatureError(`The request has no ${SIGNATURE_HEADER} header, nor ${STANDARD_HEADERS.join(', ')}.`);
  }
  return standardClaim(id, timestamp, signature);
}

function ownClaim(header: string): Claim {
  const pairs = header.split(',').map(part => part.trim().split(/=(.*)/s, 2));
  const values = (name: string): string[] => pairs.filter(pair => pair[0] === name).map(pair => pair[1] ?? '');
  const [timestamp, ...others] = values('t');
  const signatures = values('v1');
  if (timestamp === undefined || others.length > 0 || signatures.length === 0) {
    throw new SignatureError(
      `${SIGNATURE_HEADER} must have the form t=<seconds>,v1=<hex>, but is ${JSON.stringify(header.slice(0, 80))}.`,
    );
  }
  const hex = signatures.filter(text => /^([0-9a-f]{2})*$/i.test(text)).map(text => Buffer.from(text, 'hex'));
  return { signed: `${timestamp}.`, timestamp, signatures: hex };
}

function standardClaim(id: string, timestamp: string, header: string): Claim {
  const signatures = header
    .split(/\s+/)
    .filter(part => part.startsWith('v1,'))
    .map(part => base64(part.slice(3)))
    .filter(bytes => bytes !== undefined);
  return { signed: `${id}.${timestamp}.`, timestamp, signatures };
}

/** The bytes; undefined if the text is not base64. (Buffer.from would skip invalid characters.) */
function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function checkAge(timestamp: string, tolerance: number): void {
  if (!/^[0-9]{1,12}$/.test(timestamp)) {
    throw new SignatureError(`The signature's time ${JSON.stringify(timestamp.slice(0, 40))} is not in Unix seconds.`);
  }
  const age = Math.floor(Date.now() / 1000) - Number(timestamp);
  // Not `>`: with a tolerance of NaN, nothing would be too old.
  if (!(Math.abs(age) <= tolerance)) {
    const when = age > 0 ? 'ago' : 'in the future';
    throw new SignatureError(`The signature was made ${Math.abs(age)} s ${when}; at most ${tolerance} s is allowed.`);
  }
}

function eventOf(body: Buffer): unknown {
  let event: unknown;
  try {
    event = JSON.parse(body.toString());
  } catch {
    event = undefined;
  }
  if (typeof event !== 'object' || event === null || typeof (event as Json)['type'] !== 'string') {
    throw new SignatureError('The payload is signed, but it is not an event.');
  }
  return readObject('Event', event);
}
