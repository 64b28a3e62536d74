/** The rest of the flags -> namespaces, environment and process of the config. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { readBytes } from "../kernel/file.ts";
import { NAMESPACES, PATH } from "../plan/defaults.ts";
import type { UserMapping } from "../plan/host-facts.ts";
import type { LinuxNamespace } from "../spec/runtime-config.ts";
import type { Overrides } from "./refusals.ts";
import type { Arguments, Context } from "./verb.ts";

/** Namespaces of another container to join. */
export interface JoinedContainer {
  readonly id: string;
  readonly initPid: number;
  /** The id map of its user namespace, absent if that is the host's. */
  readonly mapping?: UserMapping;
}

/**
 * The namespaces of the config. `--pid=container:` brings the user namespace that owns the PID namespace, and the time namespace: a process enters a new
 * one only by being born into it, and one that joins a PID namespace is not. Throws REFUSED_UNSAFE, USAGE.
 */
export function namespacesOf(args: Arguments, overrides: Overrides, timeNamespace: boolean, joined: JoinedContainer | undefined): LinuxNamespace[] {
  const shared = new Set<string>(timeNamespace ? [] : ["time"]);
  const share = (flag: string, type: string, name: "pid-host" | "ipc-host" | "uts-host" | "userns-host" | "cgroupns-host"): void => {
    if (args.value(flag) !== "host") return;
    overrides.need(name, `--${flag}=host`);
    shared.add(type);
  };
  share("pid", "pid", "pid-host");
  share("ipc", "ipc", "ipc-host");
  share("uts", "uts", "uts-host");
  share("userns", "user", "userns-host");
  share("cgroupns", "cgroup", "cgroupns-host");
  return NAMESPACES.filter((type) => !shared.has(type)).map((type) => {
    if (joined === undefined || !(type === "pid" || type === "time" || (type === "user" && joined.mapping !== undefined))) return { type };
    return { type, path: `/proc/${joined.initPid}/ns/${type}` };
  });
}

/** The container named by --pid=container:REF, or undefined. Throws USAGE for other words. */
export function pidReference(args: Arguments): string | undefined {
  const mode = args.value("pid") ?? "private";
  if (mode === "private" || mode === "host") return undefined;
  const reference = /^container:(.+)$/.exec(mode)?.[1];
  if (reference === undefined) throw new PidboxError("USAGE", `Cannot use ${quote(mode, 60)} for --pid`, { hint: "One of private, host, container:ID", context: { from: "--pid" } });
  return reference;
}

const NAME = /^[^=\0]+=/;

/** The environment: `base` (lower), files, -e. Throws USAGE, CONFIG_INVALID, IO. */
export async function environmentOf(args: Arguments, context: Context, base: readonly string[]): Promise<string[]> {
  const [single, files] = [args.values("env"), args.values("env-file")];
  if (single.length === 0 && files.length === 0) return [...base];
  const { mergeEnvironment, parseEnvArgument, parseEnvFile } = await import("../spec/env-file.ts");
  const fromFiles = files.flatMap((path) => {
    const bytes = readBytes(path, 1 << 20);
    if (typeof bytes === "number") throw new PidboxError("IO", `Cannot read the env file ${quote(path)}: ${errnoName(bytes)}`, { context: { path, errno: errnoName(bytes), from: "--env-file" } });
    return parseEnvFile(bytes, context.environment);
  });
  const fromFlags = single.map((value) => parseEnvArgument(value, context.environment)).filter((value) => value !== undefined);
  return mergeEnvironment(base, fromFiles, fromFlags).filter((variable) => NAME.test(variable));
}

/** Variables that `do` takes from its caller: where programs are, and how to write text. Nothing that could be a secret. */
const INHERITED = ["PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "TERM", "COLORTERM", "NO_COLOR"];

export function hostEnvironment(context: Context, home: string, user: string | undefined): string[] {
  const inherited = INHERITED.filter((name) => context.environment[name] !== undefined).map((name) => `${name}=${context.environment[name]}`);
  const path = inherited.some((variable) => variable.startsWith("PATH=")) ? [] : [`PATH=${PATH}`];
  return [...path, ...inherited, `HOME=${home}`, ...(user === undefined ? [] : [`USER=${user}`])];
}

export function imageEnvironment(hostname: string, home: string, terminal: boolean): string[] {
  return [`PATH=${PATH}`, `HOSTNAME=${hostname}`, ...(terminal ? ["TERM=xterm"] : []), `HOME=${home}`];
}

/** --sysctl values. The namespaces that they need are checked when the config is. Throws USAGE. */
export async function sysctlsOf(args: Arguments): Promise<Record<string, string>> {
  const values = args.values("sysctl");
  if (values.length === 0) return {};
  const { sysctlNamespace, sysctlPath } = await import("../spec/sysctl.ts");
  const result: Record<string, string> = {};
  for (const value of values) {
    const at = value.indexOf("=");
    const path = at < 1 ? undefined : sysctlPath(value.slice(0, at));
    if (path === undefined) throw new PidboxError("USAGE", `Cannot use ${quote(value, 80)} for --sysctl: it is not NAME=VALUE`, { context: { from: "--sysctl" } });
    const namespace = sysctlNamespace(path);
    if (namespace === undefined || namespace === "uts") {
      throw new PidboxError("REFUSED_UNSAFE", `Refused --sysctl ${quote(value, 80)}: the parameter belongs to the whole host`, {
        hint: namespace === "uts" ? "Use --hostname" : "Parameters of the container's own are net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.*", context: { from: "--sysctl" },
      });
    }
    result[path] = value.slice(at + 1);
  }
  return result;
}
