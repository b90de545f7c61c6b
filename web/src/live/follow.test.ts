import { CombinedError } from "urql";
import { describe, expect, it } from "vitest";
import { makeSubject, type Source, type Subject } from "wonka";
import { backoffMs, pause } from "./backoff.ts";
import { follow } from "./follow.ts";

type Result = { data?: { x: number }; error?: CombinedError };

const data = (x: number): Result => ({ data: { x } });
const refusal = (message: string): Result => ({
  error: new CombinedError({ graphQLErrors: [{ message }] }),
});
const closed: Result = { error: new CombinedError({ networkError: new Error("4500") }) };

/** Subscriptions that the test answers by hand, and waits that end when the test says so. */
function harness() {
  const opened: Subject<Result>[] = [];
  const waits: { attempt: number; over: () => void }[] = [];
  const heard: string[] = [];
  const open = (): Source<Result> => {
    const subject = makeSubject<Result>();
    opened.push(subject);
    return subject.source;
  };
  const stop = follow(
    open,
    { data: ({ x }) => heard.push(String(x)), problem: (message) => heard.push(message) },
    (attempt) => new Promise<void>((over) => waits.push({ attempt, over })),
  );
  const endWait = async () => {
    waits.at(-1)?.over();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { opened, waits, heard, stop, endWait };
}

describe("follow", () => {
  it("opens again after an error, passes the reason on, and waits longer until data comes", async () => {
    const h = harness();
    h.opened[0]?.next(data(1));
    h.opened[0]?.next(refusal("the tier is away"));
    expect(h.opened).toHaveLength(1);
    await h.endWait();
    expect(h.opened).toHaveLength(2);
    h.opened[1]?.next(closed);
    await h.endWait();
    h.opened[2]?.next(data(2));
    expect(h.heard).toEqual(["1", "the tier is away", "The connection was closed", "2"]);
    expect(h.waits.map((wait) => wait.attempt)).toEqual([0, 1]);
    h.opened[2]?.complete();
    expect(h.waits.at(-1)?.attempt).toBe(0);
  });

  it("opens again once when the server ends it, and hears nothing more of what is over", async () => {
    const h = harness();
    h.opened[0]?.next(refusal("first"));
    h.opened[0]?.next(refusal("second"));
    h.opened[0]?.next(data(9));
    h.opened[0]?.complete();
    await h.endWait();
    expect(h.heard).toEqual(["first"]);
    expect(h.opened).toHaveLength(2);
    expect(h.waits).toHaveLength(1);
  });

  it("stops for good, also while it waits", async () => {
    const h = harness();
    h.opened[0]?.complete();
    h.stop();
    await h.endWait();
    expect(h.opened).toHaveLength(1);

    const other = harness();
    other.stop();
    other.opened[0]?.next(data(1));
    other.opened[0]?.complete();
    expect(other.heard).toEqual([]);
    expect(other.waits).toHaveLength(0);
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
