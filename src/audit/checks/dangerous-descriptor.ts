import type { Answer, Evidence } from "../../report/finding.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { descriptorHazard, type DescriptorHazard } from "../descriptor-hazards.ts";
import { parseMisc } from "../device-hazards.ts";
import { taskFile } from "../each-task.ts";
import { gravest, unreadDescriptors, unreadParts } from "../foreign.ts";

const MISC = "/proc/misc";

interface Group {
  readonly hazards: DescriptorHazard[];
  readonly evidence: Evidence[];
  readonly holder: string;
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P17",
  name: "dangerous-descriptor",
  title: "A descriptor gives power over what is outside",
  severity: "high",
  why:
    "A handle on a namespace, a process, a BPF program, a virtual machine or a socket of the host works whatever the container may open by itself: rights were asked for when it was made. " +
    "What an engine forgot to close stays open in every program that follows.",
  references: ["T1611"],
  remedy: {
    text: "Find out which program opened it or handed it in, and close it before the container starts (O_CLOEXEC)",
    docker: "docker restart NAME",
    podman: "podman restart NAME   # without --preserve-fds",
  },
  reads: { files: [MISC] },
  evaluate(container, facts): Answer | readonly Answer[] {
    const text = facts.host.files.get(MISC);
    const misc = parseMisc(typeof text === "string" ? text : "");
    const groups = new Map<string, Group>();
    const seen = new Set<string>();
    for (const task of container.tasks) {
      for (const one of typeof task.descriptors === "number" ? [] : task.descriptors) {
        // Threads of a process mostly have the same descriptors.
        const key = `${task.pid}/${one.number}/${one.link}`;
        const hazard = seen.has(key) ? undefined : descriptorHazard(task, one, container, facts, misc);
        seen.add(key);
        if (hazard === undefined) continue;
        const group = groups.get(hazard.kind) ?? { hazards: [], evidence: [], holder: `PID ${task.pid} (${task.status.name})` };
        group.hazards.push(hazard);
        if (group.evidence.length < 4) group.evidence.push(saw(taskFile(task, `fd/${one.number}`), one.link));
        groups.set(hazard.kind, group);
      }
    }
    const answers = [...groups.values()].map(({ hazards, evidence, holder }): Answer => {
      const severity = gravest(hazards.map((hazard) => hazard.severity));
      const worst = hazards.find((hazard) => hazard.severity === severity);
      return { ...finding(`${holder}: ${worst?.text ?? ""}${hazards.length > 1 ? `, and ${hazards.length - 1} more such` : ""}`, ...evidence), severity };
    });
    if (answers.length > 0) return answers;
    const blind = container.tasks.find(({ descriptors }) => typeof descriptors === "number");
    return unreadParts(container) ?? (blind === undefined ? pass("none", saw("descriptors", seen.size)) : unreadDescriptors(blind));
  },
};
