import type { Severity } from "../../report/finding.ts";
import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { callOf, fateOf, filterEvidence, unknownFilter } from "../syscall-filter.ts";

/** By what an attacker gains. Calls that checks of their own look at (bpf, io_uring_setup, perf_event_open, userfaultfd) are not here again. */
const CALLS: readonly { readonly severity: Severity; readonly names: readonly string[] }[] = [
  {
    severity: "high",
    names: ["init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "open_by_handle_at", "iopl", "ioperm", "swapon", "acct"],
  },
  {
    severity: "medium",
    names: [
      "mount", "umount2", "fsopen", "fsmount", "move_mount", "open_tree", "pivot_root", "setns", "keyctl", "add_key", "request_key", "clock_settime", "settimeofday",
    ],
  },
  { severity: "low", names: ["ptrace", "process_vm_readv", "process_vm_writev"] },
];

export const check: ContainerCheck = {
  scope: "container",
  id: "K13",
  name: "dangerous-calls",
  title: "The seccomp filter allows calls that belong to the host",
  severity: "medium",
  why:
    "Mounts, other namespaces, kernel modules and keyrings have no use in most containers. Capabilities hold them back too, but a filter is the wall that still stands when a capability " +
    "was given by mistake, or won in a new user namespace.",
  references: ["PSS restricted (seccompProfile)", "T1611"],
  remedy: {
    text: "Use the engine's default filter; where a program needs one of these, allow that one",
    docker: "docker run   # without --security-opt seccomp=... and --cap-add, each of which opens calls",
    podman: "podman run   # the same",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
  },
  evaluate(container, { host: { kernel } }) {
    const evidence = filterEvidence(container);
    if (container.tasks.some(({ status }) => status.seccomp === 0)) return inapplicable("a thread has no filter at all", evidence);
    const groups = CALLS.map(({ severity, names }) => {
      return { severity, calls: names.map((name) => ({ name, fate: fateOf(container, callOf(kernel.machine, name)) })) };
    });
    if (groups.some(({ calls }) => calls.some(({ fate }) => fate === "unknown"))) return unknown(unknownFilter(container), evidence);
    const open = groups.flatMap(({ severity, calls }) => {
      const names = calls.filter(({ fate }) => fate === "runs").map(({ name }) => name);
      return names.length === 0 ? [] : [{ ...finding(names.join(", "), evidence), severity }];
    });
    return open.length > 0 ? open : pass("none of them", evidence);
  },
};
