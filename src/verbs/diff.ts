/** `diff`: what a container has changed of its root filesystem. */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { layerChanges } from "../engine/layer-diff.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

const KINDS = { C: 0, A: 1, D: 2 } as const;

export const diff: Verb = {
  name: "diff",
  summary: "Show what a container has changed of its root filesystem",
  description: "A is added, C changed, D deleted. Of a container with a layer on disk, that is one without --rm and with an image; whether it runs or not. What is mounted in it does not count.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs, one object a line" }],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true }],
  examples: [{ command: "pidbox diff web", text: "Its files that are not those of the image" }],
  run(args, context) {
    const { name, state } = containerOf(stateRootOf(context), args.operands[0] ?? "");
    const { rootfs, config } = state.blueprint;
    if (rootfs.kind !== "overlay" || state.layer === undefined) {
      const why = rootfs.kind === "overlay" ? "its changes are in memory, for it was started with --rm" : "it has no layer: it writes to the directory itself, or not at all";
      throw new PidboxError("HOST_UNSUPPORTED", `Cannot tell what the container ${quote(name, 60)} has changed: ${why}`);
    }
    const changes = layerChanges(`${state.layer}/upper`, rootfs.source, (config.mounts ?? []).map(({ destination }) => destination));
    const data = changes.map(({ kind, path }) => ({ Kind: KINDS[kind], Path: path }));
    return { exit: 0, data, text: () => changes.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join("") };
  },
};
