/**
 * Seccomp profile files of `--security-opt seccomp=FILE`: the runtime specification's form, and the form of docker and podman around it, whose entries
 * depend on capabilities, architecture and kernel (github.com/moby/profiles seccomp/seccomp.go; containers/common pkg/seccomp).
 *
 * The file comes from the user. Unknown keys are ignored, wrong values are errors with their JSON pointer.
 */
import { PidboxError } from "../base/error.ts";
import { printable } from "../base/text.ts";
import { list, object, record, Report, text } from "../spec/decode.ts";
import type { Decoder } from "../spec/decode.ts";
import type { LinuxSeccomp } from "../spec/runtime-config.ts";
import { seccomp } from "../spec/validate-seccomp.ts";
import type { SeccompArch } from "./seccomp.ts";

/** What the conditions of a docker profile are decided by. */
export interface ProfileHost {
  readonly arch: SeccompArch;
  /** The container's bounding set. */
  readonly capabilities: readonly string[];
  readonly kernel: readonly [major: number, minor: number];
}

/** All given parts must hold: every capability, one of the architectures (Go's names), at least the kernel. */
interface Filter {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

interface DockerEntry {
  readonly includes?: Filter;
  readonly excludes?: Filter;
}

interface DockerProfile {
  readonly archMap?: readonly ArchMapping[];
  readonly syscalls?: readonly DockerEntry[];
}

interface ArchMapping {
  readonly architecture: string;
  readonly subArchitectures?: readonly string[];
}

const SOURCE = "docker seccomp profile";
const KERNEL = /^(\d{1,4})\.(\d{1,4})$/;
const GO_ARCH = { x64: "amd64", arm64: "arm64" } as const;
const NATIVE = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" } as const;

const kernelVersion: Decoder<string> = (value, pointer, report) => {
  const found = text(value, pointer, report);
  return found === undefined || KERNEL.test(found) ? found : report.must("value", pointer, SOURCE, "minKernel is not of the form 4.8");
};
const filter = object<Filter>(SOURCE, { caps: list(text), arches: list(text), minKernel: kernelVersion });
const docker = object<DockerProfile>(SOURCE, {
  archMap: list(object<ArchMapping>(SOURCE, { architecture: text, subArchitectures: list(text) }, ["architecture"])),
  syscalls: list(object<DockerEntry>(SOURCE, { includes: filter, excludes: filter })),
});

function isKernelAtLeast(minimum: string, [major, minor]: ProfileHost["kernel"]): boolean {
  const [, wantMajor, wantMinor] = KERNEL.exec(minimum) ?? [];
  return major > Number(wantMajor) || (major === Number(wantMajor) && minor >= Number(wantMinor));
}

/** Whether an entry is for this host. Empty lists count as absent; one part of `excludes` that holds is enough to leave the entry out. */
function applies({ includes = {}, excludes = {} }: DockerEntry, host: ProfileHost): boolean {
  const arch = GO_ARCH[host.arch];
  const granted = new Set(host.capabilities);
  if (excludes.arches?.includes(arch) === true || excludes.caps?.some((name) => granted.has(name)) === true) return false;
  if (excludes.minKernel !== undefined && isKernelAtLeast(excludes.minKernel, host.kernel)) return false;
  if (includes.arches !== undefined && includes.arches.length > 0 && !includes.arches.includes(arch)) return false;
  if (includes.caps?.every((name) => granted.has(name)) === false) return false;
  return includes.minKernel === undefined || isKernelAtLeast(includes.minKernel, host.kernel);
}

/** Docker's old entries have one `name` in place of `names`. */
function withNames(entry: unknown): unknown {
  if (typeof entry !== "object" || entry === null || !Object.hasOwn(entry, "name")) return entry;
  const { name, names } = entry as { name?: unknown; names?: unknown };
  return Array.isArray(names) && names.length > 0 ? entry : { ...entry, names: [name] };
}

const anything: Decoder<unknown> = (value) => value;

/** The OCI profile that a parsed profile file means on `host`. Throws CONFIG_INVALID with the pointer of the first wrong value. */
export function resolveProfile(document: unknown, host: ProfileHost): LinuxSeccomp {
  const report = new Report();
  const conditions = docker(document, "", report) ?? {};
  const raw = record(anything)(document, "", report) ?? {};
  const entries = raw["syscalls"];
  const mapping = conditions.archMap?.find((candidate) => candidate.architecture === NATIVE[host.arch]);
  if (mapping !== undefined && Array.isArray(raw["architectures"]) && raw["architectures"].length > 0) {
    throw new PidboxError("CONFIG_INVALID", "seccomp profile: architectures and archMap cannot both be given", { context: { from: "/archMap" } });
  }
  const plain = {
    ...raw,
    ...(Array.isArray(entries) ? { syscalls: entries.map(withNames) } : {}),
    ...(mapping === undefined ? {} : { architectures: [mapping.architecture, ...(mapping.subArchitectures ?? [])] }),
  };
  const decoded = seccomp(plain, "", report);
  const error = report.violations.find((violation) => violation.level === "MUST");
  if (error !== undefined || decoded === undefined) {
    throw new PidboxError("CONFIG_INVALID", `seccomp profile: ${error?.message ?? "it is empty"}`, { context: { from: printable(error?.pointer ?? "").slice(0, 300) } });
  }
  return { ...decoded, syscalls: (decoded.syscalls ?? []).filter((_, i) => applies(conditions.syscalls?.[i] ?? {}, host)) };
}
