import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G13",
  name: "oom-score",
  title: "The kernel spares its processes when memory is short",
  severity: "medium",
  why: "With a negative score the kernel kills others first, services of the host among them; with -1000 it never kills it.",
  references: ["CIS Docker 5.28", "T1499"],
  remedy: {
    text: "Leave the score at 0 or above",
    docker: "docker run   # without --oom-score-adj and --oom-kill-disable",
    podman: "podman run   # without --oom-score-adj",
    compose: "# remove: oom_score_adj, oom_kill_disable",
    kubernetes: "# a pod of class Guaranteed gets -997: give requests below the limits",
  },
  evaluate: (container) =>
    eachTask(container, "oom_score_adj", ({ oomScoreAdj }) => {
      if (oomScoreAdj === undefined) return { verdict: "unknown", text: "the score could not be read", value: "" };
      if (oomScoreAdj >= 0) return { verdict: "pass", text: `${oomScoreAdj}`, value: `${oomScoreAdj}` };
      return { verdict: "finding", text: `${oomScoreAdj}`, value: `${oomScoreAdj}`, ...(oomScoreAdj === -1000 ? { severity: "high" } : {}) };
    }),
};
