// Keeps one subscription alive for ever. graphql-ws brings a broken *socket* back and subscribes again by itself;
// this covers what it leaves to its user: a subscription that the server ends or refuses over a healthy socket,
// and close codes that graphql-ws takes for final.
import type { CombinedError } from "urql";
import { onEnd, pipe, type Source, type Subscription, subscribe } from "wonka";
import { backoffMs, pause } from "./backoff.ts";

export interface Follower<Data> {
  data(data: Data): void;
  /** Why there is nothing new just now. Another attempt is already under way. */
  problem(message: string, code?: string): void;
}

/** The part of urql's OperationResult that matters here. */
interface Result<Data> {
  readonly data?: Data | undefined;
  readonly error?: CombinedError | undefined;
}

type Wait = (attempt: number, signal: AbortSignal) => Promise<void>;

const waitBackedOff: Wait = (attempt, signal) => pause(backoffMs(attempt), signal);

/** Follows what `open` opens until the returned function is called, opening it anew whenever it fails or ends. */
export function follow<Data>(
  open: () => Source<Result<Data>>,
  follower: Follower<Data>,
  wait: Wait = waitBackedOff,
): () => void {
  const stopped = new AbortController();
  let subscription: Subscription | undefined;
  let failures = 0;

  const start = () => {
    let over = false;
    // urql reports an error as a result and keeps the source open, but nothing comes after it.
    const again = async (problem: string | null, code?: string) => {
      if (over || stopped.signal.aborted) return;
      over = true;
      subscription?.unsubscribe();
      if (problem !== null) follower.problem(problem, code);
      await wait(failures++, stopped.signal);
      if (!stopped.signal.aborted) start();
    };
    subscription = pipe(
      open(),
      onEnd(() => void again(null)),
      subscribe(({ data, error }) => {
        if (over || stopped.signal.aborted) return;
        if (error) {
          const [said] = error.graphQLErrors;
          const code = said?.extensions.code;
          void again(said?.message ?? "The connection was closed", typeof code === "string" ? code : undefined);
        } else if (data) {
          failures = 0;
          follower.data(data);
        }
      }),
    );
  };

  start();
  return () => {
    stopped.abort();
    subscription?.unsubscribe();
  };
}
