// The page and the schema must agree: every document is valid, and the generated types are those of the schema.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildSchema, type DocumentNode, print, validate } from "graphql";
import { parse } from "graphql/language";
import { describe, expect, it } from "vitest";
import * as documents from "./documents.ts";

const web = path.resolve(import.meta.dirname, "../..");

/** Where the schema is, is said once: in tsconfig.json, for the code generator. */
function generator(): { schema: string; tadaOutputLocation: string } {
  const text = readFileSync(path.join(web, "tsconfig.json"), "utf8");
  const config: { compilerOptions: { plugins: [ReturnType<typeof generator>] } } = JSON.parse(text);
  return config.compilerOptions.plugins[0];
}

describe("schema", () => {
  const schema = buildSchema(readFileSync(path.join(web, generator().schema), "utf8"));

  for (const [name, document] of Object.entries(documents)) {
    it(`answers ${name}`, () => {
      expect(validate(schema, parse(print(document as unknown as DocumentNode)))).toEqual([]);
    });
  }

  it("is the one that the types were generated from (else: npm run codegen)", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "hiscore-web-types-"));
    try {
      const fresh = path.join(folder, "schema-env.d.ts");
      const gqlTada = path.join(web, "node_modules/.bin/gql.tada");
      execFileSync(gqlTada, ["generate-output", "--output", fresh], { cwd: web, stdio: "pipe" });
      expect(readFileSync(path.join(web, generator().tadaOutputLocation), "utf8")).toBe(readFileSync(fresh, "utf8"));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
