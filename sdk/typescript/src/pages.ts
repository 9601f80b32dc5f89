// Lists: `await` returns one page, iterating walks through all objects of all pages.

import type { LastResponse } from './answers.js';

/** One page of a list, newest first. `for await` continues through all further pages, requesting each when reached. */
export class Page<T extends object> implements AsyncIterable<T> {
  readonly object = 'list';
  readonly url: string;
  readonly data: T[];
  /** Whether more objects follow. */
  readonly hasMore: boolean;
  declare readonly lastResponse: LastResponse;
  readonly #query: object;
  readonly #ask: (query: object) => Promise<Page<T>>;

  constructor(
    answer: { readonly url: string; readonly data: T[]; readonly has_more: boolean },
    query: object,
    ask: (query: object) => Promise<Page<T>>,
  ) {
    this.url = answer.url;
    this.data = answer.data;
    this.hasMore = answer.has_more;
    this.#query = query;
    this.#ask = ask;
  }

  /** The same as `hasMore`. */
  get has_more(): boolean {
    return this.hasMore;
  }

  /** The page after this one; undefined at the end. */
  async nextPage(): Promise<Page<T> | undefined> {
    const last = this.#isBackwards ? this.data[0] : this.data.at(-1);
    if (!this.hasMore || last === undefined) return undefined;
    const { startingAfter, starting_after, endingBefore, ending_before, ...query } = this.#query as Cursors;
    const id = (last as { readonly id?: unknown }).id;
    return this.#ask({ ...query, [this.#isBackwards ? 'ending_before' : 'starting_after']: id });
  }

  /** With `endingBefore`, the walk goes from older to newer. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (let page: Page<T> | undefined = this; page !== undefined; page = await page.nextPage()) {
      yield* this.#isBackwards ? [...page.data].reverse() : page.data;
    }
  }

  get #isBackwards(): boolean {
    const { endingBefore, ending_before } = this.#query as Cursors;
    return (endingBefore ?? ending_before ?? undefined) !== undefined;
  }
}

interface Cursors {
  readonly startingAfter?: unknown;
  readonly starting_after?: unknown;
  readonly endingBefore?: unknown;
  readonly ending_before?: unknown;
}

/** A list that is requested when needed: `await` returns its first page, `for await` walks through all its objects. */
export class List<T extends object> implements Promise<Page<T>>, AsyncIterable<T> {
  readonly [Symbol.toStringTag] = 'List';
  readonly #ask: () => Promise<Page<T>>;
  #first: Promise<Page<T>> | undefined;

  constructor(ask: () => Promise<Page<T>>) {
    this.#ask = ask;
  }

  then<Done = Page<T>, Failed = never>(
    done?: ((page: Page<T>) => Done | PromiseLike<Done>) | null,
    failed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    this.#first ??= this.#ask();
    return this.#first.then(done, failed);
  }

  catch<Failed = never>(failed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null): Promise<Page<T> | Failed> {
    return this.then(undefined, failed);
  }

  finally(ended?: (() => void) | null): Promise<Page<T>> {
    return this.then().finally(ended);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this.then();
  }
}
