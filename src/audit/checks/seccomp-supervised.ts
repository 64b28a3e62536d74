import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { allFates, filterEvidence, unknownFilter } from "../syscall-filter.ts";

const MOST = 8;

export const check: ContainerCheck = {
  scope: "container",
  id: "Q30",
  name: "seccomp-supervised",
  title: "A supervisor outside decides on system calls",
  severity: "info",
  why:
    "Calls with the action NOTIFY are answered by a program outside of the container, which may do them in its place with more rights. " +
    "What such a program lets through can be seen nowhere, and its mistakes are holes in the wall.",
  references: ["T1611"],
  remedy: { text: "Know which program it is and what it allows; seccomp_unotify(2) says what it must not trust" },
  evaluate(container, { host: { kernel: { machine } } }) {
    const evidence = filterEvidence(container);
    if (container.tasks.some(({ status }) => status.seccomp === 0)) return inapplicable("a thread has no filter at all", evidence);
    const fates = [...allFates(container, machine)];
    if (fates.some(([, fate]) => fate === "unknown")) return unknown(unknownFilter(container), evidence);
    const asked = fates.filter(([, fate]) => fate === "asked").map(([name]) => name);
    if (asked.length === 0) return pass("none", evidence);
    return finding(`${asked.slice(0, MOST).join(", ")}${asked.length > MOST ? ` and ${asked.length - MOST} more` : ""}`, evidence);
  },
};
