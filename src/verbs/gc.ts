/** `pidbox gc`: takes away what containers left behind that could not clean up after themselves. */
import { EXIT } from "../base/error.ts";
import { columns, printable } from "../base/text.ts";
import { collectGarbage, type Garbage } from "../engine/garbage.ts";
import { findDataRoot } from "../engine/data-directory.ts";
import { readHost } from "../engine/host.ts";
import { shortId } from "../engine/discover-survey.ts";
import { stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

function garbageText(found: readonly Garbage[], dry: boolean): string {
  if (found.length === 0) return "Nothing was left behind.\n";
  const stuck = found.filter((garbage) => garbage.left !== undefined).length;
  const things = `${found.length} ${found.length === 1 ? "thing" : "things"}`;
  const first = dry ? `Would remove ${things}:` : `Removed ${found.length - stuck} of ${things}:`;
  const rows = found.map((g) => [g.kind, shortId(g.id), printable(g.why), printable(g.left === undefined ? g.path : `still there: ${g.left.join(", ")}`)]);
  return `${first}\n\n${columns([["KIND", "CONTAINER", "WHY", "PATH"], ...rows])}`;
}

export const gc: Verb = {
  name: "gc",
  summary: "Remove what killed containers and reboots left behind",
  description:
    "Containers clean up after themselves. Where their supervisor was killed it could not: gc kills the processes that are left, and removes cgroups, state, names and id ranges. "
    + "Every start of a container does a small part of this by itself. Nothing of a container that runs is touched.\n\n"
    + "Records of containers are gone when the machine is booted again. Their logs and changes on disk are not: gc removes those that this store had in an earlier boot.\n\n"
    + "Containers of pidbox run without --rm that have ended keep their record, for ps -a; --all removes these too, and the plans that are kept to start the same again sooner.",
  options: [
    { name: "all", short: "a", help: "Also remove the records of containers that have ended, and plans that are kept" },
    { name: "dry-run", help: "Say what would be removed, and remove nothing" },
    { name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs, one object a line" },
  ],
  operands: [],
  examples: [
    { command: "pidbox gc", text: "Remove leftovers" },
    { command: "pidbox gc --all --dry-run", text: "See what a thorough clean-up would remove" },
  ],
  exitCodes: [{ code: EXIT.ok, text: "all that was found is removed, or would be" }, { code: EXIT.findings, text: "something could not be removed" }],
  run(args, context) {
    const { facts } = readHost();
    const dry = args.flag("dry-run");
    const data = findDataRoot(facts.uid, context.environment);
    const options = { all: args.flag("all"), dry, hierarchies: facts.cgroups, data, uid: facts.uid, now: Date.now() };
    const found = collectGarbage(stateRootOf(context), options);
    return { exit: found.some((garbage) => garbage.left !== undefined) ? EXIT.findings : EXIT.ok, data: found, text: () => garbageText(found, dry) };
  },
};
