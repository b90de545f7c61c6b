// Other people's rules: the audits of GraphQL over HTTP, and the introspection that every tool begins with.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from "graphql";
import { serverAudits } from "graphql-http";
import { start } from "./server.js";

let server;
before(async () => {
  server = await start();
});
after(() => server.stop());

const audits = serverAudits({ url: () => server.url, fetchFn: fetch });

test("there are as many audits as were counted", () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", result.reason);
  });
}

const everything = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
};

for (const [name, options] of [["plain", {}], ["with everything", everything]]) {
  test(`the standard introspection query, ${name}, gives the schema in the repository`, async () => {
    const schema = buildClientSchema(await server.graphql(getIntrospectionQuery(options)));
    const kept = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));
    // The library describes the schema itself, with words of its own that its SDL leaves out.
    schema.description = undefined;
    const printed = (shown) => printSchema(lexicographicSortSchema(shown));
    assert.equal(printed(schema), printed(kept));
  });
}
