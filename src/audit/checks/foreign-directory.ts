import type { Severity } from "../../report/finding.ts";
import { cannotJudge } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { taskFile } from "../each-task.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import { gravest, gravity, inside, Mounts, OWNERS, unreadParts } from "../foreign.ts";

interface Place {
  readonly source: string;
  readonly text: string;
  readonly value: string;
  readonly severity: Severity;
}

function placesOf(container: ContainerFacts, facts: AuditFacts): Place[] {
  const mounts = new Mounts(container, facts);
  const found: Place[] = [];
  for (const task of inside(container, facts)) {
    for (const what of ["cwd", "root"] as const) {
      const object = task[what];
      const owner = typeof object === "number" ? undefined : mounts.owner(object, "");
      if (typeof object === "number" || owner === undefined) continue;
      const name = what === "cwd" ? "working directory" : "root directory";
      const value = `mount ${object.mountId} on ${object.device.major}:${object.device.minor}, inode ${object.inode}`;
      found.push({ source: taskFile(task, what), text: `the ${name} of PID ${task.pid} (${task.status.name}) is on ${OWNERS[owner]}`, value, severity: gravity(owner, "critical") });
    }
  }
  const members = new Set(inside(container, facts).map(({ pid }) => pid));
  for (const { pid, program, executable } of container.processes) {
    const owner = typeof executable === "number" || !members.has(pid) ? undefined : mounts.owner(executable, String(program));
    if (typeof executable === "number" || owner === undefined) continue;
    const value = `${program}, mount ${executable.mountId} on ${executable.device.major}:${executable.device.minor}`;
    // The init that some engines put into a container is a program of the host by design.
    const severity = pid === container.container.initPid ? "low" : "medium";
    found.push({ source: `/proc/${pid}/exe`, text: `PID ${pid} runs a program that is on ${OWNERS[owner]}`, value, severity });
  }
  return found;
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P16",
  name: "foreign-directory",
  title: "A working directory, root or program is outside of the container",
  severity: "critical",
  why:
    "A process whose working directory is on a mount of the host reaches the host's whole tree by `../..`, whatever its root is; that is how CVE-2024-21626 and images with WORKDIR /proc/self/fd/N get out. " +
    "A program from outside can be opened through /proc/PID/exe, as in CVE-2019-5736.",
  references: ["CVE-2024-21626", "CVE-2019-5736", "T1611"],
  remedy: {
    text: "Stop the container and look at its image's working directory; start it again with a runtime that checks it",
    docker: "docker inspect --format '{{.Config.WorkingDir}}' NAME; docker rm -f NAME",
    podman: "podman inspect --format '{{.Config.WorkingDir}}' NAME; podman rm -f NAME",
    host: "apt-get install --only-upgrade runc",
  },
  evaluate(container, facts) {
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const found = placesOf(container, facts);
    const severity = gravest(found.map((place) => place.severity));
    const first = found.find((place) => place.severity === severity);
    const blind = container.tasks.find(({ cwd, root }) => typeof cwd === "number" || typeof root === "number");
    if (first === undefined && blind !== undefined) {
      const dark = blind.thread === blind.pid ? `PID ${blind.pid}` : `thread ${blind.thread}`;
      const [file, errno] = typeof blind.cwd === "number" ? ["cwd", blind.cwd] : ["root", typeof blind.root === "number" ? blind.root : 0];
      return unknown(`the directories of ${dark} could not be looked at`, evidenceOf(taskFile(blind, file), errno));
    }
    if (first === undefined) return unreadParts(container) ?? pass("all on mounts of its own", saw("threads", container.tasks.length));
    const text = found.length > 1 ? `${first.text}; and ${found.length - 1} more` : first.text;
    return { ...finding(text, ...found.slice(0, 6).map(({ source, value }) => saw(source, value))), severity };
  },
};
