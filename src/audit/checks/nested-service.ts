import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

/** Programs by the last part of their path; the name that a process gives itself is not asked. */
const ENGINES = new Set(["dockerd", "containerd", "crio", "podman", "conmon", "buildkitd", "kubelet", "lxcfs", "lxd", "incusd"]);
const LOGINS = new Set(["sshd", "dropbear", "telnetd", "in.telnetd"]);

const ENOENT = -2;
const ESRCH = -3;

export const check: ContainerCheck = {
  scope: "container",
  id: "V04",
  name: "nested-service",
  title: "An engine or a login service runs in the container",
  severity: "low",
  why: "A login service is a second way in that no audit of the engine sees. An engine inside needs privileges that a container should not have, or says that it has them.",
  references: ["CIS Docker 5.7"],
  remedy: {
    text: "Come in by exec, and build images with a tool that needs no engine",
    docker: "docker exec -it NAME sh",
    podman: "podman exec -it NAME sh",
    kubernetes: "kubectl exec -it POD -- sh",
  },
  evaluate({ processes }) {
    const found = processes.flatMap(({ pid, program }) => {
      const name = typeof program === "string" ? (program.replace(/ \(deleted\)$/, "").split("/").at(-1) ?? "") : "";
      const what = ENGINES.has(name) ? "an engine" : LOGINS.has(name) ? "a login service" : undefined;
      return what === undefined ? [] : [{ pid, name, what, program }];
    });
    const [first] = found;
    // A zombie has no program (any more).
    const hidden = processes.find(({ program }) => typeof program === "number" && program !== ENOENT && program !== ESRCH);
    if (first === undefined && hidden !== undefined) return unknown(`what PID ${hidden.pid} runs could not be read`, evidenceOf(`/proc/${hidden.pid}/exe`, hidden.program));
    if (first === undefined) return pass("none among its programs", saw("/proc/PID/exe", `${processes.length} processes`));
    const names = [...new Set(found.map(({ name, what }) => `${name} (${what})`))];
    return finding(names.join(", "), evidenceOf(`/proc/${first.pid}/exe`, first.program));
  },
};
