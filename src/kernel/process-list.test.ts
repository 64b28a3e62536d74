import { expect, test } from "bun:test";
import { close, readText } from "./file.ts";
import { listPids, openProcess, parseCommandLine, readCommandLine, readDetail, readSummary } from "./process-list.ts";

test("listPids() gives ascending PIDs with this process among them", () => {
  const pids = listPids();
  if (typeof pids === "number") throw new Error(`errno ${pids}`);
  expect(pids).toContain(process.pid);
  expect(pids).toEqual(pids.toSorted((a, b) => a - b));
});

test("readSummary() and readDetail() answer undefined for a process that does not exist", () => {
  expect(readSummary(2 ** 22 + 1)).toBeUndefined();
  expect(readDetail(2 ** 22 + 1)).toBeUndefined();
  expect(readCommandLine(2 ** 22 + 1)).toEqual([]);
});

test("a handle on a process that has ended gives ESRCH, never another process", async () => {
  const child = Bun.spawn(["cat"], { stdin: "pipe" });
  const handle = openProcess(child.pid);
  expect(typeof readText("status", 65536, handle)).toBe("string");
  await child.stdin.end();
  await child.exited;
  expect(readText("status", 65536, handle)).toBe(-3);
  close(handle);
  expect(readSummary(child.pid)).toBeUndefined();
});

test("parseCommandLine() splits at NUL, keeps empty arguments, takes a rewritten title whole", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(parseCommandLine(bytes("sh\0-c\0\0"))).toEqual(["sh", "-c", ""]);
  expect(parseCommandLine(bytes("[lxc monitor] /var/lib/lxc a"))).toEqual(["[lxc monitor] /var/lib/lxc a"]);
  expect(parseCommandLine(bytes(""))).toEqual([]);
});

test("readCommandLine() cuts a long command line instead of failing", async () => {
  const child = Bun.spawn(["cat", "-", "-", "x".repeat(100_000)], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  expect(readCommandLine(child.pid).join(" ").length).toBeLessThanOrEqual(4096);
  await child.stdin.end();
  await child.exited;
});
