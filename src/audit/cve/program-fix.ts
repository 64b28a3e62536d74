/** Whether a program of an engine has a fix: by its package where it has one, else by its own version. Pure. */
import type { Evidence } from "../../report/finding.ts";
import type { HostFacts, ProgramFacts } from "../facts.ts";
import type { CveRecord } from "./data.ts";
import { compareDebVersions, upstreamOf } from "./deb-version.ts";
import { fixState, parseVersion } from "./version.ts";
import type { FixState } from "./version.ts";

export interface ProgramFix {
  readonly state: FixState;
  readonly why: string;
}

/** Packages that the makers of an engine build themselves: their versions are upstream's. */
const UPSTREAM_PACKAGES = new Set(["docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "containerd.io", "nvidia-container-toolkit"]);

/** Where distributions put programs: one there that no package is known for may still be one's of theirs (rpm, apk, a package of another name). */
const SYSTEM = /^\/usr\/(s?bin|lib|lib64|libexec)\//;

/** The version that counts for upstream's ranges: the program's own, else that of its package where that package is the program alone. */
export function upstreamVersion({ name, version, package: owner }: ProgramFacts): string | undefined {
  if (version !== undefined) return version;
  // containerd.io brings a runc with a version of its own.
  if (owner === undefined || (owner.name === "containerd.io" && !name.startsWith("containerd"))) return undefined;
  return upstreamOf(owner.version);
}

export function programEvidence(program: ProgramFacts): Evidence {
  const { path, package: owner } = program;
  const words = [upstreamVersion(program) ?? "version not found", ...(owner === undefined ? [] : [`package ${owner.name} ${owner.version}`])];
  return { source: path, value: words.join(", ") };
}

export function programFix(record: CveRecord, program: ProgramFacts, { kernel }: HostFacts): ProgramFix {
  const { package: owner, path } = program;
  const distributed = owner === undefined ? SYSTEM.test(path) : !UPSTREAM_PACKAGES.has(owner.name);
  const text = upstreamVersion(program);
  const version = text === undefined ? undefined : parseVersion(text);
  if (distributed && owner !== undefined) {
    const { distribution, codename } = kernel;
    const fix = (record.packages ?? []).find((one) => one.distribution === distribution && one.release === codename && one.source === owner.source);
    if (fix !== undefined) {
      if (fix.fixed === null) return { state: "affected", why: `${fix.distribution} ${fix.release} had no fix when the data was made` };
      const fixed = compareDebVersions(owner.version, fix.fixed) >= 0;
      return { state: fixed ? "fixed" : "affected", why: `${fix.distribution} fixed it in ${fix.fixed}` };
    }
  }
  if (version === undefined) return { state: "unknown", why: "its version was not found" };
  const state = fixState(version, record);
  // Distributions mend old versions without changing the number.
  if (distributed && state === "affected") return { state: "unknown", why: `its distribution may have mended ${text ?? ""}, and the data does not say` };
  return { state, why: state === "fixed" ? "by its version" : `fixed in ${record.fixed.join(", ")}` };
}
