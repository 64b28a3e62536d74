import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";
import { writeObstacle } from "../obstacles.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "P31",
  name: "mount-namespace",
  title: "The container is in the host's mount namespace",
  severity: "critical",
  why:
    "It has every mount of the host: what its user may read, it reads, and what it mounts, the host sees. Such a container is a process with a PID namespace and no more; " +
    "as root it is the host.",
  references: ["T1611"],
  remedy: {
    text: "Start it with a mount namespace and a root of its own",
    docker: "docker run IMAGE   # every container of Docker has one",
    host: "pidbox do PROGRAM   # or: unshare --pid --fork --mount --mount-proc PROGRAM",
  },
  evaluate(container, facts) {
    const { container: { initPid, sharedWithHost, unknown: hidden }, first } = container;
    const evidence = saw(`/proc/${initPid ?? 0}/ns/mnt`, `mnt:[${first?.namespaces.mnt ?? ""}]`);
    if (hidden.includes("mnt")) return unknown("the kernel does not tell this user which mount namespace it has", evidence);
    if (!sharedWithHost.includes("mnt")) return pass("a mount namespace of its own", evidence);
    const { by } = writeObstacle(container, facts);
    return by === undefined ? finding("as root of the host", evidence) : { ...finding("as a user of the host without root's rights", evidence), severity: "high" };
  },
};
