import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

const NAMES = ["Max processes", "Max locked memory"] as const;

export const check: ContainerCheck = {
  scope: "container",
  id: "G12",
  name: "process-limits",
  title: "A resource limit of its processes is off",
  severity: "low",
  why: "Limits of locked memory and of processes per user are a second line where a cgroup's limit is not set; unlimited ones often come from the daemon's own service file.",
  references: ["CIS Docker 5.19", "T1499"],
  remedy: {
    text: "Set limits for the container, or sane defaults for the daemon",
    docker: "docker run --ulimit nproc=4096 --ulimit memlock=65536",
    podman: "podman run --ulimit nproc=4096:4096 --ulimit memlock=65536:65536",
    compose: "ulimits:\n  nproc: 4096\n  memlock: 65536",
    host: "# /etc/docker/daemon.json\n{ \"default-ulimits\": { \"nproc\": { \"Name\": \"nproc\", \"Hard\": 4096, \"Soft\": 4096 } } }",
  },
  evaluate: (container) =>
    eachTask(container, "limits", ({ limits }) => {
      if (typeof limits === "number") return { verdict: "unknown", text: "they could not be read", value: limits };
      const open = NAMES.filter((name) => limits.get(name)?.hard === Number.POSITIVE_INFINITY);
      const value = NAMES.map((name) => `${name}: ${limits.get(name)?.hard ?? "?"}`).join("; ").replaceAll("Infinity", "unlimited");
      return open.length > 0 ? { verdict: "finding", text: `${open.join(" and ").toLowerCase()}: unlimited`, value } : { verdict: "pass", text: "limited", value };
    }),
};
