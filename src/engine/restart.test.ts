import { describe, expect, test } from "bun:test";
import { restartDelay, wasAsked } from "./restart.ts";
import type { RestartPolicy } from "./store.ts";

const policy = (name: RestartPolicy["name"], retries = 0): RestartPolicy => ({ name, retries });
const short = (code: number) => ({ code, started: 1000, ended: 1500 });

describe("restartDelay()", () => {
  test.each([
    ["no", 1, false, undefined], ["always", 0, false, 100], ["always", 7, false, 100], ["unless-stopped", 0, false, 100],
    ["on-failure", 0, false, undefined], ["on-failure", 3, false, 100], ["always", 0, true, undefined], ["on-failure", 3, true, undefined],
  ] as const)("%s after exit code %d, asked for: %p", (name, code, stopped, delay) => {
    expect(restartDelay(policy(name), short(code), { restarts: 0 }, stopped)).toBe(delay);
  });
  test("doubles up to a minute, and begins anew after ten seconds of running", () => {
    const delays: (number | undefined)[] = [];
    for (let delay = restartDelay(policy("always"), short(1), { restarts: 0 }, false); delays.length < 12; ) {
      delays.push(delay);
      delay = restartDelay(policy("always"), short(1), { restarts: delays.length, ...(delay === undefined ? {} : { delay }) }, false);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
    expect(restartDelay(policy("always"), { code: 1, started: 1000, ended: 11_000 }, { restarts: 9, delay: 60_000 }, false)).toBe(100);
  });
  test("on-failure:N is N times at most", () => {
    const after = (restarts: number) => restartDelay(policy("on-failure", 2), short(1), { restarts, delay: 100 }, false);
    expect([after(0), after(1), after(2)]).toEqual([200, 200, undefined]);
  });
});

describe("wasAsked()", () => {
  test("takes TERM, INT, QUIT, KILL and the container's own stop signal for a wish to end, and no other", () => {
    expect([15, 2, 3, 9, 10].map((forwarded) => wasAsked({ forwarded }, 10))).toEqual([true, true, true, true, true]);
    expect([0, 1, 10, 28].map((forwarded) => wasAsked({ forwarded }, undefined))).toEqual([false, false, false, false]);
  });
});
