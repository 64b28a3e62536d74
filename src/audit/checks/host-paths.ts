import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "L13",
  name: "host-paths",
  title: "Its mount table tells paths of the host",
  severity: "info",
  why: "The directories of an overlay's layers and of binds name the engine, its store and the container's id on the host: what a later step of an attack asks first.",
  references: ["T1613"],
  remedy: { text: "Nothing that engines can switch off: it is told so that nobody takes these names for a secret" },
  evaluate({ container, mounts }) {
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    const upper = mounts.flatMap(({ superOptions }) => superOptions.filter((option) => option.startsWith("upperdir=/")))[0];
    return upper === undefined ? pass("no upper directory in it", saw(source, "")) : finding(upper.slice("upperdir=".length), saw(source, upper));
  },
};
