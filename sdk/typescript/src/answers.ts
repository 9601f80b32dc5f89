// What stands beside an answer: the request it came by, its status, and whether it is a replay.

/** How an answer came. */
export interface LastResponse {
  /** The id to ask about. */
  readonly requestId: string | undefined;
  /** 201 where something was made, 200 where it was there already. */
  readonly status: number;
  /** Whether this is the answer to an earlier call with the same idempotency key. */
  readonly isReplay: boolean;
}

/** An object as answered. `lastResponse` is not enumerable. */
export type Answer<T> = T & { readonly lastResponse: LastResponse };

/** The answer with how it came. */
export function answered<T extends object>(answer: T, response: Response): Answer<T> {
  const lastResponse: LastResponse = {
    requestId: response.headers.get('request-id') ?? undefined,
    status: response.status,
    isReplay: response.headers.get('idempotent-replayed') === 'true',
  };
  return Object.defineProperty(answer, 'lastResponse', { value: lastResponse }) as Answer<T>;
}
