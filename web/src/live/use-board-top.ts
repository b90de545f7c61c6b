// The live top of one board: the last one that came, what changed with it, and whether it is the present one.
import { useEffect, useReducer } from "react";
import { useClient } from "urql";
import { BoardChangedSubscription, type BoardTop } from "../api/documents.ts";
import { type Changes, changesBetween, NO_CHANGES } from "./changes.ts";
import { follow } from "./follow.ts";
import { type Link, useLink } from "./link.ts";

export interface BoardState {
  /** Null until the first one comes; afterwards it only ever gives way to a newer one. */
  readonly top: BoardTop | null;
  readonly changes: Changes;
  /** Over which connection `top` came. */
  readonly connection: number;
  /** What the server said instead of a newer top; null if nothing is wrong. */
  readonly problem: string | null;
}

export type BoardEvent =
  | { readonly type: "top"; readonly top: BoardTop; readonly connection: number }
  | { readonly type: "problem"; readonly message: string };

export const NO_BOARD: BoardState = { top: null, changes: NO_CHANGES, connection: 0, problem: null };

export function boardReducer(state: BoardState, event: BoardEvent): BoardState {
  if (event.type === "problem") return { ...state, problem: event.message };
  const { top, connection } = event;
  return { top, changes: changesBetween(state.top, top), connection, problem: null };
}

/** Mount it under a `key` of the board's id: its state belongs to one board. */
export function useBoardTop(link: Link, id: string, first: number): BoardState & { current: boolean } {
  const client = useClient();
  const { open, connection } = useLink(link);
  const [state, dispatch] = useReducer(boardReducer, NO_BOARD);

  useEffect(
    () =>
      follow(() => client.subscription(BoardChangedSubscription, { id, first }), {
        data: ({ leaderboardChanged: top }) => dispatch({ type: "top", top, connection: link.state().connection }),
        problem: (message) => dispatch({ type: "problem", message }),
      }),
    [client, link, id, first],
  );

  const current = open && state.connection === connection && state.problem === null && state.top !== null;
  return { ...state, current };
}
