// One player, followed live: its record by subscription, and the neighbourhood asked for when something moved.
import { useEffect, useReducer, useRef } from "react";
import { useClient } from "urql";
import { pipe, type Subscription as Running, subscribe } from "wonka";
import { AroundQuery, type BoardRecord, RankChangedSubscription } from "../api/documents.ts";
import { follow } from "../live/follow.ts";
import { extend, type Trail } from "./trail.ts";

/** How many neighbours above and below. */
export const RANGE = 3;
/** The neighbourhood is asked for this often at most, however much moves. */
const ASK_EVERY_MS = 1_000;

export interface PlayerState {
  /** Undefined until it is known; null when there is no such player in this season. */
  readonly record: BoardRecord | null | undefined;
  /** The player among its neighbours, in the order of their ranks. */
  readonly around: readonly BoardRecord[];
  readonly trail: Trail;
  /** What the server said instead. */
  readonly problem: string | null;
}

type PlayerEvent =
  | { readonly type: "record"; readonly record: BoardRecord | null; readonly at: number }
  | { readonly type: "around"; readonly around: readonly BoardRecord[] }
  | { readonly type: "problem"; readonly message: string };

export const NO_PLAYER: PlayerState = { record: undefined, around: [], trail: [], problem: null };

export function playerReducer(state: PlayerState, event: PlayerEvent): PlayerState {
  switch (event.type) {
    case "record": {
      const { record, at } = event;
      if (record === null) return { ...state, record, around: [], problem: null };
      return { ...state, record, problem: null, trail: extend(state.trail, { at, ...record }) };
    }
    case "around":
      return state.record ? { ...state, around: event.around } : state;
    case "problem":
      return { ...state, problem: event.message };
  }
}

/** Mount it under a `key` of board and player. `moved` is anything that changes when a neighbour may have moved. */
export function usePlayer(id: string, player: string, moved: string, paused: boolean): PlayerState {
  const client = useClient();
  const [state, dispatch] = useReducer(playerReducer, NO_PLAYER);

  useEffect(() => {
    if (paused) return;
    return follow(() => client.subscription(RankChangedSubscription, { id, player }), {
      data: ({ rankChanged }) => dispatch({ type: "record", record: rankChanged, at: Date.now() }),
      problem: (message) => dispatch({ type: "problem", message }),
    });
  }, [client, id, player, paused]);

  const askedAt = useRef(0);
  const asking = useRef<Running | null>(null);
  useEffect(() => () => asking.current?.unsubscribe(), []);

  const { record } = state;
  const reason = record && !paused ? `${moved} ${record.rank} ${record.score} ${record.subscore}` : null;
  useEffect(() => {
    if (reason === null) return;
    const ask = () => {
      askedAt.current = Date.now();
      asking.current?.unsubscribe();
      asking.current = pipe(
        client.query(AroundQuery, { id, player, range: RANGE, version: null }),
        // A failure is told by the subscription; the neighbourhood is asked for again with the next move.
        subscribe(({ data }) => {
          if (data?.leaderboard) dispatch({ type: "around", around: data.leaderboard.around });
        }),
      );
    };
    const timer = setTimeout(ask, Math.max(0, askedAt.current + ASK_EVERY_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [client, id, player, reason]);

  return state;
}
