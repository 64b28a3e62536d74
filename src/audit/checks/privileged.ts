import type { TaskFacts } from "../../engine/posture.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, finding, pass, saw } from "../check.ts";
import { allDevices } from "../device-access.ts";
import { mountsOf } from "../binds.ts";
import { taskFile } from "../each-task.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import { isReadOnly, placesOf } from "../mount-tree.ts";
import { hasHostUsers } from "../obstacles.ts";

const INIT_STATUS = "/proc/1/status";
/** With so many of the four other signs it is as --privileged makes it. */
const SIGNS = 2;

/** CAP_PERFMON, CAP_BPF and CAP_CHECKPOINT_RESTORE: parts of CAP_SYS_ADMIN with names since Linux 5.8, which Docker 20.10 does not know. */
const PARTS_OF_ADMIN = 7n << 38n;

/** Every capability that this kernel has and the host's first process may have: a host that gave some up cannot hand them on. */
function fullSet({ host }: AuditFacts): bigint {
  const all = ((1n << BigInt(host.lastCapability + 1)) - 1n) & ~PARTS_OF_ADMIN;
  const status = host.files.get(INIT_STATUS);
  const bounding = typeof status === "string" ? /^CapBnd:\t([0-9a-f]{16})$/m.exec(status)?.[1] : undefined;
  return bounding === undefined ? all : all & BigInt(`0x${bounding}`);
}

/** What else is as --privileged makes it, beside the capabilities. */
function otherSigns(task: TaskFacts, container: ContainerFacts): string[] {
  const label = task.label === "unconfined" || (typeof task.label === "string" && /:(spc_t|unconfined_t):/.test(task.label));
  const sys = placesOf(mountsOf(container), "sysfs", "/").some(({ mount }) => !isReadOnly(mount));
  return [
    ...(task.status.seccomp === 0 ? ["no seccomp filter"] : []), ...(label ? ["not confined by a security module"] : []),
    ...(allDevices(container).answer === "allowed" ? ["every device"] : []), ...(sys ? ["/sys writable"] : []),
  ];
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P01",
  name: "privileged",
  title: "A privileged container",
  severity: "critical",
  why:
    "With every capability over the host's own users, no filter, all devices and a writable /sys nothing is left of the wall but names: a program in it mounts the host's disk, loads modules, or " +
    "writes to the kernel. What `--privileged` gives is told by what is in force, not by the flag, so the same powers given one by one are found too.",
  references: ["CIS Docker 5.5", "PSS baseline (privileged)", "T1611"],
  remedy: {
    text: "Give the one device, capability or mount that the program needs, and nothing else",
    docker: "docker run --device /dev/NAME --cap-add NAME   # instead of --privileged",
    podman: "podman run --device /dev/NAME --cap-add NAME   # instead of --privileged, or rootless",
    compose: "# instead of privileged: true\ndevices: [/dev/NAME]\ncap_add: [NAME]",
    kubernetes: "securityContext:\n  privileged: false\n  allowPrivilegeEscalation: false",
  },
  reads: { files: [INIT_STATUS] },
  evaluate(container, facts) {
    const full = fullSet(facts);
    const powerful = container.tasks.filter(({ status }) => (status.capabilities.effective & full) === full);
    const task = powerful.find((one) => hasHostUsers(one, container, facts)) ?? powerful[0];
    const first = task ?? container.first ?? container.tasks[0];
    const evidence = first === undefined ? [] : [saw(taskFile(first, "status CapEff"), first.status.capabilities.effective.toString(16).padStart(16, "0"))];
    if (task === undefined) return pass("no thread has every capability", ...evidence, saw("all that count on this host", full.toString(16).padStart(16, "0")));
    const signs = otherSigns(task, container);
    const text = ["every capability", ...signs].join(", ");
    if (!hasHostUsers(task, container, facts)) {
      return blocked("user namespace", `${text}, over its own users alone`, ...evidence, saw(taskFile(task, "ns/user"), task.namespaces.user ?? 0));
    }
    if (signs.length >= SIGNS) return finding(text, ...evidence, saw(taskFile(task, "status Seccomp"), task.status.seccomp ?? ""));
    return { ...finding(`${text}: what else --privileged does is not so`, ...evidence), severity: "high" };
  },
};
