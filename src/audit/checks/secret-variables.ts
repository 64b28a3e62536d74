import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

const SECRET = /(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|PRIVATE_KEY|API_?KEY|ACCESS_KEY|ACCESS_TOKEN|AUTH_TOKEN|TOKEN|CREDENTIALS|DSN)$/i;
/** Names that only point at a secret. */
const POINTER = /(_FILE|_PATH|_DIR|_NAME)$/i;

export const check: ContainerCheck = {
  scope: "container",
  id: "L18",
  name: "secret-variables",
  title: "Secrets are in the environment",
  severity: "medium",
  why: "An environment is handed to every child, is in the engine's inspect and in crash reports, and is read from /proc by every process of the same user. Only names were looked at here.",
  references: ["T1552.001"],
  remedy: {
    text: "Hand secrets over as files",
    docker: "docker run --mount type=bind,src=/run/secrets/db,dst=/run/secrets/db,readonly",
    podman: "podman secret create db FILE && podman run --secret db",
    compose: "secrets: [db]",
    kubernetes: "# a volume of the secret instead of env.valueFrom.secretKeyRef",
  },
  evaluate({ processes }) {
    const dark = processes.find(({ variables }) => typeof variables === "number");
    const names = new Map<string, number>();
    for (const { pid, variables } of processes) {
      for (const name of typeof variables === "number" ? [] : variables) if (SECRET.test(name) && !POINTER.test(name) && !names.has(name)) names.set(name, pid);
    }
    const [first] = names;
    if (first !== undefined) return finding([...names.keys()].slice(0, 5).join(", "), saw(`/proc/${first[1]}/environ`, `${first[0]}=(not looked at)`));
    if (dark !== undefined && typeof dark.variables === "number") return unknown("an environment could not be read", evidenceOf(`/proc/${dark.pid}/environ`, dark.variables));
    return pass("no name that sounds like one", saw("/proc/PID/environ", `${processes.length} processes`));
  },
};
