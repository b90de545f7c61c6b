// Keeps one subscription alive for ever. graphql-ws brings a broken *socket* back and subscribes again by itself;
// this covers what it leaves to its user: a subscription that the server ends or refuses over a healthy socket,
// and close codes that graphql-ws takes for final.
import type { Client, SubscribePayload } from "graphql-ws";
import type { ExecutionResult } from "urql";
import { backoffMs, pause } from "./backoff.ts";

export interface Follower {
  /** A result, or, with `errors` and no data, the reason why there is none just now. */
  next(result: ExecutionResult): void;
}

type Subscribe = Pick<Client, "subscribe">;
type Wait = (attempt: number, signal: AbortSignal) => Promise<void>;

const waitBackedOff: Wait = (attempt, signal) => pause(backoffMs(attempt), signal);

/** Follows `payload` until the returned function is called. Never completes, never throws. */
export function follow(
  client: Subscribe,
  payload: SubscribePayload,
  follower: Follower,
  wait: Wait = waitBackedOff,
): () => void {
  const stopped = new AbortController();
  let unsubscribe = () => {};
  let failures = 0;

  const start = () => {
    let over = false;
    const again = async (errors: ExecutionResult["errors"]) => {
      if (over || stopped.signal.aborted) return;
      over = true;
      if (errors) follower.next({ errors });
      await wait(failures++, stopped.signal);
      if (!stopped.signal.aborted) start();
    };
    unsubscribe = client.subscribe<Record<string, unknown>>(payload, {
      next(result) {
        if (over || stopped.signal.aborted) return;
        if (result.data) failures = 0;
        follower.next(result as ExecutionResult);
      },
      error: (reason) => void again(asErrors(reason)),
      complete: () => void again(undefined),
    });
  };

  start();
  return () => {
    stopped.abort();
    unsubscribe();
  };
}

/** graphql-ws hands over GraphQL errors, an Error, or the event that closed the socket. */
function asErrors(reason: unknown): NonNullable<ExecutionResult["errors"]> {
  if (Array.isArray(reason)) return reason as NonNullable<ExecutionResult["errors"]>;
  const message = reason instanceof Error ? reason.message : "the connection was closed";
  return [{ message } as NonNullable<ExecutionResult["errors"]>[number]];
}
