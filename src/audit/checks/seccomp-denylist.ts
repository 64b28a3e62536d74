import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { allFates, callOf, fateOf, filterEvidence, unknownFilter } from "../syscall-filter.ts";

/** Far above every number that a kernel has, and below those of the x32 ABI. */
const FUTURE = 0x3fff;

export const check: ContainerCheck = {
  scope: "container",
  id: "Q05",
  name: "seccomp-denylist",
  title: "The seccomp filter allows every call that it does not name",
  severity: "medium",
  why:
    "A list of what is denied is open to every system call that a newer kernel brings, and these are the ones with mistakes: io_uring, the mount API and openat2 were all new once. " +
    "The engines' own filters name what is allowed.",
  references: ["PSS restricted (seccompProfile)", "T1611"],
  remedy: {
    text: "Use a profile whose default action is an error",
    docker: "docker run   # without --security-opt seccomp=FILE, or a FILE with \"defaultAction\": \"SCMP_ACT_ERRNO\"",
    podman: "podman run   # the same",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
  },
  evaluate(container, { host: { kernel: { machine } } }) {
    const evidence = filterEvidence(container);
    if (container.tasks.some(({ status }) => status.seccomp === 0)) return inapplicable("a thread has no filter at all", evidence);
    const future = fateOf(container, { ...callOf(machine, "read"), nr: FUTURE, arch: callOf(machine, "read")?.arch ?? 0 });
    if (future === "unknown") return unknown(unknownFilter(container), evidence);
    const fates = [...allFates(container, machine).values()];
    const allowed = fates.filter((fate) => fate === "runs").length;
    const text = `${allowed} of ${fates.length} system calls with null arguments are allowed`;
    return future === "runs" ? finding(`it is a list of what is denied: ${text}`, evidence) : pass(text, evidence);
  },
};
