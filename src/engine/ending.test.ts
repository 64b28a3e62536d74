import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endText, limitsOf, readLimitEvents, signalName } from "./ending.ts";
import type { EndFacts } from "./ending.ts";
import type { ContainerState, ContainerStatus } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "pidbox-ending-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STATUS: ContainerStatus = {
  state: "ended", pid: 9, code: 0, signal: 0, core: false, forwarded: 0, sender: 0, started: 1, ended: 2, user: 0, system: 0, peak: 0,
  supervisor: 8, lost: 0,
};

function text(status: Partial<ContainerStatus>, facts: Partial<Omit<EndFacts, "status">> = {}): string | undefined {
  return endText({
    status: { ...STATUS, ...status }, events: { oomKills: 0, forksRefused: 0 }, memoryLimit: undefined, pidsLimit: undefined,
    killedCall: undefined, sender: undefined, ...facts,
  });
}

describe("endText()", () => {
  const TABLE: readonly (readonly [what: string, found: string | undefined, said: string | undefined])[] = [
    ["the program's own choice", text({ code: 3 }), undefined],
    ["a signal of the program to itself", text({ code: 134, signal: 6 }), "SIGABRT ended it"],
    ["a core dump", text({ code: 139, signal: 11, core: true }), "SIGSEGV ended it, core dumped"],
    ["memory", text({ code: 137, signal: 9 }, { events: { oomKills: 2, forksRefused: 0 }, memoryLimit: 64 * 2 ** 20 }), "the kernel killed it: out of memory (limit 64M)"],
    ["memory of a child", text({ code: 1 }, { events: { oomKills: 2, forksRefused: 0 } }), "it ended with 1 after the kernel killed 2 of its processes: out of memory"],
    ["refused forks", text({ code: 2 }, { events: { oomKills: 0, forksRefused: 7 }, pidsLimit: 16 }), "it ended with 2; 7 forks were refused (limit 16)"],
    ["a signal after refused forks", text({ code: 134, signal: 6 }, { events: { oomKills: 0, forksRefused: 7 } }), "SIGABRT ended it; 7 forks were refused (limit unknown)"],
    ["seccomp", text({ code: 159, signal: 31 }), "seccomp killed it: the call is not allowed here"],
    ["seccomp of a known call", text({ code: 159, signal: 31 }, { killedCall: "mount" }), "seccomp killed it at mount: the call is not allowed here"],
    ["a signal of another process", text({ code: 143, signal: 15, forwarded: 15, sender: 42 }, { sender: "bash\u001b[2J" }), "SIGTERM from process 42 (bash\\x1b[2J) ended it"],
    ["a process that is gone", text({ code: 143, signal: 15, forwarded: 15, sender: 42 }), "SIGTERM from process 42 ended it"],
    ["the keyboard", text({ code: 130, signal: 2, forwarded: 2 }), "SIGINT from the kernel or the keyboard ended it"],
    ["a second Ctrl-C", text({ code: 137, signal: 9, forwarded: 2 }), "a second Ctrl-C killed it"],
    ["a signal that it handled", text({ code: 0, forwarded: 15, sender: 42 }), undefined],
    ["a signal without a name", text({ code: 200, signal: 72 }), "signal 72 ended it"],
  ];
  for (const [what, found, said] of TABLE) {
    test(`says of ${what}: ${said ?? "nothing"}`, () => expect(found).toBe(said as string));
  }
});

describe("readLimitEvents()", () => {
  const cgroup = (name: string, files: Readonly<Record<string, string>>): string => {
    mkdirSync(join(folder, name));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, name, file), content);
    return join(folder, name);
  };
  test("adds up the counters of v1 and v2 cgroups", () => {
    const v1 = cgroup("v1", { "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n" });
    const v2 = cgroup("v2", { "memory.events": "low 9\nhigh 9\nmax 9\noom 9\noom_kill 2\noom_group_kill 9\n", "pids.events": "max 5\n" });
    expect(readLimitEvents([v1, v2])).toEqual({ oomKills: 5, forksRefused: 5 });
  });
  test("counts nothing where there is nothing to read", () => {
    expect(readLimitEvents([join(folder, "absent"), cgroup("odd", { "memory.events": "oom_kill many\n xoom_kill 4\n", "pids.events": "" })])).toEqual(
      { oomKills: 0, forksRefused: 0 },
    );
  });
});

describe("signalName() and limitsOf()", () => {
  test("name signals as the kernel does", () => expect([1, 9, 15, 31].map(signalName)).toEqual(["SIGHUP", "SIGKILL", "SIGTERM", "SIGSYS"]));
  test("give the limits of the config", () => {
    const state = (resources: unknown): ContainerState => ({ blueprint: { config: { linux: { resources } } } }) as unknown as ContainerState;
    expect(limitsOf(state({ memory: { limit: 7 }, pids: { limit: 3 } }))).toEqual({ memory: 7, pids: 3 });
    expect(limitsOf(state(undefined))).toEqual({ memory: undefined, pids: undefined });
  });
});
