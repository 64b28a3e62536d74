import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "O04",
  name: "traced-process",
  title: "A process of the container is being traced",
  severity: "medium",
  why: "A tracer reads and writes the memory of what it traces and acts as it: a debugger that somebody forgot, or one process that took over another.",
  references: ["T1055.008"],
  remedy: {
    text: "Find the tracer by its PID; without CAP_SYS_PTRACE and with Yama it is a parent or was asked for",
    docker: "docker run --cap-drop SYS_PTRACE",
    podman: "podman run --cap-drop SYS_PTRACE",
    host: "sysctl -w kernel.yama.ptrace_scope=2",
  },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { tracer } }) => {
      const value = `TracerPid: ${tracer}`;
      if (tracer === 0) return { verdict: "pass", text: "none is", value };
      const inside = container.tasks.some(({ pid }) => pid === tracer);
      return { verdict: "finding", text: `by PID ${tracer}, ${inside ? "in the container" : "outside"}`, value };
    }),
};
