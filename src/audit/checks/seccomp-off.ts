import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

const MODES: Readonly<Record<number, string>> = { 1: "strict mode", 2: "a filter" };

export const check: ContainerCheck = {
  scope: "container",
  id: "Q04",
  name: "seccomp-off",
  title: "No seccomp filter",
  severity: "high",
  why:
    "Without a filter every system call of the kernel can be reached, also those that no program in a container needs and that most kernel exploits begin with: " +
    "keyctl, bpf, userfaultfd, io_uring, perf_event_open, mounts in new user namespaces.",
  references: ["CIS Docker 5.22", "PSS baseline (seccompProfile)", "T1611"],
  remedy: {
    text: "Leave the engine's default filter on",
    docker: "docker run   # without --privileged and --security-opt seccomp=unconfined",
    podman: "podman run   # without --privileged and --security-opt seccomp=unconfined",
    compose: "# remove from security_opt:\n- seccomp:unconfined",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
  },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { seccomp } }) => {
      if (seccomp === undefined) return { verdict: "unknown", text: "this kernel does not tell whether there is a filter", value: "no Seccomp line" };
      const value = `Seccomp: ${seccomp}`;
      return seccomp === 0 ? { verdict: "finding", text: "every system call is allowed", value } : { verdict: "pass", text: MODES[seccomp] ?? "a mode of a newer kernel", value };
    }),
};
