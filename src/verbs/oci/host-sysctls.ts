/**
 * Kernel parameters of a namespace that a config joins by path. The path may lead to this process's own namespace, as docker's `--network host` does: then
 * they would be changed for the host, which runc refuses too (libcontainer/configs/validate).
 */
import { PidboxError } from "../../base/error.ts";
import { printable } from "../../base/text.ts";
import { stat } from "../../kernel/file.ts";
import type { Linux } from "../../spec/runtime-config.ts";
import { sysctlNamespace, sysctlPath } from "../../spec/sysctl.ts";

const FILES = { network: "net", ipc: "ipc", uts: "uts" } as const;

function isOwn(type: keyof typeof FILES, path: string): boolean {
  const [theirs, mine] = [stat(path), stat(`/proc/self/ns/${FILES[type]}`)];
  // What cannot be read cannot be joined either, and that error is the better one.
  return typeof theirs !== "number" && typeof mine !== "number" && theirs.inode === mine.inode && theirs.device.minor === mine.device.minor;
}

/** Throws CONFIG_INVALID for a parameter of a namespace that is this process's own. */
export function refuseHostSysctls(linux: Linux | undefined): void {
  for (const name of Object.keys(linux?.sysctl ?? {})) {
    const type = sysctlNamespace(sysctlPath(name) ?? "");
    const path = linux?.namespaces?.find((one) => one.type === type)?.path;
    if (type === undefined || path === undefined || !isOwn(type, path)) continue;
    const host = type === "uts" ? "UTS" : type === "ipc" ? "IPC" : type;
    throw new PidboxError("CONFIG_INVALID", `sysctl "${printable(name)}" not allowed in host ${host} namespace`, { context: { from: `/linux/sysctl/${printable(name)}` } });
  }
}
