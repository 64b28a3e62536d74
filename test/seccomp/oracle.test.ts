/**
 * The compiler against libseccomp (what runc and crun load), for every number from 0 to 600 on each ABI, over arguments that hit each condition.
 * Where they differ, the reason is one of EXPLAINED; anything else fails.
 */
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { SYSCALLS_ARM64 } from "../../src/kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_I386 } from "../../src/kernel/abi/syscalls-i386.ts";
import { SYSCALLS_X64 } from "../../src/kernel/abi/syscalls-x64.ts";
import { AUDIT_ARCH, strictness } from "../../src/plan/seccomp-action.ts";
import { DEFAULT_CAPABILITIES, defaultProfile, initProfile, relayProfile, strictProfile } from "../../src/plan/seccomp-defaults.ts";
import { resolveProfile } from "../../src/plan/seccomp-profile.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import type { LinuxSeccomp } from "../../src/spec/runtime-config.ts";
import { has, needs, type Part } from "../parts.ts";
import { DOCKER_LIKE } from "./docker-like.ts";
import { refusal, run } from "../../src/kernel/seccomp-program.ts";
import { restrictTo, withOracle } from "./oracle.ts";
import type { Oracle } from "./oracle.ts";
import { ENOSYS, KILL_PROCESS, evaluate, wordOf } from "./reference.ts";
import { samplesFor } from "./samples.ts";

const PODMAN_PROFILE = "/usr/share/containers/seccomp.json";
const HOST = { arch: "x64", capabilities: DEFAULT_CAPABILITIES, kernel: [6, 1] } as const;
const MUXERS: readonly number[] = [SYSCALLS_I386.socketcall, SYSCALLS_I386.ipc];

const profiles: Record<string, LinuxSeccomp> = {
  strict: strictProfile(),
  default: defaultProfile(DEFAULT_CAPABILITIES),
  "default with CAP_SYS_ADMIN and CAP_SYS_PTRACE": defaultProfile([...DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]),
  init: initProfile(),
  relay: relayProfile(),
  "docker-like": resolveProfile(DOCKER_LIKE, HOST),
  "docker-like with CAP_SYS_ADMIN": resolveProfile(DOCKER_LIKE, { ...HOST, capabilities: ["CAP_SYS_ADMIN"] }),
  "allow all but a few": {
    defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"],
    syscalls: [
      { names: ["mount", "socket"], action: "SCMP_ACT_ERRNO" },
      { names: ["clone"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 0x1000_0000, valueTwo: 0x1000_0000, op: "SCMP_CMP_MASKED_EQ" }] },
      { names: ["lseek"], action: "SCMP_ACT_TRAP", args: [{ index: 1, value: 1n << 63n, op: "SCMP_CMP_GE" }, { index: 2, value: 3, op: "SCMP_CMP_LT" }] },
    ],
  },
};
/** Each with the parts of the host that it needs; podman brings its own profile along. */
const PROFILES: readonly (readonly [name: string, profile: LinuxSeccomp, ...Part[]])[] = [
  ...Object.entries(profiles), ["podman's", podmanProfile(), "podman"],
];

function podmanProfile(): LinuxSeccomp {
  return has("podman") ? resolveProfile(JSON.parse(readFileSync(PODMAN_PROFILE, "utf8")) as unknown, HOST) : { defaultAction: "SCMP_ACT_ALLOW" };
}

const ABIS = [
  { abi: "x64", libseccomp: "x86_64", table: SYSCALLS_X64 },
  { abi: "arm64", libseccomp: "aarch64", table: SYSCALLS_ARM64 },
  { abi: "i386", libseccomp: "x86", table: SYSCALLS_I386 },
] as const;

interface Call {
  readonly profile: LinuxSeccomp;
  readonly abi: (typeof ABIS)[number];
  readonly nr: number;
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
}

function newest({ profile, abi }: Call): number {
  const table: Readonly<Record<string, number>> = abi.table;
  return Math.max(...(profile.syscalls ?? []).flatMap((entry) => entry.names.map((name) => (Object.hasOwn(table, name) ? (table[name] ?? -1) : -1))));
}

/** Why our verdict may differ from libseccomp's; each is documented in src/plan/seccomp*.ts. */
const EXPLAINED: Readonly<Record<string, (call: Call) => boolean>> = {
  "a call newer than the profile answers ENOSYS (runc's stub, which is not in libseccomp)": (call) => call.ours === ENOSYS && call.nr > newest(call),
  "clone3 answers ENOSYS if clone is inspected": (call) => call.ours === ENOSYS && call.name === "clone3",
  "entries of different verdicts overlap: the strictest wins": ({ profile, name, ours, theirs }) =>
    strictness(ours) < strictness(theirs) && new Set((profile.syscalls ?? []).filter((entry) => entry.names.includes(name)).map(wordOf)).size > 1,
  "i386 multiplexers hide arguments: the strictest verdict of the call applies": ({ abi, nr, ours, theirs }) =>
    abi.abi === "i386" && MUXERS.includes(nr) && strictness(ours) <= strictness(theirs),
};

function compare(profile: LinuxSeccomp, abi: (typeof ABIS)[number], oracle: Oracle): string[] {
  const known = oracle.known([...Object.keys(SYSCALLS_X64), ...Object.keys(SYSCALLS_I386), ...Object.keys(SYSCALLS_ARM64)]);
  const restricted = restrictTo(profile, known);
  const ours = compileSeccomp({ ...restricted, architectures: ["SCMP_ARCH_X86"] }, { arch: abi.abi === "i386" ? "x64" : abi.abi });
  const theirs = oracle.compile(restricted, abi.libseccomp);
  // libseccomp refuses an i386 profile in which the multiplexed forms of two entries with different verdicts meet; ours has a verdict for it.
  if (typeof theirs === "string" && abi.abi === "i386" && theirs.endsWith("File exists\n")) return [];
  if (typeof theirs === "string") throw new Error(theirs);
  expect(refusal(ours)).toBeUndefined();
  expect(refusal(theirs)).toBeUndefined();
  const names = new Map<number, string>(Object.entries(abi.table).map(([name, number]) => [number, name]));
  const unexplained: string[] = [];
  for (let nr = 0; nr <= 600; nr += 1) {
    const name = names.get(nr) ?? "";
    for (const args of samplesFor(restricted, name)) {
      const registers = abi.abi === "i386" ? args.map((value) => value & 0xffff_ffffn) : args;
      const data = { nr, arch: AUDIT_ARCH[abi.abi], args: registers };
      const call = { profile: restricted, abi, nr, name, ours: run(ours, data).word, theirs: run(theirs, data).word };
      if (abi.abi !== "i386") expect(call.ours).toBe(evaluate(restricted, abi.table, nr, registers));
      if (call.ours !== call.theirs && !Object.values(EXPLAINED).some((explains) => explains(call))) {
        unexplained.push(`${name || nr}(${registers.join(", ")}): ours ${call.ours.toString(16)}, libseccomp ${call.theirs.toString(16)}`);
      }
    }
  }
  return unexplained;
}

describe("libseccomp agrees", () => {
  for (const [name, profile, ...parts] of PROFILES) {
    for (const abi of ABIS) {
      needs("libseccomp", ...parts)(`${name} on ${abi.abi}`, () => withOracle((oracle) => {
        expect(oracle === undefined ? ["no oracle"] : compare(profile, abi, oracle)).toEqual([]);
      }));
    }
  }

  needs("libseccomp")("the names that both know have the same numbers", () => {
    withOracle((oracle) => {
      for (const abi of ABIS) {
        const table: Readonly<Record<string, number>> = abi.table;
        const known = [...(oracle?.known(Object.keys(table)) ?? [])].filter((name) => Object.hasOwn(table, name));
        expect(known.length).toBeGreaterThan(300);
        // Each name answers an errno of its own, so that the number which gives it is known to be the name's.
        const syscalls = known.map((name, i) => ({ names: [name], action: "SCMP_ACT_ERRNO", errnoRet: i + 1 }) as const);
        const filter = oracle?.compile({ defaultAction: "SCMP_ACT_ALLOW", syscalls }, abi.libseccomp);
        if (filter === undefined || typeof filter === "string") throw new Error(String(filter));
        for (const [i, name] of known.entries()) {
          const { word } = run(filter, { nr: table[name] ?? -1, arch: AUDIT_ARCH[abi.abi] });
          expect(`${name} ${word.toString(16)}`).toBe(`${name} ${(0x0005_0000 | (i + 1)).toString(16)}`);
        }
      }
    });
  });
});

describe("ABIs that are not the native one", () => {
  for (const [name, profile, ...parts] of PROFILES) {
    needs(...parts)(`${name}: x32, unknown architectures and i386 where it is not listed`, () => {
      const filter = compileSeccomp(profile, { arch: "x64" });
      const listed = profile.architectures?.includes("SCMP_ARCH_X86") === true;
      for (let nr = 0; nr <= 600; nr += 1) {
        expect(run(filter, { nr: nr | 0x4000_0000, arch: AUDIT_ARCH.x64 }).word).toBe(ENOSYS);
        expect(run(filter, { nr, arch: AUDIT_ARCH.arm64 }).word).toBe(KILL_PROCESS);
        expect(run(filter, { nr, arch: 0 }).word).toBe(KILL_PROCESS);
        if (!listed) expect(run(filter, { nr, arch: AUDIT_ARCH.i386 }).word).toBe(KILL_PROCESS);
        expect(run(compileSeccompArm(profile), { nr, arch: AUDIT_ARCH.x64 }).word).toBe(KILL_PROCESS);
      }
      expect(run(filter, { nr: -1, arch: AUDIT_ARCH.x64 }).word).toBe(ENOSYS);
    });
  }
});

const arm = new Map<LinuxSeccomp, Uint8Array>();
function compileSeccompArm(profile: LinuxSeccomp): Uint8Array {
  const filter = arm.get(profile) ?? compileSeccomp(profile, { arch: "arm64" });
  arm.set(profile, filter);
  return filter;
}
