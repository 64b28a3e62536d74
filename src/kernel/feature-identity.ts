/** What the caller is: capabilities, no_new_privs, filters, and the id ranges that it may use. Pure: judges facts. */
import { quote } from "../base/text.ts";
import { capabilityNumber } from "./abi/capabilities.ts";
import type { CapabilityName } from "./abi/capabilities.ts";
import { E, hasCapability, resultText, shellWord, statusField, textOf } from "./feature-facts.ts";
import type { Feature, FeatureEvidence, FeatureFacts, IdMapProgram, Verdict } from "./feature-facts.ts";
import { parsePasswd } from "./users.ts";

/** What root needs to build a container: without these a plan fails. */
const NEEDED: readonly CapabilityName[] = ["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"];
/** What single options need: raising rlimits and lowering oom_score_adj; network; devices; profiles. */
const USEFUL: readonly CapabilityName[] = [
  "CAP_SYS_RESOURCE", "CAP_NET_ADMIN", "CAP_MKNOD", "CAP_KILL", "CAP_SYS_PTRACE", "CAP_SETPCAP", "CAP_SETFCAP", "CAP_MAC_ADMIN", "CAP_BPF", "CAP_PERFMON",
];

function missing(facts: FeatureFacts, names: readonly CapabilityName[]): string[] {
  return names.filter((name) => !hasCapability(facts, capabilityNumber(name) ?? -1));
}

function capabilities(facts: FeatureFacts, names: readonly CapabilityName[]): Verdict {
  const set = statusField(facts, "CapEff");
  const evidence = [{ source: "/proc/self/status: CapEff", value: set ?? "unreadable" }];
  if (set === undefined) return { answer: "unknown", evidence };
  const lacking = missing(facts, names);
  if (lacking.length === 0) return { answer: "yes", evidence };
  if (facts.effectiveUid !== 0) return { answer: "no", reason: "the caller is not root: pidbox works rootless, within a user namespace", evidence };
  return { answer: "no", reason: `missing: ${lacking.join(" ")}`, evidence, remedy: "Run pidbox as a user with these capabilities: outside this container, or with --cap-add for the container" };
}

export interface IdRange {
  readonly start: number;
  readonly count: number;
}

/**
 * The ranges of /etc/subuid or /etc/subgid that belong to a user, given by name or number (subuid(5)). Lines that are no entries are skipped, as
 * newuidmap does.
 */
export function parseIdRanges(text: string, user: { readonly name: string | undefined; readonly uid: number }): IdRange[] {
  const ranges: IdRange[] = [];
  for (const line of text.split("\n")) {
    const [owner, start, count, rest] = line.trim().split(":");
    if (owner === undefined || owner === "" || (owner !== user.name && owner !== String(user.uid)) || rest !== undefined) continue;
    if (start === undefined || count === undefined || !/^\d{1,10}$/.test(start) || !/^\d{1,10}$/.test(count)) continue;
    const range = { start: Number(start), count: Number(count) };
    // Ids are 32 bits and the last one means "no change" to setresuid(2).
    if (range.count > 0 && range.start + range.count <= 0xffffffff) ranges.push(range);
  }
  return ranges;
}

/** Fewer than this and common images have owners that cannot be mapped (nobody is 65534). */
const WHOLE_RANGE = 65536;

/** How many ids a uid_map text maps in all; lines that are no entries count nothing. */
export function mappedIds(text: string): number {
  return text.split("\n").reduce((sum, line) => sum + Number(/^\s*\d{1,10}\s+\d{1,10}\s+(\d{1,10})\s*$/.exec(line)?.[1] ?? "0"), 0);
}

// Root may map whatever its own user namespace has.
function rootRanges(facts: FeatureFacts): Verdict {
  const map = textOf(facts, "/proc/self/uid_map");
  const evidence = [{ source: "/proc/self/uid_map", value: (map ?? "unreadable").replace(/\s+/g, " ").slice(0, 200) }];
  if (map === undefined) return { answer: "unknown", evidence };
  const total = mappedIds(map);
  return total >= 2 * WHOLE_RANGE ? { answer: "yes", evidence } : { answer: "no", reason: `this user namespace has only ${total} ids, too few for a range of its own`, evidence };
}

function idRanges(facts: FeatureFacts, kind: "subuid" | "subgid"): Verdict {
  const file = `/etc/${kind}` as const;
  const text = facts.files[file];
  if (facts.effectiveUid === 0) return rootRanges(facts);
  const name = parsePasswd(textOf(facts, "/etc/passwd") ?? "").get(facts.effectiveUid);
  const account = name === undefined || !/^[a-z_][a-z0-9_.-]*\$?$/i.test(name) ? String(facts.effectiveUid) : name;
  const remedy = `sudo usermod --add-${kind}s 100000-165535 ${account}`;
  if (typeof text === "number") return { answer: text === E.NOENT ? "no" : "unknown", evidence: [{ source: file, value: resultText(text) }], remedy };
  const ranges = parseIdRanges(text, { name, uid: facts.effectiveUid });
  const total = ranges.reduce((sum, range) => sum + range.count, 0);
  const evidence = [{ source: file, value: ranges.length === 0 ? `no range for ${quote(account)}` : ranges.map((r) => `${r.start}+${r.count}`).slice(0, 8).join(" ") }];
  if (total >= WHOLE_RANGE) return { answer: "yes", evidence };
  return { answer: "no", reason: total === 0 ? "only one id can be mapped" : `only ${total} ids can be mapped`, evidence, remedy };
}

function program(facts: FeatureFacts, name: string, found: IdMapProgram | undefined): Verdict {
  if (facts.effectiveUid === 0) return { answer: "yes", reason: "root needs no such program", evidence: [{ source: "geteuid()", value: "0" }] };
  if (found === undefined) return { answer: "no", evidence: [{ source: "PATH", value: `no ${name}` }], remedy: "sudo apt install uidmap # Fedora: sudo dnf install shadow-utils" };
  const value = found.setuid ? "setuid root" : found.fileCapabilities ? "file capabilities" : "neither setuid nor file capabilities";
  const evidence: FeatureEvidence[] = [{ source: found.path, value }, { source: "/proc/self/status: NoNewPrivs", value: statusField(facts, "NoNewPrivs") ?? "unreadable" }];
  if (!found.setuid && !found.fileCapabilities) return { answer: "no", reason: "it has no privilege to write an id map", evidence, remedy: `sudo setcap ${name === "newuidmap" ? "cap_setuid" : "cap_setgid"}=ep ${shellWord(found.path)}` };
  if (statusField(facts, "NoNewPrivs") === "1") return { answer: "no", reason: "no_new_privs is set on this process, so the program gains nothing", evidence };
  return { answer: "yes", evidence };
}

function noFilter(facts: FeatureFacts): Verdict {
  const mode = statusField(facts, "Seccomp");
  const evidence = [{ source: "/proc/self/status: Seccomp, NoNewPrivs", value: `${mode ?? "unreadable"}, ${statusField(facts, "NoNewPrivs") ?? "unreadable"}` }];
  if (mode === undefined) return { answer: "unknown", evidence };
  return mode === "0" ? { answer: "yes", evidence } : { answer: "no", reason: "this process is under a filter already; which other calls it refuses cannot be told from here", evidence };
}

/** The identity group. */
export function identityFeatures(facts: FeatureFacts): Feature[] {
  const root = facts.effectiveUid === 0;
  return [
    { name: "capabilities", title: "capabilities to build containers as root", need: root ? "main" : "information", why: "mounts, ids and owners", ...capabilities(facts, NEEDED) },
    { name: "capabilities-extra", title: "capabilities for single options", need: "information", why: "raise ulimits, network, devices, profiles", ...capabilities(facts, USEFUL) },
    { name: "caller-unfiltered", title: "no seccomp filter on the caller", need: "information", why: "every call of a plan reaches the kernel", ...noFilter(facts) },
    { name: "subuid", title: "a range of user ids", need: root ? "information" : "layer", why: "more than one user inside a rootless container", ...idRanges(facts, "subuid") },
    { name: "subgid", title: "a range of group ids", need: root ? "information" : "layer", why: "more than one group inside a rootless container", ...idRanges(facts, "subgid") },
    { name: "newuidmap", title: "newuidmap", need: root ? "information" : "layer", why: "writes the user id map of a rootless container", ...program(facts, "newuidmap", facts.newuidmap) },
    { name: "newgidmap", title: "newgidmap", need: root ? "information" : "layer", why: "writes the group id map of a rootless container", ...program(facts, "newgidmap", facts.newgidmap) },
  ];
}
