// The live top of one board: the last one that came, what came before it, and whether it is the present one.
import { useEffect, useReducer } from "react";
import { useClient } from "urql";
import { BoardChangedSubscription, type BoardTop } from "../api/documents.ts";
import { type History, remember } from "./baseline.ts";
import { follow } from "./follow.ts";
import { type Link, useLink } from "./link.ts";

export interface BoardState {
  /** Null until the first one comes; afterwards it only ever gives way to a newer one. */
  readonly top: BoardTop | null;
  /** What movement is told against. */
  readonly history: History | null;
  /** Over which connection `top` came. */
  readonly connection: number;
  /** What the server said instead of a newer top; null if nothing is wrong. */
  readonly problem: string | null;
  /** The server says that there is no such board (any more). */
  readonly gone: boolean;
  /** The season that was watched until the present one began; null if none ended meanwhile. */
  readonly ended: number | null;
}

export type BoardEvent =
  | { readonly type: "top"; readonly top: BoardTop; readonly connection: number; readonly at: number }
  | { readonly type: "problem"; readonly message: string; readonly code?: string | undefined }
  /** Nobody follows it any more: what comes next comes over another subscription. */
  | { readonly type: "left" };

/** No connection has this number. */
const NO_CONNECTION = 0;

export const NO_BOARD: BoardState = {
  top: null,
  history: null,
  connection: NO_CONNECTION,
  problem: null,
  gone: false,
  ended: null,
};

export function boardReducer(state: BoardState, event: BoardEvent): BoardState {
  if (event.type === "left") return { ...state, connection: NO_CONNECTION };
  if (event.type === "problem") return { ...state, problem: event.message, gone: event.code === "NOT_FOUND" };
  const { top, connection, at } = event;
  const before = state.top?.versionId;
  const ended = before !== undefined && before < top.versionId ? before : state.ended;
  return { top, history: remember(state.history, top, at), connection, problem: null, gone: false, ended };
}

/** Mount it under a `key` of the board's id: its state belongs to one board. */
export function useBoardTop(link: Link, id: string, first: number, paused: boolean): BoardState & { current: boolean } {
  const client = useClient();
  const { open, connection } = useLink(link);
  const [state, dispatch] = useReducer(boardReducer, NO_BOARD);

  useEffect(() => {
    if (paused) return;
    const leave = follow(() => client.subscription(BoardChangedSubscription, { id, first }), {
      data: ({ leaderboardChanged: top }) =>
        dispatch({ type: "top", top, connection: link.state().connection, at: Date.now() }),
      problem: (message, code) => dispatch({ type: "problem", message, code }),
    });
    return () => {
      leave();
      dispatch({ type: "left" });
    };
  }, [client, link, id, first, paused]);

  const current = open && state.connection === connection && state.problem === null && state.top !== null;
  return { ...state, current };
}
