import { mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { isReadOnly, mountText } from "../mount-tree.ts";
import { OBSTACLE_READS, writeObstacle } from "../obstacles.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "P14",
  name: "lxcfs-writable",
  title: "The whole of LXCFS is mounted writable",
  severity: "high",
  why:
    "LXCFS gives containers their own /proc/meminfo and the like, one file each. Its whole tree also holds the host's cgroups, and a container that can write there changes " +
    "limits and device lists, its own and others'.",
  references: ["T1611"],
  remedy: {
    text: "Mount single files of LXCFS, read-only",
    docker: "docker run -v /var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro",
    podman: "podman run -v /var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro",
    kubernetes: "volumeMounts:\n- name: lxcfs-meminfo\n  mountPath: /proc/meminfo\n  readOnly: true",
  },
  reads: OBSTACLE_READS,
  evaluate(container, facts) {
    const source = mountSource(container);
    if (typeof container.mounts === "number") return unknown("its mount table could not be read", evidenceOf(source, container.mounts));
    // The one-file mounts that LXC makes are served read-only by LXCFS itself, whatever their options say.
    const served = mountsOf(container).filter(({ type, source: name }) => type === "fuse.lxcfs" || name === "lxcfs");
    const found = served.find((mount) => /^\/(cgroup(\/.*)?)?$/.test(mount.root) && !isReadOnly(mount));
    if (found === undefined) return pass("no, or single files only");
    const obstacle = writeObstacle(container, facts);
    const text = `${found.root} of LXCFS on ${found.mountPoint}`;
    const evidence = saw(source, mountText(found));
    return obstacle.by === undefined ? finding(text, evidence) : blocked(obstacle.by, text, evidence, obstacle.evidence);
  },
};
