import { expect, test } from "bun:test";
import { HYBRID, ociScene, UNIFIED } from "../../test/fixtures/plan/scenes.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

/**
 * The supervisor's ops that tell when the holder ends, by what they are: until the first process goes on by itself. What is asked is whether the process moves,
 * and before each end whether the holder has gone.
 */
function story(facts: HostFacts): string[] {
  const scene = ociScene();
  if (scene.runtime === undefined) throw new Error("the scene has no runtime");
  const plan = decodePlan(compile({ ...scene, runtime: { ...scene.runtime, scope: { path: "/a.slice/b.scope", holder: 4242 } } }, facts, { self: 3 }));
  const texts = plan.ops.map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
  const [born, gone] = [texts.findIndex((text) => text.includes("clone3")), texts.findIndex((text) => text.startsWith("exit"))];
  const kinds = { born: /= clone3\(/, asked: /^if r\d+ is not 0, go to/, ended: /^kill\(4242, 9\)/, ready: /= recvmsg\(/ };
  return texts.slice(born, gone).flatMap((text) => Object.entries(kinds).flatMap(([kind, form]) => (form.test(text) ? [kind] : [])));
}

test("endHolder() comes when the first process is in the scope: at its birth, or once it has moved there for want of room", () => {
  expect(story(UNIFIED)).toEqual(["born", "born", "asked", "asked", "ended", "ready", "asked", "asked", "ended"]);
});

test("endHolder() comes when the first process is ready, where it enters cgroups of version 1 itself", () => {
  expect(story(HYBRID).slice(-3)).toEqual(["ready", "asked", "ended"]);
});
