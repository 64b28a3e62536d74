import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import { CAP_SYS_ADMIN, holds } from "../obstacles.ts";

const CAP_SYS_CHROOT = 18;

export const check: ContainerCheck = {
  scope: "container",
  id: "P18",
  name: "chroot",
  title: "Its root is a directory and not a mount",
  severity: "medium",
  why:
    "chroot(2) leaves the mounts of the host where they were, above the directory that is called root: with CAP_SYS_CHROOT a process walks up to them. After pivot_root(2), as every engine does it, " +
    "the root is a mount of its own, and there is nothing above.",
  references: ["T1611"],
  remedy: {
    text: "Start it with pivot_root",
    docker: "docker run   # unset DOCKER_RAMDISK, which makes runc run without pivot_root",
    podman: "podman run   # without no_pivot_root in containers.conf",
    host: "unshare --mount --pid --fork sh -c 'mount --bind ROOT ROOT && cd ROOT && pivot_root . . && umount -l . && exec PROGRAM'",
  },
  evaluate({ container, first }) {
    const source = `/proc/${container.initPid ?? 0}/root`;
    const root = first?.root ?? -3;
    if (typeof root === "number") return unknown("its root could not be looked at", evidenceOf(source, root));
    const evidence = saw(source, `mount ${root.mountId}, inode ${root.inode}${root.mountRoot ? ", the root of that mount" : ""}`);
    if (root.mountRoot) return container.sharedWithHost.includes("mnt") ? inapplicable("it has the host's mounts, which is a finding of its own", evidence) : pass("a mount", evidence);
    const able = first !== undefined && (holds(first, CAP_SYS_CHROOT) || holds(first, CAP_SYS_ADMIN));
    const answer = finding(able ? "with the capability to leave it (CAP_SYS_CHROOT)" : "a directory", evidence);
    return able ? { ...answer, severity: "high" } : answer;
  },
};
