import { describe, expect, test } from "bun:test";
import { mount, MOUNTS, object, OWN, POSTURE, status, task, WALL } from "../../test/fixtures/proc/posture.ts";
import type { Layer } from "../report/layer.ts";
import { compare } from "./compare.ts";
import type { PathFacts, Posture, TaskFacts } from "./posture.ts";
import { strictWall, type Wall } from "./promise.ts";

/** The layers that do not hold, as `name ok`. */
function faults(wall: Wall, posture: Posture): string[] {
  return compare(wall, posture).filter((layer) => layer.ok !== "yes").map((layer) => `${layer.name} ${layer.ok}`);
}

function found(layers: readonly Layer[], name: string): string {
  return layers.find((layer) => layer.name === name)?.found ?? "";
}

const second = (changes: Partial<TaskFacts>): Posture => ({ ...POSTURE, tasks: [task(500, 1), task(501, 2, changes)] });
const withMounts = (...more: Parameters<typeof mount>[]): Posture => ({ ...POSTURE, mounts: [...MOUNTS, ...more.map((m) => mount(...m))] });
const withPath = (path: string, facts: PathFacts): Posture => ({ ...POSTURE, paths: new Map([...POSTURE.paths, [path, facts]]) });
const withFile = (path: string, text: string | number): Posture => ({ ...POSTURE, cgroupFiles: new Map([...POSTURE.cgroupFiles, [path, text]]) });

test("compare() finds every layer of a container that is as promised", () => {
  expect(faults(WALL, POSTURE)).toEqual([]);
  expect(compare(WALL, POSTURE).map((layer) => layer.name)).toEqual([
    "every process", "membership", "init", "user namespace", "PID namespace", "mount namespace", "network namespace", "IPC namespace", "UTS namespace", "cgroup namespace", "time namespace",
    "user map", "group map", "users and groups", "capabilities", "no new privileges", "seccomp", "root and directory", "descriptors", "process limits", "out-of-memory score",
    "root filesystem", "mounts", "other mounts", "propagation", "masked paths", "hidden paths", "read-only paths", "procfs", "cgroups", "pids.max", "memory.max",
  ]);
});

/** One thing changed in the second of two processes, or in the container: exactly these layers do not hold. */
const BROKEN: readonly (readonly [what: string, posture: Posture, expected: readonly string[]])[] = [
  ["a process without filter", second({ status: status(501, 2, { Seccomp: "0", Seccomp_filters: "0" }) }), ["seccomp no"]],
  ["a strict-mode process", second({ status: status(501, 2, { Seccomp: "1" }) }), ["seccomp no"]],
  ["a process that may gain privileges", second({ status: status(501, 2, { NoNewPrivs: "0" }) }), ["no new privileges no"]],
  ["each capability set: effective", second({ status: status(501, 2, { CapEff: "200000" }) }), ["capabilities no"]],
  ["each capability set: permitted", second({ status: status(501, 2, { CapPrm: "1" }) }), ["capabilities no"]],
  ["each capability set: inheritable", second({ status: status(501, 2, { CapInh: "1" }) }), ["capabilities no"]],
  ["each capability set: bounding", second({ status: status(501, 2, { CapBnd: "1" }) }), ["capabilities no"]],
  ["each capability set: ambient", second({ status: status(501, 2, { CapAmb: "1" }) }), ["capabilities no"]],
  ["a saved uid of the host", second({ status: status(501, 2, { Uid: "100000 100000 0 100000" }) }), ["users and groups no"]],
  ["a supplementary group of the host", second({ status: status(501, 2, { Groups: "100000 42" }) }), ["users and groups no"]],
  ["another user of the map", second({ status: status(501, 2, { Uid: "100001 100001 100001 100001" }) }), ["users and groups no"]],
  ["a process in the host's network", second({ namespaces: { ...OWN, net: 4 } }), ["network namespace no"]],
  ["a process in a third mount namespace", second({ namespaces: { ...OWN, mnt: 99 } }), ["mount namespace no"]],
  ["a namespace that cannot be read", second({ namespaces: { user: 11, pid: 12, mnt: 13, ipc: 15, uts: 16, cgroup: 17, time: 18 } }), ["network namespace unknown"]],
  ["a process outside of the PID namespace", second({ status: status(501, 2, { NSpid: "501" }), namespaces: { ...OWN, pid: 2 } }), ["membership no", "PID namespace no"]],
  ["a root outside", second({ root: object(999) }), ["root and directory no"]],
  ["a working directory outside", second({ cwd: object(999) }), ["root and directory no"]],
  ["a working directory that is not readable", second({ cwd: -13 }), ["root and directory unknown"]],
  ["a descriptor of a host directory", second({ descriptors: [{ number: 7, link: "/", object: object(999) }] }), ["descriptors no"]],
  ["a descriptor of a host directory as standard input", second({ descriptors: [{ number: 0, link: "/", object: object(9, { inode: 9 }) }] }), ["descriptors no"]],
  ["a descriptor of a host file", second({ descriptors: [{ number: 7, link: "/etc/x", object: object(999, { mode: 0o100644 }) }] }), ["descriptors no"]],
  ["a descriptor that is not readable", second({ descriptors: [{ number: 7, link: "", object: -13 }] }), ["descriptors unknown"]],
  ["descriptors that are not readable", second({ descriptors: -13 }), ["descriptors unknown"]],
  ["a limit that was raised", second({ limits: new Map([["Max open files", { soft: 1024, hard: 4097 }]]) }), ["process limits no"]],
  ["a limit that is not listed", second({ limits: new Map() }), ["process limits unknown"]],
  ["an out-of-memory score below", second({ oomScoreAdj: -500 }), ["out-of-memory score no"]],
  ["another user map", { ...POSTURE, uidMap: [{ inside: 0, outside: 100000, count: 70000 }] }, ["user map no"]],
  ["a user map that is not readable", { ...POSTURE, uidMap: -13 }, ["user map unknown", "users and groups unknown"]],
  ["another init", { ...POSTURE, initProgram: "/bin/sh" }, ["init no"]],
  ["a process that is hidden", { ...POSTURE, unreadable: [{ pid: 600, errno: -13 }] }, ["every process unknown"]],
  ["processes that come too fast", { ...POSTURE, settled: false }, ["every process unknown"]],
  ["a mount more", withMounts([30, "/mnt", "ext4", ["rw"]]), ["other mounts no"]],
  ["a mount that is shared", { ...POSTURE, mounts: MOUNTS.map((m) => ({ ...m, shared: 5 })) }, ["propagation no"]],
  ["no mount where one was promised", withPath("/tmp", { object: object(20, { mountRoot: false }) }), ["mounts no", "other mounts no"]],
  ["a mask that was taken away", withPath("/proc/kcore", { object: object(21, { mode: 0o100400, mountRoot: false }) }), ["other mounts no", "masked paths no"]],
  ["a mask that is not empty", withPath("/sys/firmware", { object: object(24), empty: false }), ["masked paths no"]],
  ["a mask that could not be looked at", withPath("/proc/acpi", { object: -66 }), ["masked paths unknown"]],
  ["a mask by another device", withPath("/proc/acpi", { object: object(20, { mode: 0o020666, rdev: { major: 1, minor: 5 } }) }), ["masked paths no"]],
  ["a hidden file that is there", withPath("/etc/shadow", { object: object(20, { inode: 77, mode: 0o100640 }) }), ["hidden paths no"]],
  ["a read-only path that can be written", withPath("/proc/sys", { object: object(21) }), ["other mounts no", "read-only paths no"]],
  ["a procfs of the host", { ...POSTURE, procfs: new Map([["/proc", 2]]) }, ["procfs no"]],
  ["a second procfs of the host", { ...POSTURE, procfs: new Map([["/proc", 12], ["/tmp/p", 2]]) }, ["procfs no"]],
  ["a procfs that could not be asked", { ...POSTURE, procfs: new Map([["/proc", -2]]) }, ["procfs unknown"]],
  ["a thread outside of the cgroup", { ...POSTURE, cgroupDirectories: new Map([["500/500", ["/cg"]], ["501/501", ["/cgx"]]]) }, ["cgroups no"]],
  ["a pids limit that was raised", withFile("/cg/pids.max", "513"), ["pids.max no"]],
  ["a pids limit that was taken away", withFile("/cg/pids.max", "max"), ["pids.max no"]],
  ["a memory limit that cannot be read", withFile("/cg/memory.max", -2), ["memory.max unknown"]],
];

describe("compare() finds", () => {
  for (const [what, posture, expected] of BROKEN) test(what, () => expect(faults(WALL, posture)).toEqual([...expected]));

  test("nothing in an unreadable mount table: what depends on it is unknown", () => {
    expect(faults(WALL, { ...POSTURE, mounts: -13 })).toEqual(["root and directory unknown", "descriptors unknown", "mounts unknown"]);
  });

  test("nothing known when no process could be read, and never says that it holds", () => {
    const layers = compare(WALL, { ...POSTURE, tasks: [], unreadable: [{ pid: 500, errno: -13 }] });
    for (const name of ["every process", "seccomp", "capabilities", "user namespace", "cgroups", "descriptors"]) {
      expect([name, layers.find((l) => l.name === name)?.ok]).toEqual([name, "unknown"]);
    }
  });
});

const PIPE = { number: 3, link: "pipe:[4]", object: object(999, { mode: 0o010600 }) };

describe("compare() accepts", () => {
  const accepted: readonly (readonly [string, Posture])[] = [
    ["standard output from outside", second({ descriptors: [{ number: 10, link: "/dev/pts/3", object: object(9, { inode: 9, mode: 0o020620 }) }] })],
    ["pipes and anonymous inodes", second({ descriptors: [PIPE, { number: 4, link: "anon_inode:[eventfd]", object: object(999, { mode: 0 }) }] })],
    ["a limit that was lowered", withFile("/cg/pids.max", "100")],
    ["a file of the program's own where one was hidden", withPath("/etc/shadow", { object: object(20, { inode: 5, mode: 0o100644 }) })],
    ["a mask by the null device", withPath("/proc/acpi", { object: object(20, { mode: 0o020666, rdev: { major: 1, minor: 3 } }) })],
    ["a PID namespace that the container made below its own", {
      ...POSTURE, tasks: [...POSTURE.tasks, task(502, 3, { status: status(502, 3, { NSpid: "502 3 1" }), namespaces: { ...OWN, pid: 50 } })],
      cgroupDirectories: new Map([...POSTURE.cgroupDirectories, ["502/502", ["/cg"]]]),
    }],
  ];
  for (const [what, posture] of accepted) test(what, () => expect(faults(WALL, posture)).toEqual([]));
});

test("compare() names the process and thread that breaks a layer, and where to look", () => {
  const layers = compare(WALL, { ...POSTURE, tasks: [...POSTURE.tasks, task(501, 2, { thread: 502, status: status(502, 3, { Seccomp: "0" }) })] });
  expect(layers.find((layer) => layer.name === "seccomp")).toMatchObject({ found: "PID 501 (sleep) thread 502: no filter", evidence: "/proc/501/task/502/status" });
});

test("compare() lists what was given up by name as not holding", () => {
  const layers = compare({ ...WALL, waived: [{ flag: "--unsafe", name: "mount" }] }, POSTURE);
  expect(layers.at(-1)).toMatchObject({ name: "unsafe: mount", ok: "no", waived: "--unsafe=mount" });
});

describe("strictWall()", () => {
  const files = new Map([["/sys/fs/cgroup/a/b/pids.max", "max"], ["/sys/fs/cgroup/a/pids.max", "100"], ["/sys/fs/cgroup/a/b/memory.max", "max"], ["/sys/fs/cgroup/a/memory.max", "max"]]);
  const posture: Posture = { ...POSTURE, cgroupFiles: files };
  const strict = strictWall(POSTURE.host);

  test("takes a limit of any level, and none on all of them is a finding", () => {
    const layers = compare(strict, posture);
    expect(layers.find((l) => l.name === "pids limit")).toMatchObject({ ok: "yes", found: "100", evidence: "/sys/fs/cgroup/a/pids.max" });
    expect(layers.find((l) => l.name === "memory limit")).toMatchObject({ ok: "no", found: "none on any level" });
  });

  test("does not take a user map that leads to the host's root", () => {
    expect(faults(strict, { ...posture, uidMap: [{ inside: 0, outside: 0, count: 1 }] })).toContain("user map no");
    expect(faults(strict, { ...posture, uidMap: [] })).toContain("user map no");
  });

  test("asks for a label where the host has a module, and an unconfined one is none", () => {
    const labelled = (label: string | number): string => {
      const all = faults(strict, { ...posture, modules: ["AppArmor"], tasks: [task(500, 1, { label })] });
      return all.find((text) => text.startsWith("security")) ?? "";
    };
    expect([labelled("docker-default (enforce)"), labelled("unconfined"), labelled("docker-default (complain)"), labelled(""), labelled(-13)]).toEqual([
      "", "security module no", "security module no", "security module no", "security module unknown",
    ]);
    expect(found(compare(strict, posture), "security module")).toBe("this host has no module that labels processes");
  });
});
