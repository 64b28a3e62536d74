import { describe, expect, test } from "bun:test";
import { CAPABILITIES, LAST_CAPABILITY, capabilityMask, capabilityNames, capabilityNumber } from "./capabilities.ts";
import { errnoName } from "./errno.ts";
import { ERRNO, ERRNO_ALIASES, ERRNO_TEXT, errnoNumber } from "./errno-table.ts";
import { ERRNO_CAUSES, errnoCause } from "./errno-cause.ts";
import { SYSCALLS } from "./host.ts";
import { SIGNALS, signalName, signalNumber } from "./signals.ts";
import { SYSCALLS_ARM64 } from "./syscalls-arm64.ts";
import { SYSCALLS_I386 } from "./syscalls-i386.ts";
import { SYSCALLS_X64 } from "./syscalls-x64.ts";

describe("system call tables", () => {
  test("known numbers of each architecture", () => {
    expect(SYSCALLS_X64).toMatchObject({ read: 0, clone: 56, execve: 59, uretprobe: 335, uprobe: 336, clone3: 435, file_setattr: 469 });
    expect(SYSCALLS_I386).toMatchObject({ exit: 1, socketcall: 102, ipc: 117, clone: 120, socket: 359, arch_prctl: 384, semget: 393, clone3: 435 });
    expect(SYSCALLS_ARM64).toMatchObject({ io_setup: 0, fcntl: 25, renameat: 38, newfstatat: 79, clone: 220, mmap: 222, memfd_secret: 447 });
    expect(Object.hasOwn(SYSCALLS_ARM64, "open")).toBe(false);
  });

  test("the short table has numbers of the long one", () => {
    expect(SYSCALLS_X64).toMatchObject(SYSCALLS);
    expect(Object.keys(SYSCALLS)).toContain("execveat");
  });

  test("calls from 424 on have one number everywhere, and no number has two names", () => {
    const shared = (table: Readonly<Record<string, number>>): [string, number][] =>
      Object.entries(table).filter(([name, number]) => number >= 424 && !name.endsWith("_time64"));
    expect(shared(SYSCALLS_ARM64)).toEqual(shared(SYSCALLS_X64));
    expect(shared(SYSCALLS_I386)).toEqual(shared(SYSCALLS_X64));
    for (const table of [SYSCALLS_X64, SYSCALLS_I386, SYSCALLS_ARM64]) {
      const numbers = Object.values(table);
      expect(new Set(numbers).size).toBe(numbers.length);
      expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers);
    }
  });
});

describe("errno", () => {
  test("names and numbers answer each other", () => {
    for (const [name, number] of Object.entries(ERRNO)) {
      expect(errnoName(number)).toBe(name);
      expect(errnoName(-number)).toBe(name);
      expect(errnoNumber(name)).toBe(number);
      expect(Object.hasOwn(ERRNO_TEXT, name)).toBe(true);
    }
    expect(errnoNumber("EWOULDBLOCK")).toBe(11);
    expect(errnoNumber("ENOTSUP")).toBe(95);
    expect(errnoNumber("constructor")).toBeUndefined();
    for (const number of [0, 41, 58, 4000, -4000]) expect(errnoName(number)).toBe(`errno ${Math.abs(number)}`);
    for (const real of Object.values(ERRNO_ALIASES)) expect(Object.hasOwn(ERRNO, real)).toBe(true);
  });

  test("causes are of known names", () => {
    for (const name of Object.keys(ERRNO_CAUSES)) expect(Object.hasOwn(ERRNO, name)).toBe(true);
    expect(errnoCause(-1)).toContain("capability");
    expect(errnoCause(4000)).toBeUndefined();
  });
});

describe("capabilities", () => {
  test("41 of them, as a mask and back", () => {
    expect(CAPABILITIES.length).toBe(41);
    expect(LAST_CAPABILITY).toBe(40);
    expect(capabilityNumber("CAP_SYS_ADMIN")).toBe(21);
    expect(capabilityMask(["CAP_CHOWN", "CAP_BPF", "CAP_NO_SUCH"])).toBe((1n << 39n) | 1n);
    expect(capabilityNames(capabilityMask(CAPABILITIES))).toEqual([...CAPABILITIES]);
    expect(capabilityNames(1n << 63n)).toEqual(["CAP_63"]);
  });
});

describe("signals", () => {
  test("signalNumber() takes the spellings of docker and kill(1)", () => {
    for (const text of ["SIGTERM", "TERM", "term", "15"]) expect(signalNumber(text)).toBe(15);
    expect(signalNumber("SIGRTMIN+3")).toBe(37);
    expect(signalNumber("RTMAX-1")).toBe(63);
    expect(signalNumber("SIGPOLL")).toBe(29);
    for (const text of ["", "0", "65", "SIG", "SIGNOPE", "RTMIN+31", "RTMAX-31", "RTMIN-1", "SIGconstructor", "1e1"]) expect(signalNumber(text)).toBeUndefined();
  });

  test("signalName() is its inverse", () => {
    for (let number = 1; number <= 64; number += 1) if (number !== 32 && number !== 33) expect(signalNumber(signalName(number))).toBe(number);
    expect(signalName(SIGNALS.SIGSYS)).toBe("SIGSYS");
    expect(signalName(32)).toBe("signal 32");
  });
});
