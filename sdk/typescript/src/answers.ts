// What comes with an answer: the id of its request, its status, and whether it is a replay.

/** How an answer came. */
export interface LastResponse {
  /** The id of the request, for support. */
  readonly requestId: string | undefined;
  /** 201 if the call created something, 200 if it already existed. */
  readonly status: number;
  /** Whether this is the answer to an earlier call with the same idempotency key. */
  readonly isReplay: boolean;
}

/** An object as answered. `lastResponse` is not enumerable. */
export type Answer<T> = T & { readonly lastResponse: LastResponse };

/** The answer with its `lastResponse`. */
export function answered<T extends object>(answer: T, response: Response): Answer<T> {
  const lastResponse: LastResponse = {
    requestId: response.headers.get('request-id') ?? undefined,
    status: response.status,
    isReplay: response.headers.get('idempotent-replayed') === 'true',
  };
  return Object.defineProperty(answer, 'lastResponse', { value: lastResponse }) as Answer<T>;
}
