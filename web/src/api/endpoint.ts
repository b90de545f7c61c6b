// Where the API is: on the origin that served the page, one path for HTTP and WebSocket.

export const GRAPHQL_PATH = "/graphql";

export function webSocketUrl(location: Pick<Location, "protocol" | "host">): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${GRAPHQL_PATH}`;
}
