/**
 * Whether the kernel that runs has a fix. Pure.
 *
 * The order of evidence: a live patch, the distribution's own data by source package, the changelog of the package that runs, what the package was made from,
 * and upstream's ranges alone for kernels that are upstream's. A distribution mends old versions, so a version below upstream's fix proves nothing of its
 * kernels: they are unknown then, never vulnerable.
 */
import type { Evidence } from "../../report/finding.ts";
import type { AuditFacts, HostFacts } from "../facts.ts";
import type { CveRecord } from "./data.ts";
import { compareDebVersions, upstreamOf, withoutBackport } from "./deb-version.ts";
import { fixState, parseVersion } from "./version.ts";
import type { FixState } from "./version.ts";

export interface KernelFix {
  readonly state: FixState;
  readonly why: string;
  readonly evidence: Evidence;
}

export interface KernelPackage {
  readonly distribution: "debian" | "ubuntu";
  readonly version: string;
  /** Upstream version that it was made from. */
  readonly base: string;
}

export const VERSION_SIGNATURE = "/proc/version_signature";
/** Whose numbers of versions are those of the source package linux; other flavours count by themselves. */
const UBUNTU_FLAVOURS = new Set(["generic", "lowlatency", "virtual", "generic-64k", "generic-hwe"]);
/** What builders of unchanged stable kernels put behind the numbers: Arch, Talos, Flatcar, LinuxKit, microVMs. */
const UPSTREAM_SUFFIX = /^$|^-arch[0-9]+-[0-9]+$|^-(talos|flatcar|linuxkit)$|^-(fc|microvm|firecracker)([-.][A-Za-z0-9._-]*)?$|^-rc[0-9]+$/;

/** The package of the kernel that runs: Debian says its version in uname -v, Ubuntu in /proc/version_signature. */
export function kernelPackage({ kernel, files }: Pick<HostFacts, "kernel" | "files">): KernelPackage | undefined {
  const debian = /\bDebian ([0-9][A-Za-z0-9.+~-]{0,60})( \(|$)/.exec(kernel.build)?.[1];
  if (debian !== undefined) return { distribution: "debian", version: debian, base: upstreamOf(debian) };
  const signature = files.get(VERSION_SIGNATURE);
  const match = typeof signature === "string" ? /^Ubuntu ([0-9][0-9.]{0,20}-[0-9][0-9.~]{0,30})-([a-z0-9-]{1,30}) ([0-9.]{1,20})$/.exec(signature) : null;
  const [, version, flavour, base] = match ?? [];
  if (version === undefined || flavour === undefined || base === undefined) return undefined;
  // Without a flavour of the main package its numbers compare with nothing.
  return { distribution: "ubuntu", version: UBUNTU_FLAVOURS.has(flavour) ? version : "", base };
}

/** Whether a kernel is one whose version says what is in it: an unchanged release of upstream. */
export function isUpstream({ kernel, release }: Pick<HostFacts, "kernel" | "release">): boolean {
  const suffix = release.replace(/^[0-9]+\.[0-9]+(\.[0-9]+)?/, "");
  return !/Debian|Ubuntu/.test(kernel.build) && suffix !== release && UPSTREAM_SUFFIX.test(suffix);
}

/** The distribution's own word on a record; undefined where it has none for a kernel of this branch. */
function distributionFix(record: CveRecord, own: KernelPackage): KernelFix | undefined {
  const branch = (version: string): string => /^([0-9]+:)?[0-9]+\.[0-9]+/.exec(version)?.[0] ?? "";
  const version = withoutBackport(own.version);
  if (version === "") return undefined;
  const evidence = { source: own.distribution === "debian" ? "/proc/sys/kernel/version" : VERSION_SIGNATURE, value: own.version };
  // Kernels of a newer release are installed on older ones: what counts is the branch of the kernel, not the release of the host.
  const named = (record.packages ?? []).filter((fix) => fix.distribution === own.distribution && fix.source === "linux");
  const fix = named.find(({ fixed }) => fixed !== null && branch(fixed) === branch(version));
  if (fix?.fixed === undefined || fix.fixed === null) return undefined;
  const fixed = compareDebVersions(version, fix.fixed) >= 0;
  return { state: fixed ? "fixed" : "affected", why: fixed ? `fixed in ${fix.fixed}` : `${own.distribution} fixed it in ${fix.fixed}`, evidence };
}

/** What the distribution says of the release as a whole: never affected, or no fix yet. */
function releaseFix(record: CveRecord, own: KernelPackage, { codename }: HostFacts["kernel"]): KernelFix | undefined {
  const fix = (record.packages ?? []).find((one) => one.distribution === own.distribution && one.source === "linux" && one.release === codename);
  const evidence = { source: "/etc/os-release", value: codename };
  if (fix?.fixed === "0") return { state: "fixed", why: `${own.distribution} ${codename} was never affected`, evidence };
  return fix?.fixed === null ? { state: "affected", why: `${own.distribution} ${codename} had no fix when the data was made`, evidence } : undefined;
}

function withLivepatch(host: HostFacts, record: CveRecord, fix: KernelFix): KernelFix {
  const active = host.kernel.livepatches.filter(({ enabled }) => enabled);
  const [first] = active;
  if (fix.state === "fixed" || first === undefined) return fix;
  const evidence = { source: "/sys/kernel/livepatch", value: active.map(({ name }) => name).join(" ") };
  const number = record.id.replaceAll("-", "_").toLowerCase();
  const own = active.find(({ name, transition }) => !transition && name.toLowerCase().replaceAll("-", "_").includes(number));
  if (own !== undefined) return { state: "fixed", why: `the live patch ${own.name}`, evidence };
  return { state: "unknown", why: `the live patch ${first.name} may have fixed it`, evidence };
}

function fixOf(host: HostFacts, record: CveRecord): KernelFix {
  const own = kernelPackage(host);
  const evidence = { source: "/proc/sys/kernel/osrelease", value: host.release };
  if (record.only !== undefined && record.only !== own?.distribution) return { state: "fixed", why: `only kernels of ${record.only} had it`, evidence };
  const told = own === undefined ? undefined : (distributionFix(record, own) ?? releaseFix(record, own, host.kernel));
  if (told !== undefined) return told;
  if (host.kernel.changelog?.includes(record.id) === true) return { state: "fixed", why: "the changelog of its package names it", evidence: { source: "changelog", value: record.id } };
  const base = own === undefined ? undefined : parseVersion(own.base);
  if (base !== undefined && fixState(base, record) === "fixed") return { state: "fixed", why: `it is made from ${own?.base ?? ""}`, evidence };
  const version = parseVersion(host.release);
  if (own === undefined && isUpstream(host) && version !== undefined) {
    const state = fixState(version, record);
    if (state !== "unknown") return { state, why: state === "fixed" ? "by upstream's version" : `upstream fixed it in ${record.fixed.join(", ")}`, evidence };
    return { state, why: "the data does not name the fix of this branch", evidence };
  }
  return { state: "unknown", why: own === undefined ? "its builder's fixes are not known" : "the data does not name the fix of this package", evidence };
}

const known = new WeakMap<AuditFacts, readonly { readonly record: CveRecord; readonly fix: KernelFix }[]>();

/** All records about the kernel with what is known of the one that runs; computed once for the facts. */
export function kernelFixes(facts: AuditFacts): readonly { readonly record: CveRecord; readonly fix: KernelFix }[] {
  const before = known.get(facts);
  if (before !== undefined) return before;
  const { host, cves } = facts;
  const records = cves.records.filter(({ component }) => component === "linux");
  const all = records.map((record) => ({ record, fix: withLivepatch(host, record, fixOf(host, record)) }));
  known.set(facts, all);
  return all;
}
