// Builds two pages, the board and GraphiQL, into dist/, from which the server serves them.
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { configDefaults } from "vitest/config";

/**
 * GraphiQL's style sheet carries 400 kB of fonts as data: URLs, which `font-src 'self'` rightly refuses.
 * src/graphiql/graphiql.css names the fonts that are used instead.
 */
const withoutInlineFonts: Plugin = {
  name: "without-inline-fonts",
  enforce: "pre",
  transform(code, id) {
    if (!/graphiql\/dist\/style\.css/.test(id)) return null;
    return code.replace(/@font-face\s*\{[^}]*\}/g, "");
  },
};

/** A server to develop against: `hiscore serve`, somewhere. */
const server = process.env.HISCORE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), withoutInlineFonts],
  build: {
    target: "es2022",
    // No inline anything: the content security policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    rollupOptions: { input: { index: "index.html", graphiql: "graphiql.html" } },
  },
  server: {
    proxy: {
      "/graphql": { target: server, ws: true },
      "/metrics": { target: server },
      "/readyz": { target: server },
    },
  },
  test: { include: ["src/**/*.test.ts"], exclude: configDefaults.exclude },
});
