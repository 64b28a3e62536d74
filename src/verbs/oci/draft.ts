/** A bundle and the words of `create` or `run` as a blueprint: what all of them ask of a container, in one place. */
import { PidboxError } from "../../base/error.ts";
import { absolute } from "../../base/path.ts";
import { quote } from "../../base/text.ts";
import { settleMounts } from "../../engine/mount-places.ts";
import { RUNTIME_FILES } from "../../engine/runtime-store.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { close, O, open, readBytes, readLink } from "../../kernel/file.ts";
import type { Blueprint, RuntimeFrame, Stdio } from "../../plan/blueprint.ts";
import type { HostFacts, UserMapping } from "../../plan/host-facts.ts";
import { loadOptions } from "../../plan/seccomp-action.ts";
import { parseConfig } from "../../spec/validate.ts";
import type { Config, Process } from "../../spec/runtime-config.ts";
import { refuseHostSysctls } from "./host-sysctls.ts";
import { SPEC_VERSION } from "./verb.ts";
import type { OciArguments, OciContext } from "./verb.ts";

export interface Bundle {
  /** Absolute path. */
  readonly directory: string;
  readonly config: Config;
  readonly process: Process;
  /** Absolute path without links. */
  readonly rootfs: string;
}

/** The path of a directory without links. Throws NOT_FOUND. */
function directoryPath(path: string, what: string): string {
  const fd = open(path, O.PATH | O.DIRECTORY);
  if (fd < 0) throw new PidboxError("NOT_FOUND", `Cannot use ${quote(path)} as ${what}: ${errnoName(fd)}`, { context: { path, errno: errnoName(fd) } });
  const found = readLink(`/proc/self/fd/${fd}`);
  close(fd);
  return typeof found === "string" ? found : path;
}

/** Reads the bundle that `--bundle` names. Throws NOT_FOUND, CONFIG_INVALID. */
export function readBundle(args: OciArguments, context: OciContext): Bundle {
  const directory = directoryPath(absolute(args.value("bundle") || ".", context.cwd), "bundle");
  const path = absolute(args.value("config") ?? "config.json", directory);
  const bytes = readBytes(path, 16 << 20);
  if (typeof bytes === "number") {
    throw new PidboxError("NOT_FOUND", `JSON specification file ${quote(path)} not found: ${errnoName(bytes)}`, { context: { path, errno: errnoName(bytes) } });
  }
  const config = parseConfig(bytes);
  const { process, root } = config;
  if (process === undefined) throw new PidboxError("CONFIG_INVALID", "process property must not be empty", { context: { from: "/process" } });
  if (process.args === undefined || process.args.length === 0) throw new PidboxError("CONFIG_INVALID", "process.args must not be empty", { context: { from: "/process/args" } });
  if (root === undefined) throw new PidboxError("CONFIG_INVALID", "root property must not be empty", { context: { from: "/root" } });
  refuseHostSysctls(config.linux);
  return { directory, config, process, rootfs: directoryPath(absolute(root.path, directory), "rootfs") };
}

/** The id map of the user namespace that the config makes, if it makes one. */
function mappingOf(config: Config, facts: HostFacts): UserMapping | undefined {
  const { namespaces, uidMappings = [], gidMappings = [] } = config.linux ?? {};
  const user = namespaces?.find(({ type }) => type === "user");
  if (user === undefined || user.path !== undefined) return undefined;
  const single = uidMappings.length === 1 && uidMappings[0]?.size === 1 && gidMappings.length === 1 && gidMappings[0]?.size === 1;
  return { uid: uidMappings, gid: gidMappings, writer: facts.uid !== 0 && single ? { kind: "self" } : { kind: "direct" } };
}

export interface DraftOptions {
  readonly id: string;
  /** ROOT/ID. */
  readonly state: string;
  readonly waits: boolean;
  readonly leaves: boolean;
  readonly preserved: number;
  readonly stdio: Stdio;
  readonly scope?: { readonly path: string; readonly holder: number };
}

function frameOf(bundle: Bundle, args: OciArguments, context: OciContext, options: DraftOptions): RuntimeFrame {
  const [pidFile, consoleSocket, pidfdSocket] = [args.value("pid-file"), args.value("console-socket"), args.value("pidfd-socket")];
  const { annotations } = bundle.config;
  return {
    directory: options.state, waits: options.waits, leaves: options.leaves, preserved: options.preserved,
    failure: ["oci", ...context.logWords, "__oci-failed"],
    ...(options.scope === undefined ? {} : { scope: { path: options.scope.path, holder: options.scope.holder } }),
    noPivot: args.flag("no-pivot"), newKeyring: !args.flag("no-new-keyring"),
    document: { ociVersion: SPEC_VERSION, id: options.id, bundle: bundle.directory, ...(annotations === undefined ? {} : { annotations }) },
    ...(pidFile === undefined ? {} : { pidFile: absolute(pidFile, context.cwd) }),
    ...(consoleSocket === undefined ? {} : { consoleSocket: absolute(consoleSocket, context.cwd) }),
    ...(pidfdSocket === undefined ? {} : { pidfdSocket: absolute(pidfdSocket, context.cwd) }),
  };
}

/** The blueprint of a container of pidbox-oci. Throws CONFIG_INVALID for a seccomp profile that cannot be compiled. */
export async function blueprintOf(bundle: Bundle, args: OciArguments, context: OciContext, facts: HostFacts, options: DraftOptions): Promise<Blueprint> {
  const { config } = bundle;
  const mapping = mappingOf(config, facts);
  const profile = config.linux?.seccomp;
  const filter = profile === undefined ? undefined : (await import("../../plan/seccomp.ts")).compileSeccomp(profile, { arch: "x64" });
  return {
    id: options.id, config: { ...config, mounts: settleMounts(config.mounts ?? [], bundle.directory, bundle.rootfs) },
    rootfs: { kind: "bind", source: bundle.rootfs }, ...(mapping === undefined ? {} : { mapping }),
    idmapped: false, init: false, stdio: options.stdio,
    ...(filter === undefined || profile === undefined ? {} : { seccomp: { name: "config", filter, ...loadOptions(profile) } }),
    landlock: false, interruptTwice: false,
    ...(config.linux?.netDevices === undefined ? {} : { netDevices: (await import("../../engine/net-devices.ts")).readNetDevices(config.linux.netDevices) }),
    state: { directory: options.state, files: RUNTIME_FILES, names: [], reservations: [], keep: args.flag("keep") },
    runtime: frameOf(bundle, args, context, options),
    executable: context.executable, title: options.id, unsafe: [], degraded: [],
  };
}
