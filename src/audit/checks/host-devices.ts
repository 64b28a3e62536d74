import type { Answer, Severity } from "../../report/finding.ts";
import { severityRank } from "../../report/finding.ts";
import { type Hazard, hazardOf, parseMisc } from "../device-hazards.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { deviceAnswer, deviceEvidence, READ_WRITE } from "../device-access.ts";
import { mountsOf } from "../binds.ts";
import type { ContainerFacts } from "../facts.ts";
import type { DeviceNode } from "../facts-devices.ts";
import { gravest } from "../foreign.ts";
import { treeOf } from "../mount-tree.ts";
import { hasHostUsers } from "../obstacles.ts";

const MISC = "/proc/misc";
const READ = 2;
const ANYBODY = 0o006;

interface Seen {
  readonly node: DeviceNode;
  readonly hazard: Hazard;
  /** Why it cannot be opened; undefined: it can. */
  readonly by?: string;
  readonly doubt?: string;
}

const KINDS: Readonly<Record<number, "b" | "c">> = { 0o060000: "b", 0o020000: "c" };

/** Nodes in /dev, and those that are mounted anywhere. */
function nodesOf(container: ContainerFacts): DeviceNode[] {
  const { nodes } = container.devices;
  const mounted = mountsOf(container).flatMap(({ id, mountPoint }): DeviceNode[] => {
    const object = container.binds.objects.get(id);
    const type = typeof object === "object" ? KINDS[object.mode & 0o170000] : undefined;
    return typeof object !== "object" || type === undefined ? [] : [{ path: mountPoint, type, ...object.rdev, mode: object.mode & 0o7777 }];
  });
  return [...new Map([...(typeof nodes === "number" ? [] : nodes), ...mounted].map((node) => [node.path, node])).values()];
}

/** `root`: somebody in the container is the host's root. */
function judge(node: DeviceNode, hazard: Hazard, container: ContainerFacts, root: boolean): Seen {
  const { type, major, minor, path, mode } = node;
  const mount = treeOf(mountsOf(container)).at(path);
  if (mount?.options.includes("nodev") === true) return { node, hazard, by: "mount nodev" };
  // Write access may be denied where reading is allowed, which is bad enough.
  const answers = [READ_WRITE, READ].map((access) => deviceAnswer(container, { type, major, minor, access }));
  const answer = answers.find((one) => one.answer === "allowed") ?? answers.find((one) => one.answer === "unknown");
  if (answer === undefined) return { node, hazard, by: "device cgroup" };
  if (!root && (mode & ANYBODY) === 0) return { node, hazard, by: "file permissions" };
  return answer.answer === "unknown" ? { node, hazard, doubt: answer.why ?? "" } : { node, hazard };
}

function named(seen: readonly Seen[]): string {
  const texts = seen.toSorted((a, b) => severityRank(a.hazard.severity) - severityRank(b.hazard.severity)).map(({ node, hazard }) => `${node.path} (${hazard.what})`);
  return texts.slice(0, 4).join(", ") + (texts.length > 4 ? ` and ${texts.length - 4} more` : "");
}

const worst = (seen: readonly Seen[]): Severity => gravest(seen.map(({ hazard }) => hazard.severity));

export const check: ContainerCheck = {
  scope: "container",
  id: "P03",
  name: "host-devices",
  title: "Devices of the host",
  severity: "high",
  why:
    "A disk, /dev/mem or a virtual machine monitor in a container is a door to the host that no other layer guards: the kernel's driver behind it answers to whoever opens it. " +
    "Each node is judged by its number, whatever its name, and by whether the device cgroup lets it be opened.",
  references: ["CIS Docker 5.18", "PSS baseline (hostPath)", "T1611"],
  remedy: {
    text: "Give only the nodes that the program opens, read-only where that is enough",
    docker: "docker run --device /dev/NAME:/dev/NAME:r",
    podman: "podman run --device /dev/NAME:/dev/NAME:r",
    compose: "devices: ['/dev/NAME:/dev/NAME:r']",
    kubernetes: "resources:\n  limits:\n    VENDOR/DEVICE: 1   # of a device plugin, instead of a hostPath below /dev",
  },
  reads: { files: [MISC] },
  evaluate(container, facts): readonly Answer[] | Answer {
    const { nodes } = container.devices;
    const source = `/proc/${container.container.initPid ?? 0}/root/dev`;
    const misc = facts.host.files.get(MISC);
    const names = parseMisc(typeof misc === "string" ? misc : "");
    const root = container.tasks.some((task) => hasHostUsers(task, container, facts) && task.status.uids.filesystem === 0);
    const seen = nodesOf(container).flatMap((node) => {
      const hazard = hazardOf(node, names);
      return hazard === undefined ? [] : [judge(node, hazard, container, root)];
    });
    const evidence = (of: readonly Seen[]): Answer["evidence"] => [
      ...of.slice(0, 8).map(({ node: { path, type, major, minor, mode } }) => saw(path, `${type} ${major}:${minor} ${mode.toString(8)}`)), ...deviceEvidence(container),
    ];
    const open = seen.filter(({ by, doubt }) => by === undefined && doubt === undefined);
    const doubtful = seen.filter(({ doubt }) => doubt !== undefined);
    const shut = seen.filter(({ by }) => by !== undefined);
    const answers: Answer[] = [];
    if (open.length > 0) answers.push({ ...finding(named(open), ...evidence(open)), severity: worst(open) });
    if (doubtful.length > 0) answers.push(unknown(`${named(doubtful)}: ${doubtful[0]?.doubt ?? ""}`, ...evidence(doubtful)));
    if (shut.length > 0) answers.push({ ...blocked(shut[0]?.by ?? "", `${named(shut)} cannot be opened`, ...evidence(shut)), severity: worst(shut) });
    if (typeof nodes === "number") answers.push(unknown("its /dev could not be listed", evidenceOf(source, nodes)));
    if (!container.binds.complete) answers.push(unknown("it has more mounts of the host than are looked at"));
    return answers.length > 0 ? answers : pass("none but the usual", saw(source, nodesOf(container).length));
  },
};
