import type { TaskFacts } from "../../engine/posture.ts";
import { mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { taskFile } from "../each-task.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import { isReadOnly, mountText, treeOf } from "../mount-tree.ts";
import { CAP_SYS_ADMIN, confinement, hasHostUsers, holds, OBSTACLE_READS } from "../obstacles.ts";

/** What keeps a thread from setting a release agent: that takes CAP_SYS_ADMIN over the host's users since Linux 5.17 (24f6008564183, in stable kernels too). */
function obstacle(task: TaskFacts, container: ContainerFacts, facts: AuditFacts): string | undefined {
  if (!hasHostUsers(task, container, facts)) return "user namespace";
  return confinement(task, facts) ?? (holds(task, CAP_SYS_ADMIN) ? undefined : "capabilities");
}

/** Whether a thread may mount hierarchies whose root it sees: a cgroup namespace of its own shows it no more than its own cgroup. */
function mounts(task: TaskFacts, container: ContainerFacts, facts: AuditFacts): boolean {
  const { cgroup } = task.namespaces;
  return obstacle(task, container, facts) === undefined && cgroup !== undefined && cgroup === facts.host.namespaces.cgroup;
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P12",
  name: "release-agent",
  title: "The release agent of a cgroup hierarchy can be set",
  severity: "critical",
  why:
    "When the last process leaves a cgroup of version 1, the kernel starts the hierarchy's release agent as root on the host: a path in a file at the root of the hierarchy. " +
    "It is in reach where that root is mounted writable, or where a privileged process in the host's cgroup namespace can mount a hierarchy.",
  references: ["CVE-2022-0492", "PSS baseline (capabilities)", "T1611"],
  remedy: {
    text: "Take CAP_SYS_ADMIN away, and give it a cgroup namespace of its own",
    docker: "docker run --cgroupns private   # without --privileged and --cap-add SYS_ADMIN",
    podman: "podman run --cgroupns private",
    compose: "cgroup: private",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [ALL]",
    host: "# boot with systemd.unified_cgroup_hierarchy=1",
  },
  reads: OBSTACLE_READS,
  evaluate(container, facts) {
    const source = mountSource(container);
    if (typeof container.mounts === "number") return unknown("its mount table could not be read", evidenceOf(source, container.mounts));
    const able = container.tasks.find((task) => mounts(task, container, facts));
    if (able !== undefined) {
      const caps = able.status.capabilities.effective.toString(16).padStart(16, "0");
      return finding("it may mount a hierarchy and set its release agent", saw(taskFile(able, "status CapEff"), caps), saw(taskFile(able, "ns/cgroup"), able.namespaces.cgroup ?? 0));
    }
    const table = mountsOf(container);
    const tree = treeOf(table);
    const roots = table.filter((mount) => mount.type === "cgroup" && mount.root === "/" && !isReadOnly(mount) && tree.shows(mount));
    const [first] = roots;
    if (first === undefined) return pass("no root of a hierarchy is mounted writable, and none can be mounted");
    const evidence = roots.slice(0, 3).map((mount) => saw(source, mountText(mount)));
    const text = `${first.mountPoint}/release_agent${roots.length > 1 ? ` and ${roots.length - 1} more` : ""}`;
    const obstacles = container.tasks.map((task) => obstacle(task, container, facts));
    return obstacles.includes(undefined) ? finding(text, ...evidence) : blocked(obstacles[0] ?? "", `${text} is mounted writable`, ...evidence);
  },
};
