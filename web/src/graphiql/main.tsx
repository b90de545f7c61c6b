// The entry of the GraphiQL page: a workbench for this server's API, and nothing from anywhere else.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import "graphiql/style.css";
import { createClient } from "graphql-ws";
import { createRoot } from "react-dom/client";
import { GRAPHQL_PATH, webSocketUrl } from "../api/endpoint.ts";
import "./graphiql.css";

const WELCOME = `# Queries, mutations and subscriptions of this hiscore server.

query Boards {
  leaderboards {
    nodes {
      id
      totalCount
      records(first: 3) {
        nodes {
          rank
          playerId
          score
        }
      }
    }
  }
}
`;

const fetcher = createGraphiQLFetcher({
  url: GRAPHQL_PATH,
  wsClient: createClient({ url: webSocketUrl(window.location) }),
});

/** `/graphiql?query=…` opens with that query; it is never run without a click. */
const asked = new URLSearchParams(window.location.search).get("query");

const root = document.getElementById("graphiql");
if (root) {
  createRoot(root).render(
    <GraphiQL fetcher={fetcher} defaultQuery={WELCOME} {...(asked === null ? {} : { query: asked })} />,
  );
}
