/** Flags of capabilities, seccomp and security modules -> what the config and blueprint say of them. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { CAPABILITIES } from "../kernel/abi/capabilities.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { readBytes } from "../kernel/file.ts";
import type { SeccompFilter } from "../plan/blueprint.ts";
import { RUN_CAPABILITIES } from "../plan/defaults.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { DEFAULT_PROFILE } from "../plan/security-modules.ts";
import type { Kind } from "./container-limits.ts";
import { DANGEROUS_CAPABILITIES } from "./refusals.ts";
import type { DegradedName, Overrides } from "./refusals.ts";
import type { Arguments } from "./verb.ts";

export interface Security {
  readonly capabilities: readonly string[];
  readonly seccomp?: SeccompFilter;
  readonly noNewPrivileges: boolean;
  readonly landlock: boolean;
  readonly apparmor?: string;
  readonly label?: string;
  /** Options of the container's procfs (`hidepid=2`, `subset=pid`), or undefined for the default. */
  readonly procOptions?: readonly string[];
  /** Masked and read-only paths are left open. */
  readonly openPaths: boolean;
}

/** --security-opt values by name; docker takes `=` and `:` between name and value. */
function securityOptions(args: Arguments): Map<string, string> {
  const found = new Map<string, string>();
  for (const option of args.values("security-opt")) {
    const m = /^([a-z-]+)(?:[=:](.*))?$/s.exec(option);
    const name = m?.[1] ?? "";
    if (!["no-new-privileges", "seccomp", "apparmor", "label", "landlock", "proc-opts", "systempaths"].includes(name)) {
      throw new PidboxError("USAGE", `There is no --security-opt ${quote(option, 60)}`, { hint: "One of no-new-privileges, seccomp=, apparmor=, label=, landlock=, proc-opts=, systempaths=", context: { from: "--security-opt" } });
    }
    found.set(name, m?.[2] ?? "");
  }
  return found;
}

async function compileFile(path: string, capabilities: readonly string[], facts: HostFacts): Promise<SeccompFilter> {
  const [{ resolveProfile }, { compileSeccomp }, { parseJson }] = await Promise.all([
    import("../plan/seccomp-profile.ts"), import("../plan/seccomp.ts"), import("../spec/json.ts"),
  ]);
  const bytes = readBytes(path, 4 << 20);
  if (typeof bytes === "number") {
    throw new PidboxError("IO", `Cannot read the seccomp profile ${quote(path)}: ${errnoName(bytes)}`, { context: { path, errno: errnoName(bytes), from: "--security-opt" } });
  }
  const profile = resolveProfile(parseJson(bytes, "seccomp profile"), { arch: "x64", capabilities, kernel: facts.kernel });
  return { name: path, filter: compileSeccomp(profile, { arch: "x64" }) };
}

async function filterFor(
  value: string | undefined,
  kind: Kind,
  capabilities: readonly string[],
  facts: HostFacts,
  overrides: Overrides,
): Promise<SeccompFilter | undefined> {
  if (value === "unconfined") {
    overrides.need("seccomp", "--security-opt seccomp=unconfined");
    return undefined;
  }
  if (value !== undefined && value !== "" && value !== "builtin" && value !== "default" && value !== "strict") return compileFile(value, capabilities, facts);
  const name = value === "strict" || value === "default" ? value : kind === "do" ? "strict" : "default";
  const standard = name === "strict" || (capabilities.length === RUN_CAPABILITIES.length && RUN_CAPABILITIES.every((one) => capabilities.includes(one)));
  if (standard) return { name, filter: builtinFilter(name) };
  // The default profile opens a few calls with the capability that they need, as docker's does.
  const [{ defaultProfile }, { compileSeccomp }] = await Promise.all([import("../plan/seccomp-defaults.ts"), import("../plan/seccomp.ts")]);
  return { name: "default", filter: compileSeccomp(defaultProfile(capabilities), { arch: "x64" }) };
}

async function capabilitiesOf(args: Arguments, kind: Kind, overrides: Overrides): Promise<readonly string[]> {
  const base = kind === "do" ? [] : RUN_CAPABILITIES;
  const [add, drop] = [args.values("cap-add"), args.values("cap-drop")];
  if (add.length === 0 && drop.length === 0) return base;
  const { editCapabilities } = await import("../spec/capability-list.ts");
  const edited = editCapabilities(base, add, drop);
  const dangerous = edited.find((name) => DANGEROUS_CAPABILITIES.includes(name));
  if (dangerous !== undefined) overrides.need("capabilities", `the capability ${dangerous}`);
  return edited;
}

/** The profile that was named; else pidbox's own where AppArmor is active, unless pidbox is confined itself: its container is then confined with it. */
async function profileOf(given: string | undefined, facts: HostFacts, degraded: readonly DegradedName[]): Promise<string | undefined> {
  if (given !== undefined || !facts.apparmor || degraded.includes("apparmor")) return given;
  const { readOwnProfile } = await import("../engine/apparmor.ts");
  return readOwnProfile() === undefined ? DEFAULT_PROFILE : undefined;
}

async function securityModules(
  options: ReadonlyMap<string, string>, facts: HostFacts, overrides: Overrides, degraded: readonly DegradedName[],
): Promise<Pick<Security, "apparmor" | "label">> {
  const apparmor = await profileOf(options.get("apparmor"), facts, degraded);
  const label = options.get("label");
  if (apparmor === "unconfined" && facts.apparmor) overrides.need("apparmor", "--security-opt apparmor=unconfined");
  if (apparmor !== undefined && apparmor !== "unconfined" && !facts.apparmor) {
    throw new PidboxError("HOST_UNSUPPORTED", `Cannot apply the AppArmor profile ${quote(apparmor, 60)}: AppArmor is not active on this host`, { context: { feature: "apparmor", from: "--security-opt" } });
  }
  if (label !== undefined && label !== "disable" && !facts.selinux) {
    throw new PidboxError("HOST_UNSUPPORTED", `Cannot apply the SELinux label ${quote(label, 60)}: SELinux is not active on this host`, { context: { feature: "selinux", from: "--security-opt" } });
  }
  if (label === "disable" && facts.selinux) overrides.need("apparmor", "--security-opt label=disable");
  return { ...(apparmor === undefined || apparmor === "unconfined" ? {} : { apparmor }), ...(label === undefined || label === "disable" ? {} : { label }) };
}

/** Throws USAGE, REFUSED_UNSAFE, HOST_UNSUPPORTED, CONFIG_INVALID. */
export async function securityOf(args: Arguments, kind: Kind, facts: HostFacts, overrides: Overrides, degraded: readonly DegradedName[]): Promise<Security> {
  if (args.flag("privileged")) {
    overrides.need("privileged", "--privileged");
    return { capabilities: CAPABILITIES.slice(0, facts.lastCapability + 1), noNewPrivileges: false, landlock: false, openPaths: true };
  }
  const options = securityOptions(args);
  const capabilities = await capabilitiesOf(args, kind, overrides);
  const nnp = options.get("no-new-privileges");
  const noNewPrivileges = nnp !== "false";
  if (!noNewPrivileges) overrides.need("new-privileges", "--security-opt no-new-privileges=false");
  const openPaths = options.get("systempaths") === "unconfined";
  if (openPaths) overrides.need("systempaths", "--security-opt systempaths=unconfined");
  const landlock = options.get("landlock");
  if (landlock !== undefined && landlock !== "unconfined") {
    throw new PidboxError("USAGE", `Cannot use ${quote(landlock, 60)} for --security-opt landlock: only unconfined is known`, { context: { from: "--security-opt" } });
  }
  if (landlock !== undefined && facts.landlockAbi > 0) overrides.need("landlock", "--security-opt landlock=unconfined");
  const proc = options.get("proc-opts");
  if (proc !== undefined && !/^((hidepid=[0-9a-z]+|subset=pid|gid=\d+)(,|$))*$/.test(proc)) {
    throw new PidboxError("USAGE", `Cannot use ${quote(proc, 60)} for --security-opt proc-opts: it is not made of hidepid=, subset=pid, gid=`, { context: { from: "--security-opt" } });
  }
  const seccomp = await filterFor(options.get("seccomp"), kind, capabilities, facts, overrides);
  return {
    capabilities, noNewPrivileges, landlock: landlock === undefined, openPaths,
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(proc === undefined ? {} : { procOptions: proc.split(",").filter((option) => option !== "") }),
    ...await securityModules(options, facts, overrides, degraded),
  };
}
