import { describe, expect, test } from "bun:test";
import { type CapturedHost, fixture } from "../../test/fixtures/proc/load.ts";
import { PidboxError } from "../base/error.ts";
import { readDetail } from "./process-list.ts";
import { parseProcessStat, parseProcessStatus } from "./process-status.ts";

const captured = (JSON.parse(fixture("host.json")) as CapturedHost).processes;
const status = (pid: number): string => captured[pid]?.status ?? "";

describe("parseProcessStatus()", () => {
  test("reads a docker container's init: PIDs on both sides, capabilities, seccomp", () => {
    const init = parseProcessStatus(status(10429));
    expect(init).toMatchObject({ name: "sleep", state: "S", pid: 10429, parent: 10408, pids: [10429, 1], threads: 1 });
    expect(init).toMatchObject({ seccomp: 2, seccompFilters: 1, noNewPrivileges: false });
    expect(init.uids).toEqual({ real: 0, effective: 0, saved: 0, filesystem: 0 });
    expect(init.capabilities.bounding).toBe(0xa80425fbn);
    expect(init.capabilities.ambient).toBe(0n);
    expect(init.residentBytes).toBeGreaterThan(100_000);
  });

  test("reads three levels of PIDs", () => {
    expect(parseProcessStatus(status(11076)).pids).toEqual([11076, 8, 1]);
  });

  test("has no resident memory for a kernel thread", () => {
    const kernel = Object.values(captured).map((p) => parseProcessStatus(p.status)).find((p) => p.name === "kdevtmpfs");
    expect(kernel).toBeDefined();
    expect(kernel?.residentBytes).toBeUndefined();
  });

  test("undoes the escapes of a name with newline and backslash", () => {
    expect(parseProcessStatus(status(10429).replace("Name:\tsleep", "Name:\ta\\nb\\\\c")).name).toBe("a\nb\\c");
  });

  test("says unknown, not off, for flags that the kernel does not print", () => {
    const old = parseProcessStatus(status(10429).replace(/^(NoNewPrivs|Seccomp|Seccomp_filters|NSpid):.*\n/gm, ""));
    expect(old.noNewPrivileges).toBeUndefined();
    expect(old.seccomp).toBeUndefined();
    expect(old.pids).toEqual([10429]);
  });

  for (const field of ["Name", "State", "Pid", "PPid", "Uid", "CapEff", "SigCgt", "Threads"]) {
    test(`refuses a text without ${field}`, () => {
      expect(() => parseProcessStatus(status(10429).replace(new RegExp(`^${field}:.*\n`, "m"), ""))).toThrow(PidboxError);
    });
  }
});

describe("parseProcessStat()", () => {
  const tail = `S 1 7 8 34816 7 4194560 ${Array.from({ length: 4 }, () => "0").join(" ")} 12 34 0 0 20 0 1 0 176511 4325376 350`;

  test("ends the name at the last parenthesis", () => {
    expect(parseProcessStat(`77 (a) R (b) ${tail}\n`)).toEqual({
      pid: 77, name: "a) R (b", state: "S", parent: 1, session: 8, tty: 34816, userTicks: 12, systemTicks: 34, start: 176511,
    });
  });

  test("reads every captured process", () => {
    for (const [pid, raw] of Object.entries(captured)) expect(parseProcessStat(raw.stat).pid).toBe(Number(pid));
  });

  for (const text of ["", "1 (a", "1 (a) ", "x (a) S 1", `1 (a) SS ${tail}`, "1 (a) S 1 1 1 tty"]) {
    test(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      expect(() => parseProcessStat(text)).toThrow(PidboxError);
    });
  }
});

test("readDetail() agrees with what this process knows of itself", () => {
  const own = readDetail(process.pid);
  expect(own?.status.pids.at(-1)).toBe(process.pid);
  expect(own?.status.parent).toBe(process.ppid);
  expect(own?.status.uids.effective).toBe(process.geteuid?.());
  expect(own?.stat.start).toBeGreaterThan(0);
});
