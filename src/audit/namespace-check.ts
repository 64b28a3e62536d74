/** Checks that ask whether a container has a namespace of the host. Pure. */
import type { NamespaceType } from "../kernel/namespaces.ts";
import type { CheckInfo } from "../report/finding.ts";
import type { ContainerCheck } from "./check.ts";
import { finding, inapplicable, pass, saw, unknown } from "./check.ts";

interface NamespaceCheck extends CheckInfo {
  readonly type: NamespaceType;
  /** What it means to have the host's. */
  readonly found: string;
}

const NAMES: Readonly<Record<NamespaceType, string>> = {
  user: "user", pid: "PID", mnt: "mount", net: "network", ipc: "IPC", uts: "UTS", cgroup: "cgroup", time: "time",
};

export function namespaceCheck({ type, found, ...info }: NamespaceCheck): ContainerCheck {
  return {
    ...info,
    scope: "container",
    evaluate({ container, first }, { host }) {
      const inode = first?.namespaces[type];
      const evidence = saw(`/proc/${container.initPid ?? 0}/ns/${type}`, inode === undefined ? "" : `${type}:[${inode}]`);
      if (container.sharedWithHost.includes(type)) return finding(found, evidence);
      if (host.namespaces[type] === undefined) return inapplicable(`this kernel has no ${NAMES[type]} namespaces`, evidence);
      if (container.unknown.includes(type) || inode === undefined) return unknown("the kernel does not tell which one it is in", evidence);
      return pass(`a ${NAMES[type]} namespace of its own`, evidence);
    },
  };
}
