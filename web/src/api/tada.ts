// The typed `graphql` tag: every document written with it is checked against the generated schema types.
import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./schema-env.d.ts";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: {
    /** An integer within ±(2^53 − 1), which a JavaScript number holds exactly. */
    Score: number;
    /** RFC 3339, in UTC. */
    DateTime: string;
    JSON: unknown;
  };
}>();

export type { ResultOf, VariablesOf } from "gql.tada";
