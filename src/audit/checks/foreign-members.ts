import { NAMESPACE_TYPES } from "../../kernel/namespaces.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "L03",
  name: "foreign-members",
  title: "A process in the container's PID namespace is on the host otherwise",
  severity: "high",
  why:
    "An exec or nsenter that joined only some namespaces leaves a process that the container sees and may signal or trace, while its root, network or users are the host's: a way out through its memory.",
  references: ["T1055", "CVE-2016-9962"],
  remedy: {
    text: "Enter containers by the engine's exec, which joins all namespaces and only then becomes visible",
    docker: "docker exec NAME COMMAND",
    podman: "podman exec NAME COMMAND",
    kubernetes: "kubectl exec POD -- COMMAND",
    host: "nsenter --all --target PID COMMAND",
  },
  evaluate(container, { host }) {
    const { first } = container;
    return eachTask(container, "ns/", (task) => {
      const foreign = NAMESPACE_TYPES.filter((type) => {
        const [own, of, inode] = [task.namespaces[type], host.namespaces[type], first?.namespaces[type]];
        return own !== undefined && own === of && inode !== undefined && inode !== own;
      });
      const value = NAMESPACE_TYPES.map((type) => `${type}:[${task.namespaces[type] ?? "?"}]`).join(" ");
      if (foreign.length > 0) return { verdict: "finding", text: `it has the host's ${foreign.join(", ")} namespace`, value };
      return task.namespaces.mnt === undefined ? { verdict: "unknown", text: "its namespaces could not be read", value } : { verdict: "pass", text: "all have the namespaces of the first", value };
    });
  },
};
