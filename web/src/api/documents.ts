// Every question that the page asks the server. Nothing else in the page holds GraphQL text.
import { graphql, type ResultOf } from "./tada.ts";

export const BoardsQuery = graphql(`
  query Boards($first: Int!) {
    leaderboards(first: $first) {
      nodes {
        id
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`);

export const BoardQuery = graphql(`
  query Board($id: ID!) {
    leaderboard(id: $id) {
      id
      operator
      sortOrder
    }
  }
`);

export const BoardChangedSubscription = graphql(`
  subscription BoardChanged($id: ID!, $first: Int!) {
    leaderboardChanged(id: $id, first: $first) {
      versionId
      revision
      rankState
      totalCount
      records {
        playerId
        rank
        score
        subscore
        updatedAt
      }
    }
  }
`);

/** The top of a board at one moment, as the server pushed it. */
export type BoardTop = ResultOf<typeof BoardChangedSubscription>["leaderboardChanged"];
export type BoardRecord = BoardTop["records"][number];
export type BoardRules = NonNullable<ResultOf<typeof BoardQuery>["leaderboard"]>;
