/** Waits for what other processes do, which a test can only look for again and again. All are bounded, and say what did not come. */

/** Milliseconds, on a common machine, on this one: PIDBOX_SLOW says how many times slower it is. */
export const patience = (milliseconds: number): number => milliseconds * Number(process.env["PIDBOX_SLOW"] ?? 1);

/** Milliseconds: many times what a loaded machine needs, and less than a test has (tools/test.ts). */
export const PATIENCE = patience(30_000);
const PAUSE = 2;
/** For Bun.spawn(): a process that does not end is killed, so that no test waits for ever. */
export const BOUNDED = { timeout: PATIENCE, killSignal: "SIGKILL" } as const;

type Answer<T> = Exclude<T, false | undefined>;
/** What is waited for; as a function it can say how far it came. */
type What = string | (() => string);

function late(what: What): Error {
  return new Error(`waited ${PATIENCE / 1000} seconds for ${typeof what === "string" ? what : what()}`);
}

/** Looks until there is an answer that is neither false nor undefined, and returns it. */
export async function until<T>(look: () => T | Promise<T>, what: What = String(look)): Promise<Answer<T>> {
  for (const end = performance.now() + PATIENCE; ; await Bun.sleep(PAUSE)) {
    const found = await look();
    if (found !== false && found !== undefined) return found as Answer<T>;
    if (performance.now() > end) throw late(what);
  }
}

/** The same for a test that is not asynchronous. */
export function untilSync<T>(look: () => T, what: What = String(look)): Answer<T> {
  for (const end = performance.now() + PATIENCE; ; Bun.sleepSync(PAUSE)) {
    const found = look();
    if (found !== false && found !== undefined) return found as Answer<T>;
    if (performance.now() > end) throw late(what);
  }
}

/** Looks until the list is empty, and returns what is on it at the end: the kernel takes killed processes away in its own time. */
export async function emptied(list: () => string[]): Promise<string[]> {
  for (const end = performance.now() + PATIENCE; ; await Bun.sleep(PAUSE)) {
    const left = list();
    if (left.length === 0 || performance.now() > end) return left;
  }
}

/** What `work` comes to; an error if that takes too long. */
export async function within<T>(work: Promise<T>, what: What): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late(what)), PATIENCE);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
