import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { SYSCALLS_ARM64 } from "../kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_I386 } from "../kernel/abi/syscalls-i386.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from "../spec/runtime-config.ts";
import { refusal, run } from "../kernel/seccomp-program.ts";
import { BPF, ProgramBuilder } from "./cbpf.ts";
import { AUDIT_ARCH, filterFlags, usesNotify } from "./seccomp-action.ts";
import { builtinFilter } from "./seccomp-compiled.ts";
import { DEFAULT_CAPABILITIES, defaultProfile, initProfile, relayProfile, strictProfile } from "./seccomp-defaults.ts";
import { CAPABILITY_GROUPS, COMMON_GROUPS, DEFAULT_GROUPS, INIT_GROUP, RELAY_GROUP } from "./seccomp-groups.ts";
import { resolveProfile } from "./seccomp-profile.ts";
import { disassemble, verdictText } from "./seccomp-text.ts";
import { compileSeccomp } from "./seccomp.ts";

const ALLOW = 0x7fff_0000;
const errno = (number: number): number => 0x0005_0000 | number;

function verdict(profile: LinuxSeccomp, nr: number, args: readonly bigint[] = [], arch: keyof typeof AUDIT_ARCH = "x64"): number {
  const filter = compileSeccomp(profile, { arch: arch === "arm64" ? "arm64" : "x64" });
  expect(refusal(filter)).toBeUndefined();
  return run(filter, { nr, arch: AUDIT_ARCH[arch], args }).word;
}

function deny(syscalls: readonly SeccompSyscall[], rest: Partial<LinuxSeccomp> = {}): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", ...rest, syscalls };
}

const allow = (names: readonly string[], ...args: readonly SeccompArg[]): SeccompSyscall => ({ names, action: "SCMP_ACT_ALLOW", args });

describe("compileSeccomp()", () => {
  test("the default errno is EPERM, or what the profile says", () => {
    expect(verdict(deny([allow(["rseq_slice_yield"])]), 3)).toBe(errno(1));
    expect(verdict(deny([allow(["rseq_slice_yield"])], { defaultErrnoRet: 13 }), 3)).toBe(errno(13));
    expect(verdict(deny([allow(["read"])]), SYSCALLS_X64.read)).toBe(ALLOW);
  });

  test("unknown names are ignored, also those of object properties", () => {
    expect(verdict(deny([allow(["no_such_call", "constructor", "__proto__", "write"])]), SYSCALLS_X64.write)).toBe(ALLOW);
    expect(verdict(deny([allow(["constructor"])]), 0)).toBe(errno(1));
  });

  test("64-bit comparisons see the upper half", () => {
    const big = 1n << 40n;
    const is = (op: SeccompArg["op"], value: bigint, actual: bigint): boolean =>
      verdict(deny([allow(["lseek"], { index: 1, op, value }), allow(["rseq_slice_yield"])]), SYSCALLS_X64.lseek, [0n, actual]) === ALLOW;
    for (const actual of [0n, 5n, big - 1n, big, big + 1n, big + 5n, (1n << 64n) - 1n]) {
      for (const value of [0n, 5n, big, big + 5n, (1n << 64n) - 1n]) {
        expect(is("SCMP_CMP_EQ", value, actual)).toBe(actual === value);
        expect(is("SCMP_CMP_NE", value, actual)).toBe(actual !== value);
        expect(is("SCMP_CMP_LT", value, actual)).toBe(actual < value);
        expect(is("SCMP_CMP_LE", value, actual)).toBe(actual <= value);
        expect(is("SCMP_CMP_GT", value, actual)).toBe(actual > value);
        expect(is("SCMP_CMP_GE", value, actual)).toBe(actual >= value);
      }
    }
  });

  test("the strictest of the entries that hold wins, in whatever order they are", () => {
    const entries: SeccompSyscall[] = [
      allow(["socket"]), { names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: 97, args: [{ index: 0, op: "SCMP_CMP_EQ", value: 38 }] },
      { names: ["socket"], action: "SCMP_ACT_KILL_PROCESS", args: [{ index: 1, op: "SCMP_CMP_EQ", value: 7 }] }, allow(["rseq_slice_yield"]),
    ];
    for (const syscalls of [entries, entries.toReversed()]) {
      expect(verdict(deny(syscalls), SYSCALLS_X64.socket, [1n])).toBe(ALLOW);
      expect(verdict(deny(syscalls), SYSCALLS_X64.socket, [38n])).toBe(errno(97));
      expect(verdict(deny(syscalls), SYSCALLS_X64.socket, [38n, 7n])).toBe(0x8000_0000);
    }
  });

  test("an argument that one entry names twice gives alternatives", () => {
    const profile = deny([allow(["personality"], { index: 0, op: "SCMP_CMP_EQ", value: 0 }, { index: 0, op: "SCMP_CMP_EQ", value: 8 }), allow(["rseq_slice_yield"])]);
    expect([0n, 8n, 4n].map((value) => verdict(profile, SYSCALLS_X64.personality, [value]))).toEqual([ALLOW, ALLOW, errno(1)]);
  });

  test("calls newer than the newest named answer ENOSYS, unless the default action lets calls run", () => {
    const until = deny([allow(["read", "close_range"])]);
    expect(verdict(until, SYSCALLS_X64.close_range)).toBe(ALLOW);
    expect(verdict(until, SYSCALLS_X64.openat2)).toBe(errno(38));
    expect(verdict(until, 0x3fff_ffff)).toBe(errno(38));
    expect(verdict({ ...until, defaultAction: "SCMP_ACT_LOG" }, SYSCALLS_X64.openat2)).toBe(0x7ffc_0000);
    expect(verdict({ ...until, defaultAction: "SCMP_ACT_KILL_PROCESS" }, SYSCALLS_X64.openat2)).toBe(errno(38));
    expect(verdict(deny([]), 3)).toBe(errno(1));
  });

  test("clone3 is hidden where clone's flags are looked at, unless it is named", () => {
    const flags: SeccompArg = { index: 0, op: "SCMP_CMP_MASKED_EQ", value: 0x7e02_0000, valueTwo: 0 };
    const looks = [allow(["clone"], flags), allow(["removexattrat"])];
    expect(verdict(deny(looks), SYSCALLS_X64.clone3)).toBe(errno(38));
    expect(verdict(deny(looks), SYSCALLS_ARM64.clone3, [], "arm64")).toBe(errno(38));
    expect(verdict(deny([...looks, allow(["clone3"])]), SYSCALLS_X64.clone3)).toBe(ALLOW);
    expect(verdict(deny([allow(["clone", "removexattrat"])]), SYSCALLS_X64.clone3)).toBe(errno(1));
    const open: LinuxSeccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["clone"], action: "SCMP_ACT_ERRNO", args: [flags] }] };
    expect(verdict(open, SYSCALLS_X64.clone3)).toBe(errno(38));
    expect(verdict(open, SYSCALLS_X64.openat2)).toBe(ALLOW);
  });

  test("socketcall and ipc of i386 get the strictest verdict of the call they stand for", () => {
    const i386 = { architectures: ["SCMP_ARCH_X86"] } as const;
    const mux = (profile: LinuxSeccomp, operation: bigint, nr: number = SYSCALLS_I386.socketcall): number => verdict(profile, nr, [operation], "i386");
    const family: SeccompArg = { index: 0, op: "SCMP_CMP_NE", value: 40 };
    const some = deny([allow(["connect", "semop"]), allow(["socket"], family), allow(["rseq_slice_yield"])], i386);
    expect([3n, 1n, 2n].map((operation) => mux(some, operation))).toEqual([ALLOW, errno(1), errno(1)]);
    expect(verdict(some, SYSCALLS_I386.socket, [1n], "i386")).toBe(ALLOW);
    expect(mux(some, 1n, SYSCALLS_I386.ipc)).toBe(ALLOW);
    expect(mux(some, 0x1_0001n, SYSCALLS_I386.ipc)).toBe(ALLOW);
    expect(mux(some, 2n, SYSCALLS_I386.ipc)).toBe(errno(1));
    const denied: SeccompSyscall = { names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: 97, args: [{ ...family, op: "SCMP_CMP_EQ" }] };
    expect(mux(deny([allow(["socket", "rseq_slice_yield"]), denied], { ...i386, defaultAction: "SCMP_ACT_KILL" }), 1n)).toBe(errno(97));
    expect(mux({ defaultAction: "SCMP_ACT_ALLOW", ...i386, syscalls: [denied] }, 1n)).toBe(errno(97));
    expect(mux({ defaultAction: "SCMP_ACT_ALLOW", ...i386, syscalls: [denied] }, 2n)).toBe(ALLOW);
  });

  test("actions map to the kernel's words", () => {
    const words = {
      KILL: 0, KILL_THREAD: 0, KILL_PROCESS: 0x8000_0000, TRAP: 0x3_0000, ERRNO: errno(1), TRACE: 0x7ff0_0001, LOG: 0x7ffc_0000, NOTIFY: 0x7fc0_0000,
    };
    for (const [name, word] of Object.entries(words)) {
      const action = `SCMP_ACT_${name}` as SeccompSyscall["action"];
      expect(verdict({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mount"], action }] }, SYSCALLS_X64.mount)).toBe(word);
    }
    expect(usesNotify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mount"], action: "SCMP_ACT_NOTIFY" }] })).toBe(true);
    expect(filterFlags(deny([], { flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] }))).toBe(34);
    expect(filterFlags(deny([]))).toBe(0);
  });

  test("what is wrong is an error that names the place", () => {
    const wrong = (profile: unknown): string => {
      try {
        compileSeccomp(profile as LinuxSeccomp, { arch: "x64" });
      } catch (error) {
        if (error instanceof PidboxError && error.code === "CONFIG_INVALID") return error.context.from ?? "";
      }
      return "no CONFIG_INVALID";
    };
    const at = (entry: object): string => wrong({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO", ...entry }] });
    const arg = (change: object): string => at({ args: [{ index: 0, value: 0, op: "SCMP_CMP_EQ", ...change }] });
    expect(wrong({ defaultAction: "constructor" })).toBe("/linux/seccomp/defaultAction");
    expect(wrong({ defaultAction: "SCMP_ACT_NOTIFY" })).toBe("/linux/seccomp/defaultAction");
    expect(wrong({ defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 })).toBe("/linux/seccomp/defaultAction");
    expect(at({ action: "SCMP_ACT_NOTIFY", names: ["write"] })).toBe("/linux/seccomp/syscalls/0");
    expect(at({ errnoRet: 4096 })).toBe("/linux/seccomp/syscalls/0/action");
    expect(arg({ index: 6 })).toBe("/linux/seccomp/syscalls/0/args/0/index");
    expect(arg({ op: "toString" })).toBe("/linux/seccomp/syscalls/0/args/0/op");
    for (const value of [-1, 0.5, 2 ** 64, 1n << 64n, -1n, Number.NaN]) expect(arg({ value })).toBe("/linux/seccomp/syscalls/0/args/0/value");
    const endless = Array.from({ length: 3000 }, (_, value) => ({ names: ["mount"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] }));
    expect(wrong({ defaultAction: "SCMP_ACT_ALLOW", syscalls: endless })).toBe("/linux/seccomp");
  });

  test("a program of nearly 4096 instructions, full of far jumps, says the same", () => {
    const names = Object.keys(SYSCALLS_X64).filter((name, i) => i % 2 === 0 && name !== "rseq_slice_yield");
    const syscalls = names.map((name, i): SeccompSyscall =>
      allow([name], { index: i % 6, op: "SCMP_CMP_EQ", value: BigInt(i) << 31n }, { index: (i + 1) % 6, op: "SCMP_CMP_LE", value: 7 }));
    const profile = deny([...syscalls, allow(["rseq_slice_yield"])]);
    const filter = compileSeccomp(profile, { arch: "x64" });
    expect(refusal(filter)).toBeUndefined();
    expect(filter.length / 8).toBeGreaterThan(1500);
    for (const [i, name] of names.entries()) {
      const args = Array.from({ length: 6 }, () => 0n).with(i % 6, BigInt(i) << 31n).with((i + 1) % 6, 7n);
      const nr = SYSCALLS_X64[name as keyof typeof SYSCALLS_X64];
      expect(run(filter, { nr, arch: AUDIT_ARCH.x64, args }).word).toBe(ALLOW);
      expect(run(filter, { nr, arch: AUDIT_ARCH.x64, args: args.with((i + 1) % 6, 8n) }).word).toBe(errno(1));
    }
  });
});

describe("built-in profiles", () => {
  test("builtinFilter() is what the compiler gives", () => {
    for (const arch of ["x64", "arm64"] as const) {
      expect(builtinFilter("strict", arch)).toEqual(compileSeccomp(strictProfile(), { arch }));
      expect(builtinFilter("default", arch)).toEqual(compileSeccomp(defaultProfile(DEFAULT_CAPABILITIES), { arch }));
      expect(builtinFilter("init", arch)).toEqual(compileSeccomp(initProfile(), { arch }));
      expect(builtinFilter("relay", arch)).toEqual(compileSeccomp(relayProfile(), { arch }));
    }
    expect(builtinFilter("strict")).toEqual(builtinFilter("strict", "x64"));
  });

  test("every name in the groups exists, in one group only", () => {
    const groups = [...COMMON_GROUPS, ...DEFAULT_GROUPS];
    const names = groups.flatMap((group) => group.names);
    expect(new Set(names).size).toBe(names.length);
    const others = [...Object.values(CAPABILITY_GROUPS).flat(), ...INIT_GROUP.names, ...RELAY_GROUP.names];
    for (const name of [...names, ...others]) expect(SYSCALLS_X64).toHaveProperty(name);
    for (const group of groups) expect(group.reason.length).toBeGreaterThan(5);
  });

  test("strict is within default: what default refuses, strict refuses", () => {
    const [strict, standard] = [builtinFilter("strict"), builtinFilter("default")];
    const vectors = [0n, 1n, 2n, 8n, 16n, 38n, 40n, 0x5412n, 0x1000_0000n, 0x1_0000_0026n, 0xffff_ffffn].flatMap((a) => [[a, a, 0n], [a, 0n, a]]);
    let narrower = 0;
    for (let nr = 0; nr <= 600; nr += 1) {
      for (const args of vectors) {
        const [a, b] = [strict, standard].map((filter) => run(filter, { nr, arch: AUDIT_ARCH.x64, args }).word === ALLOW);
        if (a === true) expect(b).toBe(true);
        else if (b === true) narrower += 1;
      }
    }
    expect(narrower).toBeGreaterThan(20);
  });

  test("dangerous calls are refused by both, whatever capabilities are given, but for those that name them", () => {
    const never = ["keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "kexec_load", "pivot_root", "swapon"] as const;
    const everything = compileSeccomp(defaultProfile(Object.keys(CAPABILITY_GROUPS)), { arch: "x64" });
    for (const name of never) {
      for (const filter of [everything, builtinFilter("strict")]) {
        expect(run(filter, { nr: SYSCALLS_X64[name], arch: AUDIT_ARCH.x64 }).word).toBe(errno(1));
      }
    }
    const granted = {
      mount: "CAP_SYS_ADMIN", bpf: "CAP_BPF", init_module: "CAP_SYS_MODULE", chroot: "CAP_SYS_CHROOT", setns: "CAP_SYS_ADMIN", perf_event_open: "CAP_PERFMON",
    } as const;
    for (const [name, capability] of Object.entries(granted)) {
      const nr = SYSCALLS_X64[name as keyof typeof granted];
      expect(verdict(defaultProfile([]), nr)).toBe(errno(1));
      expect(verdict(defaultProfile([capability]), nr)).toBe(ALLOW);
    }
    expect(verdict(defaultProfile(["CAP_SYS_ADMIN"]), SYSCALLS_X64.clone3)).toBe(ALLOW);
    expect(verdict(defaultProfile(["CAP_NO_SUCH", "constructor"]), SYSCALLS_X64.mount)).toBe(errno(1));
  });
});

describe("resolveProfile()", () => {
  const host = { arch: "x64", capabilities: ["CAP_SYS_ADMIN"], kernel: [6, 1] } as const;
  const kept = (entry: object, where: Partial<typeof host> | object = {}): boolean => {
    const profile = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names: ["mount"], action: "SCMP_ACT_ALLOW", ...entry }] };
    return resolveProfile(profile, { ...host, ...where }).syscalls?.length === 1;
  };

  test("entries depend on capabilities, architecture and kernel", () => {
    expect(kept({})).toBe(true);
    expect(kept({ includes: { caps: ["CAP_SYS_ADMIN"] } })).toBe(true);
    expect(kept({ includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } })).toBe(false);
    expect(kept({ excludes: { caps: ["CAP_BPF", "CAP_SYS_ADMIN"] } })).toBe(false);
    expect(kept({ includes: { arches: ["arm64"] } })).toBe(false);
    expect(kept({ includes: { arches: ["arm64"] } }, { arch: "arm64" })).toBe(true);
    expect(kept({ excludes: { arches: ["amd64"] } })).toBe(false);
    for (const [minKernel, holds] of [["4.8", true], ["6.1", true], ["6.2", false], ["10.0", false]] as const) {
      expect(kept({ includes: { minKernel } })).toBe(holds);
      expect(kept({ excludes: { minKernel } })).toBe(!holds);
    }
    expect(kept({ includes: {}, excludes: null })).toBe(true);
  });

  test("archMap gives the architectures, and an old name gives names", () => {
    const archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];
    const found = resolveProfile({ defaultAction: "SCMP_ACT_KILL", archMap, syscalls: [{ name: "read", names: [], action: "SCMP_ACT_ALLOW" }] }, host);
    expect(found.architectures).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(found.syscalls?.[0]?.names).toEqual(["read"]);
    expect(() => resolveProfile({ defaultAction: "SCMP_ACT_KILL", archMap, architectures: ["SCMP_ARCH_X86"] }, host)).toThrow(PidboxError);
  });

  test("wrong documents are errors of ours", () => {
    for (const document of [
      null, 3, [], {}, { defaultAction: "x" }, { defaultAction: "SCMP_ACT_KILL", syscalls: [{}] },
      { defaultAction: "SCMP_ACT_KILL", archMap: [{ architecture: 1 }] },
    ]) {
      expect(() => resolveProfile(document, host)).toThrow(PidboxError);
    }
    expect(() => kept({ includes: { minKernel: "new" } })).toThrow("minKernel");
  });
});

describe("disassemble()", () => {
  test("names what it can and never fails", () => {
    const text = disassemble(compileSeccomp(deny([allow(["mount"], { index: 0, op: "SCMP_CMP_GT", value: 1n << 32n })]), { arch: "x64" }));
    expect(text).toContain("if (arch == x86_64)");
    expect(text).toContain("arg0.high");
    expect(disassemble(new Uint8Array(11).fill(0xff))).toBe("   0  unknown instruction 0xffff 0xffffffff\n      3 bytes that are no whole instruction\n");
    expect(disassemble(new Uint8Array(0))).toBe("\n");
    expect(verdictText(0x0005_0026)).toBe("ERRNO ENOSYS");
    expect(verdictText(0x7ff0_0003)).toBe("TRACE 3");
    expect(verdictText(0x1234_0000)).toBe("KILL_PROCESS (unknown action 0x12340000)");
  });
});

describe("ProgramBuilder", () => {
  test("both targets out of reach get trampolines", () => {
    const program = new ProgramBuilder();
    const far = program.load(0);
    const end = program.return(7);
    for (let i = 0; i < 300; i += 1) program.and(0xffff_ffff);
    program.compare(BPF.JEQ, 1, far, end);
    expect(program.here).toBe(305);
    program.load(4);
    const bytes = program.bytes();
    expect(refusal(bytes)).toBe("does not end in a return");
    expect(run(bytes, { nr: 0, arch: 2 }).word).toBe(7);
  });
});
