/** -v, --mount, --tmpfs, --device, --show, --rw -> mounts of the config. Sources are made canonical here and opened without following links later. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { resolveHostPath } from "../kernel/path.ts";
import type { HostPath } from "../kernel/path.ts";
import { stat } from "../kernel/file.ts";
import { fileBind } from "../plan/mount-kind.ts";
import type { LinuxDevice, Mount } from "../spec/runtime-config.ts";
import type { MountRequest } from "../spec/volume.ts";
import { isSensitiveSource } from "./refusals.ts";
import type { Overrides } from "./refusals.ts";
import type { Arguments } from "./verb.ts";

/** What binds have in common on this host. */
export interface BindPolicy {
  readonly cwd: string;
  /** Binds are id-mapped: files of the host's user N belong to user N inside. */
  readonly idmap: boolean;
  readonly overrides: Overrides;
}

/** Resolves a path that the user named. Throws NOT_FOUND or IO. */
export function hostPath(path: string, policy: Pick<BindPolicy, "cwd">, from: string): HostPath {
  const found = resolveHostPath(path, policy.cwd);
  if (typeof found !== "number") return found;
  const errno = errnoName(found);
  throw new PidboxError(found === -2 ? "NOT_FOUND" : "IO", `Cannot bind ${quote(path)}: ${errno}`, {
    hint: "pidbox makes no directories on the host: make it first", context: { path, errno, from },
  });
}

/** A bind of a resolved path. Throws REFUSED_UNSAFE for paths that are control over the host. */
export function bindMount(source: HostPath, destination: string, options: readonly string[], policy: BindPolicy, from: string): Mount {
  const readonly = options.includes("ro");
  if (isSensitiveSource(source.path, readonly)) policy.overrides.need("mount", `${from} ${source.path}${readonly ? " (read-only)" : ""}`);
  const words = [...options, "nodev", "nosuid", ...(policy.idmap && !options.some((o) => o === "idmap" || o === "ridmap") ? ["idmap"] : [])];
  return { destination, type: "bind", source: source.path, options: source.directory ? words : fileBind(words) };
}

function mountOf(request: MountRequest, policy: BindPolicy, from: string): Mount {
  switch (request.kind) {
    case "bind": {
      if (request.relabel !== "no" && typeof stat("/sys/fs/selinux/enforce") !== "number") {
        throw new PidboxError("HOST_UNSUPPORTED", "Cannot relabel a bind mount for SELinux", { hint: "Label the directory with chcon, and leave z and Z out", context: { feature: "selinux", from } });
      }
      return bindMount(hostPath(request.source, policy, from), request.destination, request.options, policy, from);
    }
    case "tmpfs": return { destination: request.destination, type: "tmpfs", options: request.options };
    case "volume":
      throw new PidboxError("USAGE", `Cannot mount the volume ${quote(request.name ?? request.destination, 60)}: there are no volumes, only host paths`, {
        hint: "Give a path that begins with / or ./, or use --tmpfs", context: { from },
      });
  }
}

/** Whether any flag asks for a mount: the grammar is loaded only then. */
const FLAGS = ["volume", "mount", "tmpfs"];

/** The user's mounts, in the order volumes, mounts, tmpfs. Throws USAGE, NOT_FOUND, REFUSED_UNSAFE, HOST_UNSUPPORTED. */
export async function userMounts(args: Arguments, policy: BindPolicy): Promise<Mount[]> {
  if (!FLAGS.some((flag) => args.values(flag).length > 0)) return [];
  const { parseMount, parseTmpfs, parseVolume } = await import("../spec/volume.ts");
  return [
    ...args.values("volume").map((value) => mountOf(parseVolume(value), policy, "--volume")),
    ...args.values("mount").map((value) => mountOf(parseMount(value), policy, "--mount")),
    ...args.values("tmpfs").map((value) => mountOf(parseTmpfs(value), policy, "--tmpfs")),
  ];
}

/** --device values as nodes of the container's /dev. Throws USAGE, NOT_FOUND, REFUSED_UNSAFE. */
export async function userDevices(args: Arguments, overrides: Overrides): Promise<LinuxDevice[]> {
  const values = args.values("device");
  if (values.length === 0) return [];
  const { parseDevice } = await import("../spec/volume.ts");
  return values.map((value) => {
    const request = parseDevice(value);
    overrides.need("device", `--device ${value}`);
    const status = stat(request.source);
    const type = typeof status === "number" ? undefined : { 0o020000: "c" as const, 0o060000: "b" as const }[status.mode & 0o170000];
    if (typeof status === "number" || type === undefined) {
      throw new PidboxError("NOT_FOUND", `Cannot add the device ${quote(request.source)}: there is no device node of this name`, {
        context: { path: request.source, from: "--device" },
      });
    }
    if (!/^\/dev\/[^/]+$/.test(request.destination)) {
      throw new PidboxError("USAGE", `Cannot add a device at ${quote(request.destination)}: it must be directly in /dev`, {
        context: { from: "--device" },
      });
    }
    return { type, path: request.destination, major: status.rdev.major, minor: status.rdev.minor, fileMode: status.mode & 0o777 };
  });
}
