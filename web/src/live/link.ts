// The one WebSocket of the page, and what is known about it. Components read it through `useLink`.
import { type Client, createClient } from "graphql-ws";
import { useSyncExternalStore } from "react";
import { backoffMs, pause } from "./backoff.ts";

/** Ask a silent server for a sign of life this often, and give it this long to answer. */
const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;

export interface LinkState {
  readonly open: boolean;
  /** Counts connections, so that data can be told from data of an earlier connection. */
  readonly connection: number;
}

export interface Link {
  readonly client: Client;
  /** When the server last said anything, by this machine's clock; null before it ever did. */
  heardAt(): number | null;
  state(): LinkState;
  subscribe(listener: () => void): () => void;
}

export function createLink(url: string): Link {
  let state: LinkState = { open: false, connection: 0 };
  let heardAt: number | null = null;
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  const listeners = new Set<() => void>();

  const become = (next: LinkState) => {
    state = next;
    for (const listener of listeners) listener();
  };
  const heard = () => {
    heardAt = Date.now();
  };

  const client = createClient({
    url,
    // Open from the start, so that a page without a board knows, too, whether its server is there.
    lazy: false,
    onNonLazyError: () => {},
    keepAlive: PING_EVERY_MS,
    connectionAckWaitTimeout: PING_EVERY_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    retryWait: (retries) => pause(backoffMs(retries)),
    on: {
      connected: () => {
        heard();
        become({ open: true, connection: state.connection + 1 });
      },
      message: heard,
      ping: (received) => {
        // A cable pulled out closes nothing: without this the page would call itself live for minutes.
        if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer);
      },
      closed: () => {
        clearTimeout(pongTimer);
        if (state.open) become({ ...state, open: false });
      },
    },
  });

  return {
    client,
    heardAt: () => heardAt,
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export const useLink = (link: Link): LinkState => useSyncExternalStore(link.subscribe, link.state);
