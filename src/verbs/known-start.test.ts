import { describe, expect, test } from "bun:test";
import { doScene, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { ContainerState } from "../engine/store.ts";
import { patchedState } from "./known-start.ts";

const RANGE = 0x4000_0000;
const CREATED = 1_700_000_001_500;

/** The state of a container whose memory is limited. */
function stateOf(limit: number): ContainerState {
  const { seccomp: _seccomp, state: _state, executable: _executable, ...blueprint } = withConfig(doScene(), { linux: { resources: { memory: { limit } } } });
  const { id, title: name } = blueprint;
  return {
    version: 1, id, name, verb: "do", command: ["true"], created: CREATED, unsafe: [], degraded: [], remove: true, cgroups: [`/sys/fs/cgroup/pidbox/${id}`],
    names: [`/run/pidbox/names/${name}`], reservations: [`/run/pidbox/ids/${RANGE}`], labels: {}, blueprint: { ...blueprint, seccomp: "strict" },
  };
}

describe("patchedState()", () => {
  const patched = (state: ContainerState): ReturnType<typeof patchedState> => patchedState(state, { id: state.id, range: RANGE });

  test("finds the names and the time", () => {
    const found = patched(stateOf(2 ** 33));
    // The reservation, and both maps as the config and the mapping have them.
    expect(found?.slots.ranges).toHaveLength(5);
    expect(found?.created).toHaveLength(1);
  });

  test("gives nothing where a number is like the range or the time by accident", () => {
    for (const limit of [RANGE, RANGE * 10, CREATED]) expect(patched(stateOf(limit))).toBeUndefined();
  });
});
