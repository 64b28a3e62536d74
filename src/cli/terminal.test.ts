import { expect, test } from "bun:test";
import { openSync, closeSync } from "node:fs";
import { join } from "node:path";
import { isTerminal, writeAll } from "./terminal.ts";

const EPIPE = -32;
const ENOSPC = -28;
const EBADF = -9;

/** A process that writes `bytes` characters to its stdout with writeAll, made non-blocking first if `nonBlocking`, and exits at once. */
function writer(bytes: number, nonBlocking: boolean): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const source = `
    import { SYSCALLS } from ${JSON.stringify(join(import.meta.dir, "../kernel/abi/host.ts"))};
    import { syscall } from ${JSON.stringify(join(import.meta.dir, "../kernel/ffi.ts"))};
    import { writeAll } from ${JSON.stringify(join(import.meta.dir, "terminal.ts"))};
    if (${nonBlocking}) syscall(SYSCALLS.fcntl, 1, 4, 0o4000 | 1);
    const result = writeAll(1, "x".repeat(${bytes}));
    writeAll(2, String(result));
    process.exit(0);`;
  // sh stands between, so that stdout is a plain pipe with nobody else's flags.
  return Bun.spawn(["sh", "-c", `"$0" -e "$1" | { read -r _ </dev/null; cat; }`, process.execPath, source], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

test.each([false, true])("writeAll() loses nothing on a pipe that is slow to be read (non-blocking: %p)", async (nonBlocking) => {
  const bytes = 3_000_000;
  const child = writer(bytes, nonBlocking);
  expect((await child.stdout.text()).length).toBe(bytes);
  expect(await child.stderr.text()).toBe("0");
  expect(await child.exited).toBe(0);
});

test("writeAll() reports a reader that went away", async () => {
  const child = Bun.spawn(["sh", "-c", `"$0" -e "$1" 2>&3 | true`, process.execPath, `
    import { writeAll } from ${JSON.stringify(join(import.meta.dir, "terminal.ts"))};
    let result = 0;
    while (result === 0) result = writeAll(1, "x".repeat(100_000));
    writeAll(2, String(result));
    process.exit(0);`], { stdio: ["ignore", "ignore", "inherit", "pipe"] });
  await child.exited;
  expect(await new Response(Bun.file(Number(child.stdio[3])).stream()).text()).toBe(String(EPIPE));
});

test("writeAll() reports a full device and a closed descriptor", () => {
  const full = openSync("/dev/full", "w");
  try {
    expect(writeAll(full, "x")).toBe(ENOSPC);
  } finally {
    closeSync(full);
  }
  expect(writeAll(1_000_000, "x")).toBe(EBADF);
  expect(writeAll(1_000_000, "")).toBe(0);
});

test("isTerminal() is true for a terminal alone", () => {
  const terminal = openSync("/dev/ptmx", "r+");
  const file = openSync("/dev/null", "r");
  try {
    expect([isTerminal(terminal), isTerminal(file), isTerminal(1_000_000)]).toEqual([true, false, false]);
  } finally {
    closeSync(terminal);
    closeSync(file);
  }
});
