/** Random profiles: the compiler against a direct reading of the profile, and against libseccomp; and that hostile input is only ever our error. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../../src/base/error.ts";
import { SYSCALLS_ARM64 } from "../../src/kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_X64 } from "../../src/kernel/abi/syscalls-x64.ts";
import { AUDIT_ARCH, strictness } from "../../src/plan/seccomp-action.ts";
import { resolveProfile } from "../../src/plan/seccomp-profile.ts";
import { disassemble } from "../../src/plan/seccomp-text.ts";
import { compileSeccomp } from "../../src/plan/seccomp.ts";
import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { refusal, run } from "../../src/kernel/seccomp-program.ts";
import { withOracle } from "../seccomp/oracle.ts";
import { ENOSYS, evaluate, wordOf } from "../seccomp/reference.ts";
import { samplesFor } from "../seccomp/samples.ts";

const NAMES = [
  "read", "close", "clone", "clone3", "socket", "socketpair", "ioctl", "personality", "lseek", "openat2", "mount", "futex_waitv", "execve",
  "no_such_call",
] as const;
const word = fc.constantFrom(0n, 1n, 2n, 7n, 38n, 0x5412n, 0xffff_ffffn, 1n << 31n, 1n << 32n, (1n << 32n) + 38n, 1n << 63n, (1n << 64n) - 1n);
const value = fc.oneof(word, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
const operator = fc.constantFrom(
  "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
);
const argument: fc.Arbitrary<SeccompArg> = fc.record({ index: fc.nat(5), value, valueTwo: value, op: operator });
const action = fc.constantFrom(
  "SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL", "SCMP_ACT_TRAP", "SCMP_ACT_LOG", "SCMP_ACT_TRACE",
);
const names = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 });
const entry: fc.Arbitrary<SeccompSyscall> = fc
  .record({ names, action, args: fc.array(argument, { maxLength: 3 }), errno: fc.constantFrom(undefined, 0, 22, 38) })
  .map(({ errno, ...rest }) => (errno === undefined || (rest.action !== "SCMP_ACT_ERRNO" && rest.action !== "SCMP_ACT_TRACE") ? rest : { ...rest, errnoRet: errno }));
const profile: fc.Arbitrary<LinuxSeccomp> = fc.record({ defaultAction: action, syscalls: fc.array(entry, { maxLength: 8 }) });

/**
 * Whether libseccomp 2.5.4 can be trusted for a call. It merges the rules of a call into one tree, and goes wrong (by its own disassembled output) where
 * - two rules compare one argument by order: the low word that is still in the accumulator is compared with the second rule's high word;
 * - a rule of several conditions fails half-way: the rules beside it are not tried any more.
 */
function isSoundInLibseccomp(from: LinuxSeccomp, name: string): boolean {
  const entries = (from.syscalls ?? []).filter((each) => each.names.some((n) => n === name));
  const args = entries.flatMap((each) => each.args ?? []);
  const compared = args.filter((arg) => !["SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_MASKED_EQ"].includes(arg.op));
  if (!compared.every((arg) => args.filter((other) => other.index === arg.index).length === 1)) return false;
  return entries.length < 2 || entries.every((each) => new Set(each.args?.map((arg) => arg.index)).size < 2);
}

/** Calls that the profile names, two that it may not, and one that no kernel has. */
function* calls(from: LinuxSeccomp, table: Readonly<Record<string, number>>): Generator<{ name: string; nr: number; args: bigint[] }> {
  for (const name of NAMES) {
    if (!Object.hasOwn(table, name)) continue;
    for (const args of samplesFor(from, name, 120)) yield { name, nr: table[name] ?? 0, args };
  }
  yield { name: "", nr: 600, args: [] };
}

describe("compileSeccomp()", () => {
  test("means what the profile says", () => {
    fc.assert(
      fc.property(profile, (from) => {
        for (const [arch, table] of [["x64", SYSCALLS_X64], ["arm64", SYSCALLS_ARM64]] as const) {
          const filter = compileSeccomp(from, { arch });
          expect(refusal(filter)).toBeUndefined();
          for (const { nr, args } of calls(from, table)) expect(run(filter, { nr, arch: AUDIT_ARCH[arch], args }).word).toBe(evaluate(from, table, nr, args));
        }
      }),
      { numRuns: 150 },
    );
  });

  test("the same profile gives the same bytes, and the order of other entries' names does not matter", () => {
    fc.assert(
      fc.property(profile, (from) => {
        const shuffled = { ...from, syscalls: (from.syscalls ?? []).map((each) => ({ ...each, names: each.names.toReversed() })) };
        expect(compileSeccomp(shuffled, { arch: "x64" })).toEqual(compileSeccomp(from, { arch: "x64" }));
      }),
      { numRuns: 50 },
    );
  });

  needs("libseccomp")("is never wider than libseccomp, and equal where the entries of a call have one verdict", () => {
    withOracle((oracle) => {
      let compared = 0;
      fc.assert(
        fc.property(profile, (from) => {
          const theirs = oracle?.compile(from, "x86_64") ?? "no oracle";
          // libseccomp refuses entries that it finds contradictory (EEXIST), and finds no end in others; ours has a verdict for them.
          fc.pre(typeof theirs !== "string");
          const ours = compileSeccomp(from, { arch: "x64" });
          for (const { name, nr, args } of calls(from, SYSCALLS_X64)) {
            const data = { nr, arch: AUDIT_ARCH.x64, args };
            const [mine, other] = [run(ours, data).word, run(theirs, data).word];
            const words = new Set((from.syscalls ?? []).filter((each) => each.names.some((n) => n === name)).map(wordOf));
            compared += 1;
            if (mine === other || mine === ENOSYS || !isSoundInLibseccomp(from, name)) continue;
            const detail = `${name}(${args.join(", ")}): ours ${mine.toString(16)}, libseccomp ${other.toString(16)}`;
            expect(words.size > 1 ? "" : detail).toBe("");
            expect(strictness(mine) <= strictness(other) ? "" : detail).toBe("");
          }
        }),
        { numRuns: 120 },
      );
      expect(compared).toBeGreaterThan(1000);
    });
  });
});

describe("hostile input", () => {
  test("resolveProfile() and compileSeccomp() throw nothing but CONFIG_INVALID", () => {
    const host = { arch: "x64", capabilities: ["CAP_SYS_ADMIN"], kernel: [6, 1] } as const;
    const near = fc.record(
      {
        defaultAction: fc.oneof(action, fc.anything()),
        architectures: fc.anything(),
        archMap: fc.anything(),
        flags: fc.anything(),
        syscalls: fc.array(
          fc.record(
            { names: fc.anything(), name: fc.anything(), action: fc.oneof(action, fc.anything()), args: fc.anything(), includes: fc.anything() },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), near), (document) => {
        try {
          compileSeccomp(resolveProfile(document, host), { arch: "x64" });
        } catch (error) {
          if (!(error instanceof PidboxError) || error.code !== "CONFIG_INVALID") throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  test("disassemble() takes any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => disassemble(bytes).endsWith("\n")), { numRuns: 300 });
  });
});
