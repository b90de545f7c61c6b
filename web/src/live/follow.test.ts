import type { Client, ExecutionResult, Sink } from "graphql-ws";
import { describe, expect, it } from "vitest";
import { backoffMs, pause } from "./backoff.ts";
import { follow } from "./follow.ts";

type AnySink = Sink<ExecutionResult<Record<string, unknown>>>;

/** A client whose subscriptions the test answers by hand, and waits that end when the test says so. */
function harness() {
  const sinks: AnySink[] = [];
  const waits: { attempt: number; over: () => void }[] = [];
  const heard: string[] = [];
  let unsubscribed = 0;
  const subscribe = (_: unknown, sink: AnySink) => {
    sinks.push(sink);
    return () => {
      unsubscribed++;
    };
  };
  const stop = follow(
    { subscribe: subscribe as Client["subscribe"] },
    { query: "subscription { x }" },
    { next: (result) => heard.push(result.errors?.[0]?.message ?? String(result.data?.x)) },
    (attempt) => new Promise<void>((over) => waits.push({ attempt, over })),
  );
  const endWait = async () => {
    waits.at(-1)?.over();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { sinks, waits, heard, stop, endWait, unsubscribed: () => unsubscribed };
}

describe("follow", () => {
  it("subscribes again after an error, passes the reason on, and waits longer each time", async () => {
    const h = harness();
    h.sinks[0]?.next({ data: { x: 1 } });
    h.sinks[0]?.error([new Error("UNAVAILABLE")]);
    expect(h.sinks).toHaveLength(1);
    await h.endWait();
    expect(h.sinks).toHaveLength(2);
    h.sinks[1]?.error({ code: 4500, reason: "gone" });
    await h.endWait();
    h.sinks[2]?.next({ data: { x: 2 } });
    expect(h.heard).toEqual(["1", "UNAVAILABLE", "the connection was closed", "2"]);
    expect(h.waits.map((wait) => wait.attempt)).toEqual([0, 1]);
    h.sinks[2]?.complete();
    expect(h.waits.at(-1)?.attempt).toBe(0);
  });

  it("subscribes again once when the server ends the subscription, however often it says so", async () => {
    const h = harness();
    h.sinks[0]?.complete();
    h.sinks[0]?.error(new Error("late"));
    await h.endWait();
    expect(h.sinks).toHaveLength(2);
    expect(h.waits).toHaveLength(1);
  });

  it("stops for good", async () => {
    const h = harness();
    h.stop();
    h.sinks[0]?.next({ data: { x: 1 } });
    h.sinks[0]?.complete();
    await h.endWait();
    expect(h.heard).toEqual([]);
    expect(h.sinks).toHaveLength(1);
    expect(h.unsubscribed()).toBe(1);
  });

  it("stops while it waits", async () => {
    const h = harness();
    h.sinks[0]?.complete();
    h.stop();
    await h.endWait();
    expect(h.sinks).toHaveLength(1);
  });
});

describe("backoff", () => {
  it("grows, is capped, and always waits at least half", () => {
    expect(backoffMs(0, () => 0)).toBe(125);
    expect(backoffMs(0, () => 1)).toBe(250);
    expect(backoffMs(3, () => 1)).toBe(2_000);
    expect(backoffMs(1_000_000, () => 1)).toBe(8_000);
    expect(backoffMs(1_000_000, () => 0)).toBe(4_000);
  });

  it("ends a pause when aborted, before or during it", async () => {
    const controller = new AbortController();
    const paused = pause(3_600_000, controller.signal);
    controller.abort();
    await paused;
    await pause(3_600_000, controller.signal);
  });
});
