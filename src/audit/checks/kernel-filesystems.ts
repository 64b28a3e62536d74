import type { Mount } from "../../kernel/mountinfo.ts";
import type { Severity } from "../../report/finding.ts";
import { mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { gravest } from "../foreign.ts";
import { isReadOnly, mountText, sameDevice, treeOf } from "../mount-tree.ts";
import { OBSTACLE_READS, writeObstacle } from "../obstacles.ts";

/** Filesystems that show or change the inside of the kernel, for root alone. */
const TYPES: Readonly<Record<string, Severity>> = {
  debugfs: "high", tracefs: "high", bpf: "high", efivarfs: "high", configfs: "high",
  securityfs: "medium", pstore: "medium", resctrl: "medium", selinuxfs: "medium",
};

export const check: ContainerCheck = {
  scope: "container",
  id: "P32",
  name: "kernel-filesystems",
  title: "Filesystems of the kernel's inside are mounted",
  severity: "high",
  why:
    "debugfs and tracefs show and set the inside of drivers and of every process, bpffs holds programs that others pinned, efivarfs is the firmware's memory, configfs makes kernel objects. " +
    "No container needs them; where one measures the host, it is to be trusted as the host is.",
  references: ["PSS baseline (hostPath)", "T1611"],
  remedy: {
    text: "Take these mounts away, or run the program that needs them on the host",
    docker: "docker run   # without -v /sys/kernel/debug:... and -v /sys/fs/bpf:...",
    podman: "podman run   # without -v /sys/kernel/debug:... and -v /sys/fs/bpf:...",
    compose: "# remove from volumes:\n- /sys/kernel/debug:/sys/kernel/debug",
    kubernetes: "# remove the hostPath volumes below /sys",
  },
  reads: OBSTACLE_READS,
  evaluate(container, facts) {
    const source = mountSource(container);
    if (typeof container.mounts === "number") return unknown("its mount table could not be read", evidenceOf(source, container.mounts));
    const table = mountsOf(container);
    const tree = treeOf(table);
    const host = typeof facts.host.mounts === "number" ? undefined : facts.host.mounts;
    // Each bpffs is one of its own: only the host's has anything of the host in it.
    const onHost = ({ type, device }: Mount): boolean => host === undefined || host.some((one) => one.type === type && sameDevice(one.device, device));
    const found = table.filter((mount) => TYPES[mount.type] !== undefined && tree.shows(mount) && (mount.type !== "bpf" || onHost(mount)));
    if (found.length === 0) return pass("none");
    const evidence = found.slice(0, 6).map((mount) => saw(source, mountText(mount)));
    const text = found.slice(0, 4).map((mount) => `${mount.type} on ${mount.mountPoint}${isReadOnly(mount) ? " (read-only)" : ""}`).join(", ");
    const severities = found.map((mount) => (isReadOnly(mount) ? "medium" : (TYPES[mount.type] ?? "medium")));
    const severity = gravest(severities);
    const obstacle = writeObstacle(container, facts);
    if (obstacle.by === undefined || obstacle.by === "AppArmor" || obstacle.by === "SELinux") return { ...finding(text, ...evidence), severity };
    return { ...blocked(obstacle.by, `${text}, for root of the host alone`, ...evidence, obstacle.evidence), severity };
  },
};
