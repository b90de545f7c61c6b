// Collects what there is to be said and passes it on in bounded doses: at once after a silence, then every so often.

const EVERY_MS = 12_000;
/** What comes together is said together. */
const TOGETHER_MS = 300;

export class Announcements {
  #waiting = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  readonly #speak: (text: string) => void;

  constructor(speak: (text: string) => void) {
    this.#speak = speak;
  }

  /** The latest of a topic counts: what it replaces is no longer so. */
  say(topic: string, text: string): void {
    this.#waiting.set(topic, text);
    if (this.#timer !== undefined) return;
    const wait = Math.max(TOGETHER_MS, this.#saidAt + EVERY_MS - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#saidAt = Date.now();
      this.#speak([...this.#waiting.values()].join(" "));
      this.#waiting.clear();
    }, wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
