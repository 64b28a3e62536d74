import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../../test/parts.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { close, readText } from "./file.ts";
import { openProcess } from "./process-list.ts";
import { parseProcessStatus } from "./process-status.ts";
import { type FilterRefusal, incapable, readSeccompFilters, releaseSeized, untouchable } from "./ptrace.ts";

const usable = Bun.which("cc") !== null;

describe.skipIf(!usable)("filters of a process (needs cc)", () => {
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "pidbox-ptrace-"));
    writeFileSync(join(directory, "filter"), builtinFilter("strict"));
    const build = Bun.spawnSync(["cc", "-O1", "-Wall", "-o", join(directory, "confine"), join(import.meta.dir, "../../test/seccomp/confine.c")]);
    expect(build.stderr.toString()).toBe("");
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** A shell under the strict filter that says when it is ready, and answers each line. */
  async function withShell(body: (pid: number, ask: (line: string) => Promise<string>) => Promise<void> | void): Promise<void> {
    // A signal that is trapped ends `read`.
    const script = "trap 'echo signalled' USR1; echo ready; while :; do if read -r line; then echo \"said $line\"; fi; done";
    const child = Bun.spawn([join(directory, "confine"), join(directory, "filter"), "/bin/sh", "-c", script], { stdin: "pipe", stdout: "pipe" });
    const reader = child.stdout.getReader();
    let seen = "";
    const until = async (word: string): Promise<string> => {
      while (!seen.includes(word)) {
        const { value, done } = await reader.read();
        if (done) break;
        seen += new TextDecoder().decode(value);
      }
      return seen;
    };
    await until("ready");
    try {
      await body(child.pid, async (line) => {
        await child.stdin.write(`${line}\n`);
        await child.stdin.flush();
        return until(`said ${line}`);
      });
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  }

  function read(pid: number): readonly Uint8Array[] | FilterRefusal {
    const dirfd = openProcess(pid);
    try {
      return readSeccompFilters(pid, dirfd);
    } finally {
      close(dirfd);
    }
  }

  needs("root")("the program as it was loaded, and the process goes on", async () => {
    await withShell(async (pid, ask) => {
      expect(read(pid)).toEqual([builtinFilter("strict")]);
      expect(parseProcessStatus(String(readText(`/proc/${pid}/status`))).tracer).toBe(0);
      expect(releaseSeized()).toBe(0);
      expect(await ask("one")).toContain("said one");
    });
  });

  needs("root")("a signal that arrives meanwhile is delivered", async () => {
    await withShell(async (pid, ask) => {
      process.kill(pid, "SIGUSR1");
      expect(read(pid)).toEqual([builtinFilter("strict")]);
      expect(await ask("two")).toContain("signalled");
    });
  });

  test("a process that is stopped is left alone", async () => {
    await withShell((pid) => {
      process.kill(pid, "SIGSTOP");
      let status = "";
      for (let tries = 0; tries < 1e6 && !status.includes("State:\tT"); tries++) status = String(readText(`/proc/${pid}/status`));
      expect(read(pid)).toEqual({ why: "it is stopped" });
    });
  });

  test("a process that has ended", async () => {
    let dirfd = -1;
    let ended = 0;
    await withShell((pid) => {
      ended = pid;
      dirfd = openProcess(pid);
    });
    expect(readSeccompFilters(ended, dirfd)).toEqual({ why: "it has ended", errno: -3 });
    close(dirfd);
  });
});

test("who gets nothing stops nobody", () => {
  const own = String(readText("/proc/self/status"));
  const status = (capabilities: string, seccomp: number): string => own.replace(/CapEff:\t.*/, `CapEff:\t${capabilities}`).replace(/Seccomp:\t.*/, `Seccomp:\t${seccomp}`);
  expect(incapable(status("0000000000200000", 0), 0xeffffffd)).toBeUndefined();
  expect(incapable(status("0000000000200000", 0), 4026532000)).toBe("it takes CAP_SYS_ADMIN on the host to read filters");
  expect(incapable(status("0000000000000000", 0), 0xeffffffd)).toBe("it takes CAP_SYS_ADMIN on the host to read filters");
  expect(incapable(status("0000000000200000", 2), 0xeffffffd)).toBe("pidbox has a seccomp filter itself");
});

test("whom it is better not to touch", () => {
  const own = String(readText("/proc/self/status"));
  expect(untouchable(own)).toBeUndefined();
  expect(untouchable(own.replace(/TracerPid:\t[0-9]+/, "TracerPid:\t7"))).toBe("another program traces it");
  expect(untouchable(own.replace(/State:\t[A-Z]/, "State:\tD"))).toBe("it waits in the kernel, or its cgroup is frozen");
  expect(untouchable(own.replace(/State:\t[A-Z]/, "State:\tZ"))).toBe("it has ended");
});
