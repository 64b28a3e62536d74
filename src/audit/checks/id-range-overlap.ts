import type { IdRange } from "../../kernel/namespaces.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { ContainerFacts } from "../facts.ts";

const overlap = (a: readonly IdRange[], b: readonly IdRange[]): boolean =>
  a.some((one) => b.some((two) => one.outside < two.outside + two.count && two.outside < one.outside + one.count));

const ownsUsers = ({ container }: ContainerFacts): boolean => !container.sharedWithHost.includes("user") && !container.unknown.includes("user");

/** Containers in one user namespace share their ids on purpose, as those of a pod do. */
const together = (a: ContainerFacts, b: ContainerFacts): boolean =>
  a.first?.namespaces.user === b.first?.namespaces.user || a.container.parent === b.container.id || b.container.parent === a.container.id;

export const check: ContainerCheck = {
  scope: "container",
  id: "S02",
  name: "id-range-overlap",
  title: "Another container has the same ids outside",
  severity: "medium",
  why: "The kernel tells users by their ids outside: processes of both may signal each other where they meet, and open each other's files in shared volumes or after a breakout. userns-remap of Docker gives all containers one range.",
  references: ["T1611"],
  remedy: {
    text: "Give each container a range of its own",
    podman: "podman run --userns=auto",
    kubernetes: "spec:\n  hostUsers: false   # the kubelet gives each pod its own range",
    docker: "# Docker has one range for all containers: use the runtime pidbox-oci with ranges in config.json, or podman",
  },
  evaluate(container, { containers }) {
    const source = `/proc/${container.container.initPid ?? 0}/uid_map`;
    if (!ownsUsers(container)) return inapplicable("it has no user namespace of its own", saw(source, ""));
    const { uidMap } = container;
    if (typeof uidMap === "number") return unknown("its map could not be read", evidenceOf(source, uidMap));
    const strangers = containers.filter((other) => other !== container && ownsUsers(other) && !together(container, other));
    const others = strangers.filter((other) => typeof other.uidMap === "object" && overlap(uidMap, other.uidMap));
    const evidence = saw(source, uidMap.slice(0, 4).map((r) => `${r.inside} ${r.outside} ${r.count}`).join("; "));
    const [first] = others;
    if (first === undefined) return pass("a range of its own", evidence);
    const name = first.container.name ?? first.container.id.slice(0, 12);
    return finding(`${name}${others.length > 1 ? ` and ${others.length - 1} more` : ""}`, evidence, saw(`/proc/${first.container.initPid ?? 0}/uid_map`, ""));
  },
};
