/** What an audit reads once of the kernel that runs: its build, modules, configuration, live patches, security modules. */
import { LSM_NAMES } from "../kernel/feature-lsm.ts";
import { readLsmIds } from "../kernel/feature-probe.ts";
import { listDirectory, readBytes, readText } from "../kernel/file.ts";
import { kernelPackage, VERSION_SIGNATURE } from "./cve/kernel-fix.ts";
import type { KernelFacts } from "./facts.ts";
import { moduleStates } from "./module-state.ts";

const LIMIT = 16 << 20;
const CHANGELOG_LIMIT = 4 << 20;
const MODPROBE = ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];
const ENOENT = -2;
const GZIP_MAGIC = 0x8b1f;

/** The text of a file that may be compressed; undefined for one that is damaged. */
function gunzip(bytes: Uint8Array): string | undefined {
  const compressed = bytes.length > 2 && ((bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)) === GZIP_MAGIC;
  try {
    return new TextDecoder().decode(compressed ? Bun.gunzipSync(Uint8Array.from(bytes)) : bytes);
  } catch {
    return undefined;
  }
}

/** Options of a kernel's .config; those that are not set are left out. */
export function parseKernelConfig(text: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const match of text.matchAll(/^(CONFIG_[A-Za-z0-9_]{1,80})=(.{0,200})$/gm)) if (match[1] !== undefined) options.set(match[1], match[2] ?? "");
  return options;
}

function readConfig(release: string): ReadonlyMap<string, string> | number {
  for (const path of ["/proc/config.gz", `/boot/config-${release}`, `/lib/modules/${release}/config`]) {
    const bytes = readBytes(path, LIMIT);
    const text = typeof bytes === "number" ? undefined : gunzip(bytes);
    if (text !== undefined) return parseKernelConfig(text);
  }
  return ENOENT;
}

function readRules(): string[] {
  return MODPROBE.flatMap((directory) => {
    const entries = listDirectory(directory, 1000);
    return (typeof entries === "number" ? [] : entries).filter(({ name }) => name.endsWith(".conf")).map(({ name }) => readText(`${directory}/${name}`));
  }).filter((text) => typeof text === "string");
}

/** A field of os-release(5), without quotes. */
export function osReleaseField(text: string, field: string): string {
  return (new RegExp(`^${field}=(["']?)([A-Za-z0-9._-]{0,60})\\1$`, "m").exec(text)?.[2] ?? "").toLowerCase();
}

function readSecurityModules(): readonly string[] | number {
  const ids = readLsmIds();
  if (typeof ids !== "number") return ids.map((id) => LSM_NAMES[id] ?? `lsm ${id}`);
  const text = readText("/sys/kernel/security/lsm", 4096);
  return typeof text === "string" ? text.trim().split(",") : text;
}

function readLivepatches(): KernelFacts["livepatches"] {
  const entries = listDirectory("/sys/kernel/livepatch", 1000);
  const flag = (name: string, file: string): boolean => readText(`/sys/kernel/livepatch/${name}/${file}`, 16) === "1\n";
  return (typeof entries === "number" ? [] : entries).map(({ name }) => ({ name, enabled: flag(name, "enabled"), transition: flag(name, "transition") }));
}

/** CVEs in a changelog of Debian's, if it is that of the package of `version`: the first line names it, with `+` for `-` in packages that are signed. */
export function parseChangelog(text: string, version: string): string[] | undefined {
  const first = /^[a-z0-9.+-]+ \(([^)]{1,100})\)/.exec(text)?.[1];
  return first === version || first === version.replace("-", "+") ? [...new Set(text.match(/\bCVE-[0-9]{4}-[0-9]{4,8}\b/g) ?? [])] : undefined;
}

function readChangelog(release: string, version: string): string[] | undefined {
  for (const name of [`linux-image-${release}`, `linux-modules-${release}`]) {
    const bytes = readBytes(`/usr/share/doc/${name}/changelog.Debian.gz`, CHANGELOG_LIMIT);
    const found = typeof bytes === "number" ? undefined : parseChangelog(gunzip(bytes) ?? "", version);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function readKernel(release: string): KernelFacts {
  const config = readConfig(release);
  const modules = `/lib/modules/${release}`;
  const build = readText("/proc/sys/kernel/version", 4096);
  const system = [readText("/etc/os-release", 64 << 10), readText("/usr/lib/os-release", 64 << 10)].find((text) => typeof text === "string") ?? "";
  const trimmed = (text: string | number): string | number => (typeof text === "string" ? text.trimEnd() : text);
  const kernel = {
    machine: process.arch === "arm64" ? "arm64" : "x64", build: typeof build === "string" ? build.trimEnd() : "",
    distribution: osReleaseField(system, "ID"), codename: osReleaseField(system, "VERSION_CODENAME"), config,
    modules: moduleStates({
      loaded: readText("/proc/modules", LIMIT), builtin: readText(`${modules}/modules.builtin`, LIMIT), dependencies: readText(`${modules}/modules.dep`, LIMIT),
      aliases: readText(`${modules}/modules.alias`, LIMIT), rules: readRules(), config, disabled: trimmed(readText("/proc/sys/kernel/modules_disabled", 16)),
    }),
    securityModules: readSecurityModules(), livepatches: readLivepatches(),
  } as const;
  const own = kernelPackage({ kernel, files: new Map([[VERSION_SIGNATURE, trimmed(readText(VERSION_SIGNATURE, 4096))]]) });
  const changelog = own === undefined || own.version === "" ? undefined : readChangelog(release, own.version);
  return changelog === undefined ? kernel : { ...kernel, changelog };
}
