/** What a container's seccomp filters make of a system call. Pure. */
import { SYSCALLS_ARM64 } from "../kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_I386 } from "../kernel/abi/syscalls-i386.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import { refusal, run } from "../kernel/seccomp-program.ts";
import type { SeccompData } from "../kernel/seccomp-program.ts";
import { AUDIT_ARCH, SECCOMP_RETURN, strictness } from "../plan/seccomp-action.ts";
import type { Evidence } from "../report/finding.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import type { ContainerFacts } from "./facts.ts";

/** `asked`: a supervisor outside of the filter decides (USER_NOTIF, TRACE). */
export type Fate = "runs" | "asked" | "refused" | "unknown";

export type Abi = "x64" | "arm64" | "i386" | "x32";

const X32_BIT = 0x4000_0000;
const TABLES: Readonly<Record<Abi, Readonly<Record<string, number>>>> = { x64: SYSCALLS_X64, arm64: SYSCALLS_ARM64, i386: SYSCALLS_I386, x32: SYSCALLS_X64 };
const ORDER: readonly Fate[] = ["runs", "asked", "unknown", "refused"];

/** The call as a filter sees it; undefined where the ABI has none of that name. */
export function callOf(abi: Abi, name: string, args: readonly bigint[] = []): SeccompData | undefined {
  const table = TABLES[abi];
  const number = Object.hasOwn(table, name) ? table[name] : undefined;
  if (number === undefined) return undefined;
  return { nr: abi === "x32" ? number | X32_BIT : number, arch: AUDIT_ARCH[abi === "x32" ? "x64" : abi], args };
}

const programs = new Map<string, Uint8Array | undefined>();
const words = new Map<string, Map<string, number>>();
/** Containers of one engine have the same few programs; an attacker may make many. */
const MOST_KEPT = 500;

function programOf(hex: string): Uint8Array | undefined {
  if (programs.has(hex)) return programs.get(hex);
  if (programs.size >= MOST_KEPT) {
    programs.clear();
    words.clear();
  }
  const bytes = /^([0-9a-f]{16}){1,4096}$/.test(hex) ? Uint8Array.fromHex(hex) : undefined;
  const program = bytes === undefined || refusal(bytes) !== undefined ? undefined : bytes;
  programs.set(hex, program);
  return program;
}

/** The return word of one program, remembered; undefined for one that no kernel would have loaded. */
function wordOf(hex: string, call: SeccompData): number | undefined {
  const program = programOf(hex);
  if (program === undefined) return undefined;
  const known = words.get(hex) ?? new Map<string, number>();
  words.set(hex, known);
  const key = `${call.arch} ${call.nr} ${(call.args ?? []).join(" ")}`;
  const word = known.get(key) ?? run(program, call).word;
  known.set(key, word);
  return word;
}

function fateIn(set: readonly string[], call: SeccompData): Fate {
  let strictest = strictness(SECCOMP_RETURN.SCMP_ACT_ALLOW);
  for (const hex of set) {
    const word = wordOf(hex, call);
    if (word === undefined) return "unknown";
    strictest = Math.min(strictest, strictness(word));
  }
  if (strictest >= strictness(SECCOMP_RETURN.SCMP_ACT_LOG)) return "runs";
  return strictest >= strictness(SECCOMP_RETURN.SCMP_ACT_NOTIFY) ? "asked" : "refused";
}

const worst = (fates: readonly Fate[]): Fate => ORDER.find((fate) => fates.includes(fate)) ?? "unknown";

/** What the filters of a container make of a call: the worst of all its threads, for each has its own. A call that the ABI does not have is refused. */
export function fateOf(container: ContainerFacts, call: SeccompData | undefined): Fate {
  const { tasks, filters, unreadable } = container;
  if (call === undefined) return "refused";
  if (tasks.some(({ status }) => status.seccomp === 0)) return "runs";
  if (tasks.length === 0 || tasks.some(({ status }) => status.seccomp === undefined)) return "unknown";
  // Strict mode leaves read, write, _exit and sigreturn alone (seccomp(2)), and no call that is asked for here is one of them.
  if (tasks.every(({ status }) => status.seccomp === 1)) return unreadable.length > 0 ? "unknown" : "refused";
  if (filters.from === "nothing" || filters.sets.length === 0) return "unknown";
  const fate = worst(filters.sets.map(({ programs: set }) => fateIn(set, call)));
  return fate === "refused" && unreadable.length > 0 ? "unknown" : fate;
}

/** The worst fate of several calls that lead to the same. */
export function worstFate(container: ContainerFacts, calls: readonly (SeccompData | undefined)[]): Fate {
  return worst(calls.map((call) => fateOf(container, call)));
}

/** By the programs, then by what else counts: a long text that is looked up as it is need not be hashed again. */
const known = new Map<string, Map<string, ReadonlyMap<string, Fate>>>();

/** What the filters make of each call of an ABI with null arguments, by name; remembered for containers with the same filters. */
export function allFates(container: ContainerFacts, abi: Abi): ReadonlyMap<string, Fate> {
  const { filters, tasks, unreadable } = container;
  const modes = [...new Set(tasks.map(({ status }) => status.seccomp ?? -1))];
  const sets = filters.from === "nothing" ? [] : filters.sets.map(({ programs: set }) => (set.length === 1 ? (set[0] ?? "") : set.join(",")));
  const key = sets.length === 1 ? (sets[0] ?? "") : sets.join(";");
  const rest = `${abi} ${modes.join(" ")} ${unreadable.length > 0 ? "dark" : ""}`;
  const before = known.get(key)?.get(rest);
  if (before !== undefined) return before;
  const fates = new Map(Object.keys(TABLES[abi]).map((name) => [name, fateOf(container, callOf(abi, name))]));
  if (known.size >= MOST_KEPT) known.clear();
  known.set(key, (known.get(key) ?? new Map<string, ReadonlyMap<string, Fate>>()).set(rest, fates));
  return fates;
}

/** Why a fate is unknown, as a clause. */
export function unknownFilter({ filters, tasks, unreadable }: ContainerFacts): string {
  if (unreadable.length > 0) return `${unreadable.length} of its threads could not be read`;
  if (tasks.some(({ status }) => status.seccomp === undefined)) return "this kernel does not tell whether there is a filter";
  return filters.from === "nothing" ? `what its seccomp filter allows is not known: ${filters.why}` : "its seccomp filter is not one that a kernel loads";
}

/** Where a fate comes from. */
export function filterEvidence({ filters, tasks, container, declared }: ContainerFacts): Evidence {
  const open = tasks.find(({ status }) => status.seccomp === 0);
  if (open !== undefined) return { source: `/proc/${open.pid}/task/${open.thread}/status`, value: "Seccomp: 0" };
  if (filters.from === "nothing") {
    const source = `PTRACE_SECCOMP_GET_FILTER ${container.initPid ?? 0}`;
    return filters.errno === undefined ? { source, value: filters.why } : { source, value: filters.why, errno: errnoName(filters.errno) };
  }
  const sizes = filters.sets.map(({ pid, programs: set }) => `PID ${pid}: ${set.map((hex) => hex.length / 16).join(" + ")} instructions`).join(", ");
  const sources = { plan: "pidbox's plan", declared: `linux.seccomp of ${declared?.source ?? "config.json"}`, kernel: "PTRACE_SECCOMP_GET_FILTER" };
  return { source: sources[filters.from], value: sizes };
}
