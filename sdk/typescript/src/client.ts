// One request, its retries, its answer or error. All methods of the resources call this.

import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { answered, type Answer } from './answers.js';
import { ApiError, apiError, ConnectionError, TimeoutError, VinrError } from './errors.js';
import { readObject } from './objects.js';
import { List, Page } from './pages.js';
import { delayOf, readRetryAfter, type Retries } from './retries.js';
import type { Json } from './values.js';
import { VERSION } from './version.js';
import { writeBody, writeQuery } from './wire.js';

const BASE_URL = 'http://127.0.0.1:8484';

export interface VinrSettings {
  /** The API key; VINR_SECRET_KEY unless given. */
  readonly secretKey?: string | null | undefined;
  /** Where the API is; VINR_BASE_URL unless given. */
  readonly baseUrl?: string | null | undefined;
  /** The secret for `webhooks.verify`, as shown when the endpoint was created; VINR_WEBHOOK_SECRET unless given. */
  readonly webhookSecret?: string | null | undefined;
  /** Milliseconds that one attempt may take: 30,000 unless given. */
  readonly timeout?: number | undefined;
  /** How often a call is retried at most: 2 unless given. */
  readonly maxRetries?: number | undefined;
  /** Milliseconds before the first retry, doubled for each further one: 500 unless given. */
  readonly retryDelay?: number | undefined;
  /** The function that sends requests; the `fetch` of Node.js unless given. */
  readonly fetch?: typeof fetch | undefined;
}

export interface RequestOptions {
  /** Milliseconds that one attempt may take. */
  readonly timeout?: number | undefined;
  /** Ends the call and its retries. */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** The same answer, without writing anything. */
  readonly dryRun?: boolean | undefined;
}

export interface PostOptions extends WriteOptions {
  /** Makes the call count once however often it is sent; a random key unless given. */
  readonly idempotencyKey?: string | undefined;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | null;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

interface Outcome {
  readonly response: Response;
  readonly body: unknown;
}

export class Client {
  readonly baseUrl: string;
  readonly #secretKey: string | undefined;
  readonly #timeout: number;
  readonly #retries: Retries;
  readonly #fetch: typeof fetch;

  constructor(settings: VinrSettings) {
    this.baseUrl = (settings.baseUrl || process.env['VINR_BASE_URL'] || BASE_URL).replace(/\/+$/, '');
    this.#secretKey = settings.secretKey ?? process.env['VINR_SECRET_KEY'];
    this.#timeout = settings.timeout ?? 30_000;
    this.#retries = { maxRetries: settings.maxRetries ?? 2, firstDelay: settings.retryDelay ?? 500 };
    this.#fetch = settings.fetch ?? fetch;
  }

  /** The answer to a call, after retries. */
  async send<T extends object>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    shapeName: string,
    body?: object,
    options: PostOptions = {},
  ): Promise<Answer<T>> {
    const query = options.dryRun ? '?dry_run=true' : '';
    const { response, body: answer } = await this.#request(method, path + query, body, options);
    return answered(readObject(shapeName, answer) as T, response);
  }

  /** The answer to a question about one object. */
  async ask<T extends object>(
    path: string,
    shapeName: string,
    query: object = {},
    options: RequestOptions = {},
  ): Promise<Answer<T>> {
    return this.send('GET', path + writeQuery(query), shapeName, undefined, options);
  }

  /** A list to await or to walk. */
  list<T extends object>(path: string, shapeName: string, query: object = {}, options: RequestOptions = {}): List<T> {
    const ask = async (query: object): Promise<Page<T>> => {
      const { response, body } = await this.#request('GET', path + writeQuery(query), undefined, options);
      const { url, data, has_more } = body as { url: string; data: unknown[]; has_more: boolean };
      const objects = data.map(values => readObject(shapeName, values) as T);
      return answered(new Page({ url, data: objects, has_more }, query, ask), response);
    };
    return new List(() => ask(query));
  }

  async #request(method: string, path: string, body: object | undefined, options: PostOptions): Promise<Outcome> {
    const request = this.#prepare(method, path, body, options);
    for (let retriesDone = 0; ; retriesDone++) {
      const outcome = await this.#try(request);
      if (!(outcome instanceof VinrError)) return outcome;
      const delay = delayOf(outcome, retriesDone, this.#retries);
      if (delay === undefined) throw outcome;
      await sleep(delay, undefined, request.signal && { signal: request.signal });
    }
  }

  #prepare(method: string, path: string, body: object | undefined, options: PostOptions): Request {
    const headers = new Headers({ Authorization: `Bearer ${this.#key()}`, 'User-Agent': `vinr-node/${VERSION}` });
    if (method === 'POST') {
      // Headers take bytes, one for each character.
      headers.set('Idempotency-Key', Buffer.from(options.idempotencyKey ?? randomUUID()).toString('latin1'));
    }
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    return {
      method,
      url: this.baseUrl + path,
      headers,
      body: body === undefined ? null : writeBody(body),
      timeout: options.timeout ?? this.#timeout,
      signal: options.signal,
    };
  }

  #key(): string {
    if (!this.#secretKey) throw new VinrError('No API key. Pass secretKey to new Vinr({ … }) or set VINR_SECRET_KEY.');
    if (!/^[\x21-\x7e]+$/.test(this.#secretKey)) {
      throw new VinrError('The API key contains characters that no key has. Copy it again.');
    }
    return this.#secretKey;
  }

  /** The answer to one attempt, or why there is none. */
  async #try({ url, timeout, signal, ...request }: Request): Promise<Outcome | ApiError | ConnectionError> {
    signal?.throwIfAborted();
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const timer = setTimeout(end, timeout);
    signal?.addEventListener('abort', end);
    try {
      // This API never redirects, and the key is only for this server.
      const response = await this.#fetch(url, { ...request, signal: ending.signal, redirect: 'manual' });
      const body = parsed(await response.text());
      if (!response.ok) return apiError(response, body, readRetryAfter(response.headers.get('retry-after')));
      if (body !== undefined) return { response, body };
    } catch (cause) {
      signal?.throwIfAborted();
      if (ending.signal.aborted) return new TimeoutError(`${url} did not answer within ${timeout} ms.`, { cause });
      return new ConnectionError(`No answer from ${url}: ${reasonOf(cause)}.`, { cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
    throw new VinrError(`${url} answered without an object of this API. Check the base URL.`);
  }
}

function parsed(text: string): Json | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** The reason that `fetch` keeps in the cause of its "fetch failed". */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error ? (error.cause ?? error) : error;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}
