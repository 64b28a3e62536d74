import { blocked, evidenceOf, finding, pass } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { CAP, holderOf } from "../surface.ts";
import { callOf, filterEvidence, worstFate } from "../syscall-filter.ts";
import { mayHaveHostUsers } from "../host-users.ts";

const DISABLED = "/proc/sys/kernel/modules_disabled";
const ENOENT = -2;

export const check: ContainerCheck = {
  scope: "container",
  id: "K14",
  name: "module-loading",
  title: "The container may load kernel modules",
  severity: "critical",
  why: "A module is code that runs as the kernel: whoever loads one owns the host and all of its containers. No container needs this; what needs a module gets it loaded by the host.",
  references: ["CIS Docker 5.4", "PSS baseline (capabilities)", "T1547.006"],
  remedy: {
    text: "Take CAP_SYS_MODULE away, and load on the host what is needed",
    docker: "docker run   # without --privileged and --cap-add SYS_MODULE",
    podman: "podman run   # without --privileged and --cap-add SYS_MODULE",
    compose: "# remove from cap_add:\n- SYS_MODULE",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [ALL]",
    host: "modprobe NAME; sysctl -w kernel.modules_disabled=1   # until the next boot",
  },
  reads: { files: [DISABLED] },
  evaluate(container, { host: { files, kernel } }) {
    const holder = holderOf(container, [CAP.SYS_MODULE]);
    if (holder === undefined) return pass("no CAP_SYS_MODULE");
    const disabled = files.get(DISABLED);
    const evidence = [holder.evidence, evidenceOf(DISABLED, disabled ?? "not read")];
    const own = !mayHaveHostUsers(container.container);
    if (own) return blocked("user namespace", "CAP_SYS_MODULE over its own user namespace, which loads nothing", ...evidence);
    if (disabled === ENOENT) return pass("this kernel has no modules", ...evidence);
    if (disabled === "1") return blocked("kernel.modules_disabled", "CAP_SYS_MODULE, and modules are shut off until the next boot", ...evidence);
    const fate = worstFate(container, [callOf(kernel.machine, "init_module"), callOf(kernel.machine, "finit_module")]);
    if (fate === "refused") return blocked("seccomp", "CAP_SYS_MODULE, and the filter refuses the calls", ...evidence, filterEvidence(container));
    return finding(`PID ${holder.pid} has CAP_SYS_MODULE`, ...evidence);
  },
};
