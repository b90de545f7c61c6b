// The page's way to the server that served it: queries over HTTP, subscriptions over the link's WebSocket.
import { Client, fetchExchange, subscriptionExchange } from "urql";
import { learnServerTime } from "../format/clock.ts";
import { createLink, type Link } from "../live/link.ts";
import { GRAPHQL_PATH, webSocketUrl } from "./endpoint.ts";

/** Without a cache: everything that the page shows is either pushed or asked for because it may have changed. */
export function createApi(): { client: Client; link: Link } {
  const link = createLink(webSocketUrl(window.location));
  const client = new Client({
    url: GRAPHQL_PATH,
    preferGetMethod: false,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      learnServerTime(response.headers.get("date"));
      return response;
    },
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: link.client.subscribe({ query, variables: variables as Variables }, sink as WsSink),
          }),
        }),
      }),
    ],
  });
  return { client, link };
}

type Variables = Record<string, unknown>;
/** The two libraries mean the same by a result, but spell its type differently. */
type WsSink = Parameters<Link["client"]["subscribe"]>[1];
