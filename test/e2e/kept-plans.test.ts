/** Plans that are kept between starts: a start from one is no different from any other. What is taken and what not is in src/engine/plan-cache.test.ts. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { openScene } from "../scene.ts";
import { isolated } from "./isolation.ts";
import type { Start } from "./kept-plans-driver.ts";

const scene = openScene();

needs("root")("the third start runs the plan that the first compiled, with names of its own and its own program", () => {
  const { out, code } = isolated([process.execPath, join(import.meta.dir, "kept-plans-driver.ts"), scene.binary, scene.rootfs], { name: "kept", cwd: scene.directory });
  expect(code).toBe(0);
  for (const [verb, starts] of Object.entries(JSON.parse(out) as Record<string, Start[]>)) {
    const [first, second, third, other] = starts;
    expect([verb, first?.changed, second?.changed, third?.changed, other?.changed]).toEqual([verb, true, true, false, false]);
    expect((second?.kept ?? 0) - (first?.kept ?? 0)).toBeGreaterThan(20_000);
    expect([second, third].map((one) => one?.plan)).toEqual([first?.plan, first?.plan]);
    expect([second, third].map((one) => one?.state)).toEqual([first?.state, first?.state]);
    expect(other?.state).toBe(first?.state.replaceAll('"a"', '"another word"'));
  }
});

test("no plan is kept where a container may have been let in: outside of /run", async () => {
  for (let n = 0; n < 3; n++) expect(await scene.output(["run", "@", "echo", "up"], { caller: "rootless" })).toBe("up");
  expect(readdirSync(`${scene.runtime}/pidbox`).sort()).toEqual(["containers", "events", "ids", "names"]);
});
