import { describe, expect, test } from "bun:test";
import { bundleScene, doScene, hostUsersScene, HYBRID, runScene, withConfig } from "../../test/fixtures/plan/scenes.ts";
import { OPEN, RESOLVE } from "../kernel/abi/constants.ts";
import { NAMESPACES } from "./defaults.ts";
import { cellAt, decodePlan } from "./decode.ts";
import { compilation, createsNamespace, HOW_SIZE, joinedNamespace } from "./names.ts";
import { argumentValue } from "./op.ts";
import { PlanWriter } from "./writer.ts";

describe("createsNamespace() and joinedNamespace()", () => {
  test("tell the new, the joined and the host's namespaces apart", () => {
    for (const type of NAMESPACES) expect([type, createsNamespace(runScene(), type), joinedNamespace(runScene(), type)]).toEqual([type, true, undefined]);
    const joined = ["pid", "user", "network"];
    for (const type of NAMESPACES) {
      const path = joined.includes(type) ? `/run/ns/${type}` : undefined;
      expect([type, createsNamespace(bundleScene(), type), joinedNamespace(bundleScene(), type)]).toEqual([type, path === undefined, path]);
    }
    expect([createsNamespace(hostUsersScene(), "user"), joinedNamespace(hostUsersScene(), "user")]).toEqual([false, undefined]);
    const none = withConfig(doScene(), { linux: {} });
    expect(createsNamespace({ ...none, config: { ociVersion: "1.3.0" } }, "pid")).toBe(false);
  });
});

describe("compilation()", () => {
  test("keeps its descriptors above those that the caller gives to the program", () => {
    const of = (preserved: number | undefined): unknown => {
      const runtime = { directory: "/r", waits: false, leaves: false, failure: [], document: {}, noPivot: false, newKeyring: true, preserved: preserved ?? 0 };
      return compilation(new PlanWriter(), { ...runScene(), ...(preserved === undefined ? {} : { runtime }) }, HYBRID).descriptors;
    };
    expect(of(undefined)).toEqual({ report: 3, self: 4, extra: 5, charge: 6, client: 7 });
    expect(of(0)).toEqual({ report: 3, self: 4, extra: 5, charge: 6, client: 7 });
    expect(of(7)).toEqual({ report: 10, self: 11, extra: 12, charge: 13, client: 14 });
  });

  test("has no way to open a path that follows magic links, or leaves the root", () => {
    const w = new PlanWriter();
    const { how } = compilation(w, runScene(), HYBRID);
    const plan = decodePlan(w.exit(0).finish(0));
    expect(HOW_SIZE).toBe(24);
    for (const [name, room] of Object.entries(how)) {
      const at = argumentValue(room);
      const [flags, mode, resolve] = [cellAt(plan, at), cellAt(plan, at + 8), cellAt(plan, at + 16)];
      expect([name, flags & (OPEN.PATH | OPEN.CLOEXEC), mode]).toEqual([name, OPEN.PATH | OPEN.CLOEXEC, 0]);
      // RESOLVE_NO_SYMLINKS implies RESOLVE_NO_MAGICLINKS (openat2(2)).
      const [inside, plain] = [RESOLVE.IN_ROOT | RESOLVE.BENEATH, RESOLVE.NO_MAGICLINKS | RESOLVE.NO_SYMLINKS];
      expect([name, (resolve & inside) !== 0, (resolve & plain) !== 0]).toEqual([name, true, true]);
    }
  });
});
