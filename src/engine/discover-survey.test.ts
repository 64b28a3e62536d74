import { describe, expect, test } from "bun:test";
import { loadFacts } from "../../test/fixtures/proc/load.ts";
import { HOST_NAMESPACES, makeFacts, separate } from "../../test/fixtures/proc/synthetic.ts";
import { PidboxError } from "../base/error.ts";
import { selectContainer, selectTarget, survey } from "./discover-survey.ts";
import { findInside, locate, namespaceTree } from "./discover-tree.ts";

const view = survey(loadFacts("host.json"));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof PidboxError) return error.code;
    throw error;
  }
  return "none";
}

describe("selectTarget()", () => {
  test("takes a beginning of an id, a name, and a host PID", () => {
    expect(selectContainer(view, "0055").initPid).toBe(10429);
    expect(selectContainer(view, "p-plain").initPid).toBe(10789);
    expect(selectContainer(view, "10600").initPid).toBe(10429);
    expect(selectTarget(view, "pid:11075")).toMatchObject({ process: { pid: 11075 }, container: { initPid: 11048 } });
  });

  test("refuses what means more than one", () => {
    expect(codeOf(() => selectTarget(view, "pidns-"))).toBe("CONFLICT");
    const twins = survey(makeFacts([{ pid: 1234, namespaces: HOST_NAMESPACES }, { pid: 50, pids: [50, 1], cgroup: `/docker/1234${"a".repeat(60)}`, namespaces: separate(20) }]));
    expect(codeOf(() => selectTarget(twins, "1234"))).toBe("CONFLICT");
    expect(selectTarget(twins, "pid:1234").process?.pid).toBe(1234);
    expect(selectTarget(twins, "1234a").container?.initPid).toBe(50);
  });

  test("says NOT_FOUND for nothing and for a process in no container", () => {
    for (const reference of ["", "nothing", "999999", "pid:999999"]) expect(codeOf(() => selectTarget(view, reference))).toBe("NOT_FOUND");
    expect(codeOf(() => selectContainer(view, "10408"))).toBe("NOT_FOUND");
  });
});

describe("the tree of PID namespaces", () => {
  test("nests a namespace in the one it was made in, and puts joined containers in one node", () => {
    const root = namespaceTree(view);
    expect(root).toMatchObject({ level: 1, inode: 4026531836 });
    expect(root.containers.map((c) => c.initPid)).toEqual([10493]);
    expect(root.children).toHaveLength(10);
    expect(root.children.find((n) => n.inode === 4026532404)?.containers.map((c) => c.initPid)).toEqual([10429, 10556]);
    const outer = root.children.find((n) => n.containers[0]?.initPid === 11048);
    expect(outer?.children.map((n) => [n.level, n.processes.map((p) => p.pids)])).toEqual([[3, [[11076, 8, 1]]]]);
  });

  test("an unprivileged caller gets the same shape, but for the joined container, which it cannot know", () => {
    const shape = (name: string): unknown => {
      const root = namespaceTree(survey(loadFacts(name)));
      return root.children.filter((n) => n.containers[0]?.initPid !== 10556).map((n) => [n.containers[0]?.initPid, n.children.length]);
    };
    expect(shape("host-unprivileged.json")).toEqual(shape("host.json"));
  });

  test("names the owner of a namespace made in a user namespace", () => {
    const unshared = namespaceTree(view).children.find((n) => n.containers[0]?.initPid === 9611);
    expect(unshared).toMatchObject({ ownerUserNamespace: 4026532177, ownerUid: 0 });
  });

  test("locates a process from the host, and the other way round", () => {
    const inner = view.processes.get(11076);
    if (inner === undefined) throw new Error("fixture without 11076");
    expect(locate(view, inner).levels.map((l) => [l.level, l.pid, l.container?.initPid ?? null])).toEqual([[1, 11076, null], [2, 8, 11048], [3, 1, 11076]]);
    expect(findInside(view, selectContainer(view, "37379b"), 8 - 1).pid).toBe(11075);
    expect(findInside(view, selectContainer(view, "0055"), 8).pid).toBe(10556);
    expect(codeOf(() => findInside(view, selectContainer(view, "0055"), 99))).toBe("NOT_FOUND");
  });
});
