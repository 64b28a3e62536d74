/** `rename`: another name for a container. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { changeState, reserve } from "../engine/store.ts";
import { readLink, unlink } from "../kernel/file.ts";
import { parseName } from "../spec/name.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

export const rename: Verb = {
  name: "rename",
  summary: "Give a container another name",
  description: "Whether it runs or not. What it is called in ps(1) and its host name stay.",
  options: [],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true }, { name: "NAME", help: "What it is called from now on", required: true }],
  examples: [{ command: "pidbox rename web web-old", text: "Make room for another" }],
  run(args, context) {
    const [reference = "", wanted = "", more] = args.operands;
    if (wanted === "" || more !== undefined) throw new PidboxError("USAGE", "It takes a container and its new name", { hint: "pidbox rename CONTAINER NAME" });
    const root = stateRootOf(context);
    const { id, directory, state } = containerOf(root, reference);
    // The plan of such a container has the name that it takes away at the end.
    if (state.kept === undefined) throw new PidboxError("CONFLICT", `Cannot rename the container ${quote(state.name, 60)}: it is gone when it ends`, { hint: "Start it with --name" });
    const [name, link] = [parseName(wanted), `${root}/names/${wanted}`];
    if (name === state.name) throw new PidboxError("CONFLICT", `The container is called ${quote(name)} already`);
    if (!reserve(link, id)) throw new PidboxError("CONFLICT", `The name ${quote(name)} is in use by another container`);
    const renamed = changeState(directory, (now) => ({ ...now, name, names: [link] }));
    for (const old of state.names) if (old !== link && readLink(old) === id) unlink(old);
    tell(root, subjectOf(renamed, { oldName: `/${state.name}` }), ["rename"]);
    return { exit: EXIT.ok };
  },
};
