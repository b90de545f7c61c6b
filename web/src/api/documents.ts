// Every question that the page asks the server. Nothing else in the page holds GraphQL text.
import { graphql, type ResultOf } from "./tada.ts";

/** What a row of any table shows. */
const RowFragment = graphql(`
  fragment Row on Record {
    playerId
    rank
    score
    subscore
    updatedAt
  }
`);

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
      subscoreOrder
      versionId
    }
  }
`);

export const BoardChangedSubscription = graphql(
  `
    subscription BoardChanged($id: ID!, $first: Int!) {
      leaderboardChanged(id: $id, first: $first) {
        versionId
        revision
        rankState
        totalCount
        records {
          ...Row
        }
      }
    }
  `,
  [RowFragment],
);

export const RankChangedSubscription = graphql(
  `
    subscription RankChanged($id: ID!, $player: ID!) {
      rankChanged(leaderboardId: $id, playerId: $player) {
        ...Row
      }
    }
  `,
  [RowFragment],
);

/** A player and its neighbours, of the present season if `version` is null. */
export const AroundQuery = graphql(
  `
    query Around($id: ID!, $player: ID!, $range: Int!, $version: Int) {
      leaderboard(id: $id) {
        around(playerId: $player, range: $range, versionId: $version) {
          ...Row
        }
      }
    }
  `,
  [RowFragment],
);

/** Rows from a rank on, of the present season if `version` is null. */
export const RowsQuery = graphql(
  `
    query Rows($id: ID!, $from: Int!, $first: Int!, $version: Int) {
      leaderboard(id: $id) {
        records(fromRank: $from, first: $first, versionId: $version) {
          nodes {
            ...Row
          }
          pageInfo {
            hasNextPage
          }
        }
      }
    }
  `,
  [RowFragment],
);

/** How a season that is over ended: its top, and how many players it had. */
export const SeasonQuery = graphql(
  `
    query Season($id: ID!, $first: Int!, $version: Int!) {
      leaderboard(id: $id) {
        records(first: $first, versionId: $version) {
          totalCount
          nodes {
            ...Row
          }
        }
      }
    }
  `,
  [RowFragment],
);

/** The top of a board at one moment, as the server pushed it. */
export type BoardTop = ResultOf<typeof BoardChangedSubscription>["leaderboardChanged"];
export type BoardRecord = ResultOf<typeof RowFragment>;
export type BoardRules = NonNullable<ResultOf<typeof BoardQuery>["leaderboard"]>;
