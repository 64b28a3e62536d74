import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readDetail } from "../kernel/process-list.ts";
import { runHook } from "./hooks.ts";

const directory = mkdtempSync("/tmp/pidbox-hooks-");
afterAll(() => rmSync(directory, { recursive: true }));

function sh(script: string, more: Partial<Parameters<typeof runHook>[0]> = {}): string | undefined {
  return runHook({ path: "/bin/sh", args: ["hook", "-c", script], ...more }, '{"id":"c1"}', directory);
}

const isAlive = (pid: number): boolean => !["Z", "X", undefined].includes(readDetail(pid)?.stat.state);

describe("runHook()", () => {
  test("gives the state on standard input, the arguments, and no environment but the hook's", () => {
    expect(sh('cat > got; echo "$0" >> got; env | sort >> got', { env: ["A=B=C", "EMPTY="] })).toBeUndefined();
    const lines = readFileSync(`${directory}/got`, "utf8").split("\n");
    expect(lines[0]).toBe('{"id":"c1"}hook');
    // PWD and what sh(1) itself adds may be there; nothing of this process is.
    expect(lines.slice(1).filter((line) => line !== "" && !/^(PWD|_|SHLVL|OLDPWD)=/.test(line))).toEqual(["A=B=C", "EMPTY="]);
    expect(lines).toContain(`PWD=${directory}`);
  });
  test("says how it failed, with what it had to say", () => {
    expect(sh("echo no; echo \u001bway >&2; exit 3")).toBe("exit status 3, stdout+stderr: no\\n\\x1bway");
    expect(sh("kill -9 $$")).toBe("signal SIGKILL");
    expect(runHook({ path: "/nonexistent/hook" }, "{}", "/")).toMatch(/ENOENT|no such file/);
  });
  test("ends it when its time is over", () => {
    expect(sh("echo $$ > self; exec sleep 1000", { timeout: 1 })).toBe("it took longer than 1 s");
    expect(isAlive(Number(readFileSync(`${directory}/self`, "utf8")))).toBe(false);
  });
  test("does not wait for a child that it leaves behind, nor for the state to be read", () => {
    expect(sh(`sleep 1000 & echo $! > child`)).toBeUndefined();
    const child = Number(readFileSync(`${directory}/child`, "utf8"));
    expect(isAlive(child)).toBe(true);
    process.kill(child, "SIGKILL");
    expect(runHook({ path: "/bin/true" }, "x".repeat(1 << 20), "/")).toBeUndefined();
  });
});
