/** Names of kernel parameters: their path below /proc/sys, and the namespace they belong to. Pure. */

export type SysctlNamespace = "network" | "ipc" | "uts";

/**
 * The path below /proc/sys, as sysctl(8) reads a name: when the first separator is ".", dots separate and a "/" stands for a dot inside a
 * component (`net.ipv4.conf.eth0/1.forwarding`); when it is "/", the name is the path already. Undefined for names that leave /proc/sys.
 */
export function sysctlPath(name: string): string | undefined {
  const first = /[./]/.exec(name)?.[0];
  const path = first === "." ? name.replace(/[./]/g, (c) => (c === "." ? "/" : ".")) : name;
  const parts = path.split("/");
  const plain = parts.every((part) => part !== "" && part !== "." && part !== ".." && /^[\x21-\x7e]+$/.test(part));
  return plain && parts.length > 1 && path.length <= 255 ? path : undefined;
}

// ipc/ipc_sysctl.c and ipc/mq_sysctl.c of Linux 6.18; the *_next_id files are for checkpoint and restore only and stay out.
const IPC = /^(?:kernel\/(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\/mqueue\/[a-z_]+)$/;

/** The namespace that has its own copy of the parameter at `path`, or undefined when it belongs to the host as a whole. */
export function sysctlNamespace(path: string): SysctlNamespace | undefined {
  if (path.startsWith("net/")) return "network";
  if (IPC.test(path)) return "ipc";
  return path === "kernel/hostname" || path === "kernel/domainname" ? "uts" : undefined;
}
