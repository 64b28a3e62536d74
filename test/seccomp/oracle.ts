/** libseccomp as the second oracle: oracle.c, built once into a directory of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LinuxSeccomp, SeccompSyscall } from "../../src/spec/runtime-config.ts";
import { wordOf } from "./reference.ts";

export interface Oracle {
  /** libseccomp's filter, or the message with which it refused; it is killed where it does not come to an end (oracle.c). */
  compile(profile: LinuxSeccomp, arch: "x86_64" | "x86" | "aarch64"): Uint8Array | string;
  /** The names that this libseccomp knows on x86-64. */
  known(names: readonly string[]): Set<string>;
}

const hex = (value: number | bigint): string => value.toString(16);

function lines(entry: SeccompSyscall): string[] {
  const args = entry.args ?? [];
  const texts = args.map((arg) => `${arg.index} ${arg.op.slice("SCMP_CMP_".length)} ${hex(arg.value)} ${hex(arg.valueTwo ?? 0)}`);
  // As runc: an argument that occurs twice turns the conditions into alternatives.
  const alternatives = new Set(args.map((arg) => arg.index)).size < args.length ? texts : [texts.join(" ")];
  return entry.names.flatMap((name) => alternatives.map((text) => `${hex(wordOf(entry))} ${name} ${text}`));
}

function create(directory: string): Oracle | undefined {
  const program = join(directory, "oracle");
  const source = join(import.meta.dir, "oracle.c");
  if (Bun.spawnSync(["cc", "-O1", "-Wall", "-o", program, source, "-lseccomp"]).exitCode !== 0) return undefined;
  return {
    compile(profile, arch) {
      const defaultWord = wordOf({ action: profile.defaultAction, ...(profile.defaultErrnoRet === undefined ? {} : { errnoRet: profile.defaultErrnoRet }) });
      const text = [`default ${hex(defaultWord)}`, ...(profile.syscalls ?? []).flatMap(lines)].join("\n");
      const run = Bun.spawnSync([program, arch], { stdin: new TextEncoder().encode(`${text}\n`) });
      return run.exitCode === 0 ? new Uint8Array(run.stdout) : `${run.signalCode ?? `exit ${run.exitCode}`}: ${run.stderr.toString()}`;
    },
    known(names) {
      const run = Bun.spawnSync([program, "names"], { stdin: new TextEncoder().encode(`${names.join("\n")}\n`) });
      return new Set(run.stdout.toString().trim().split("\n").map((line) => line.split(" ")[0] ?? ""));
    },
  };
}

/** Runs `body` with the oracle, or with undefined if libseccomp-dev or a C compiler is missing. */
export function withOracle<T>(body: (oracle: Oracle | undefined) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "pidbox-seccomp-"));
  try {
    return body(create(directory));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The profile with only the names that are in `known`. */
export function restrictTo(profile: LinuxSeccomp, known: ReadonlySet<string>): LinuxSeccomp {
  const syscalls = (profile.syscalls ?? []).map((entry) => ({ ...entry, names: entry.names.filter((name) => known.has(name)) }));
  return { ...profile, syscalls: syscalls.filter((entry) => entry.names.length > 0) };
}
