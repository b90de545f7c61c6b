// What was built, as the server will serve it: small enough for a first view, and fit for the content security
// policy. Run by `npm run build`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";

const dist = path.resolve(import.meta.dirname, "../dist");

/** Script that the browser fetches before the board can show anything, compressed. */
const FIRST_VIEW_LIMIT = 120_000;

/** @param {string} file */
const read = (file) => readFileSync(path.join(dist, file), "utf8");

/**
 * The scripts of a page: those that it names, and all that these import statically.
 * @param {string} page
 */
function firstViewScripts(page) {
  const found = new Set(
    Array.from(read(page).matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g), (match) => match[1] ?? ""),
  );
  for (const script of found) {
    const imports = read(script).matchAll(
      /(?:^|[;}\s])(?:import|export)\s*(?:[\w$*{},\s]*?from\s*)?"(\.\/[^"]+\.js)"/g,
    );
    for (const [, name = ""] of imports) found.add(path.posix.join("/assets", name));
  }
  return [...found];
}

test("the first view of the board stays within its budget of script", (t) => {
  const scripts = firstViewScripts("index.html").map((script) => readFileSync(path.join(dist, script)));
  assert.ok(scripts.length > 0);
  const gzip = scripts.reduce((sum, script) => sum + gzipSync(script, { level: 9 }).length, 0);
  const brotli = scripts.reduce((sum, script) => sum + brotliCompressSync(script).length, 0);
  t.diagnostic(`first view: ${gzip} bytes of script with gzip, ${brotli} with brotli`);
  assert.ok(gzip <= FIRST_VIEW_LIMIT, `${gzip} bytes, ${FIRST_VIEW_LIMIT} allowed`);
});

for (const page of ["index.html", "graphiql.html"]) {
  test(`${page} has nothing inline and asks nobody else`, () => {
    const html = read(page);
    assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=/i);
    for (const [, attributes = "", body = ""] of html.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)) {
      assert.match(attributes, /src="\/assets\//);
      assert.equal(body.trim(), "");
    }
    for (const [, target = ""] of html.matchAll(/(?:src|href)="([^"]*)"/g)) assert.match(target, /^\/(?!\/)/);
  });
}

test("style sheets name no other place and no data: fonts", () => {
  const sheets = readdirSync(path.join(dist, "assets")).filter((name) => name.endsWith(".css"));
  assert.ok(sheets.length >= 2);
  for (const sheet of sheets) {
    for (const [, target = ""] of read(`assets/${sheet}`).matchAll(/url\(\s*["']?([^"')]*)/g)) {
      assert.match(target, /^(\/assets\/|data:image\/|#)/, sheet);
    }
  }
});

test("every asset has a hash in its name, so that it may be cached for ever", () => {
  for (const name of readdirSync(path.join(dist, "assets"))) {
    assert.match(name, /-[\w-]{8}\.(js|css|svg|woff2)$/);
  }
  assert.match(read("favicon.svg"), /^<svg/);
});
