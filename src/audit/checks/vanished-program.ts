import type { ContainerCheck } from "../check.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import type { ProcessFacts } from "../facts.ts";
import { finding, pass, saw, unknown } from "../check.ts";

const DELETED = " (deleted)";
/** runc's copy of itself while it sets a container up, and pidbox's init. */
const RUNTIMES = /^\/memfd:(runc_cloned:\/proc\/self\/exe|pidbox[a-z-]*) \(deleted\)$/;

export const check: ContainerCheck = {
  scope: "container",
  id: "I03",
  name: "vanished-program",
  title: "A program runs that is in no file",
  severity: "medium",
  why:
    "A program that was started from memory or removed after its start leaves nothing to look at: that is how implants hide. A package that was upgraded in a running container looks the same, " +
    "and then what runs is not what the image holds.",
  references: ["T1620", "T1070.004"],
  remedy: {
    text: "Look at the program while it runs (/proc/PID/exe), and start the container again from its image",
    docker: "docker cp NAME:/proc/PID_INSIDE/exe ./found; docker restart NAME",
    podman: "podman cp NAME:/proc/PID_INSIDE/exe ./found; podman restart NAME",
    kubernetes: "kubectl delete pod NAME",
    host: "sha256sum /proc/PID/exe",
  },
  evaluate({ container, processes }, { host }) {
    const memory = ({ executable }: ProcessFacts): boolean => typeof executable === "object" && executable.mountId === host.memfdMount;
    const own = (process: ProcessFacts): boolean => process.pid === container.initPid && memory(process) && RUNTIMES.test(String(process.program));
    const removed = ({ program }: ProcessFacts): boolean => typeof program === "string" && program.endsWith(DELETED);
    const found = processes.filter((process) => !own(process) && (memory(process) || removed(process)));
    const dark = processes.find(({ program }) => typeof program === "number");
    const first = found.find(memory) ?? found[0];
    if (first === undefined) {
      if (dark !== undefined) return unknown(`what PID ${dark.pid} runs could not be read`, { source: `/proc/${dark.pid}/exe`, value: "", errno: errnoName(Number(dark.program)) });
      return pass("each program is in a file", saw("processes", processes.length));
    }
    const name = String(first.program);
    const text = `PID ${first.pid} runs ${memory(first) ? `${name} from memory` : `${name.slice(0, -DELETED.length)}, which was removed`}${found.length > 1 ? `; and ${found.length - 1} more` : ""}`;
    const answer = finding(text, ...found.slice(0, 6).map(({ pid, program }) => saw(`/proc/${pid}/exe`, String(program))));
    return memory(first) ? { ...answer, severity: "high" } : answer;
  },
};
