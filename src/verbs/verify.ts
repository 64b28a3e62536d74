/** `pidbox verify`: the wall of a running container, read back from the kernel. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readSurvey, selectContainer, shortId } from "../engine/discover-survey.ts";
import { readPublished } from "../engine/published-ports.ts";
import { readState } from "../engine/store.ts";
import { verify as verifyContainer, type Verification } from "../engine/verification.ts";
import { countLayers, layerTable, verdictText } from "../report/layer.ts";
import { readStoredOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

/** A broken or waived layer counts before an unknown one: it is certain. */
export function verificationExit(verification: Verification): number {
  const { hold, unknown } = countLayers(verification.layers);
  if (verification.layers.length > 0 && hold === verification.layers.length) return EXIT.ok;
  return hold + unknown < verification.layers.length ? EXIT.findings : EXIT.incomplete;
}

export const verify: Verb = {
  name: "verify",
  summary: "Read a container's wall back from the kernel, layer by layer",
  description:
    "Compares what was promised with what /proc and the cgroup tree say now, for every thread of every process in the container. A container that pidbox started is held against its "
    + "own plan; one of another engine against the strict profile of pidbox do. Nothing is asked of an engine, and nothing of the container is executed.\n\n"
    + "A layer that could not be read is unknown, and never counts as one that holds. What was given up at the start with --unsafe or --allow-degraded is listed as not holding.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" }],
  operands: [{ name: "CONTAINER", required: true, help: "Id, beginning of an id, name, or the host PID of any process in it" }],
  examples: [
    { command: "pidbox verify web", text: "The container named web" },
    { command: "pidbox verify 4711 --format json", text: "The container that host PID 4711 is in, for a program" },
  ],
  exitCodes: [
    { code: EXIT.ok, text: "every layer holds" },
    { code: EXIT.failure, text: "there is no such container, or it has ended" },
    { code: EXIT.findings, text: "a layer does not hold" },
    { code: EXIT.incomplete, text: "a layer could not be read, and none is known not to hold" },
  ],
  run(args, context) {
    const view = readSurvey(readStoredOf(context));
    const reference = args.operands[0] ?? "";
    const container = selectContainer(view, reference);
    const { id, name, engine, initPid } = container;
    if (initPid === null) {
      throw new PidboxError("NOT_FOUND", `The container ${quote(name ?? id)} has ended, so there is nothing to verify`, { hint: "`pidbox ps` lists the containers that run." });
    }
    const directory = `${stateRootOf(context)}/containers/${id}`;
    const state = engine === "pidbox" ? readState(directory) : undefined;
    const ports = state === undefined ? [] : readPublished(directory, state) ?? [];
    const sharing = view.containers.filter((c) => c.pidSharedWith === id && c.engine === "pidbox");
    const guests = sharing.flatMap((c) => readState(`${stateRootOf(context)}/containers/${c.id}`)?.cgroups ?? []);
    const verification = verifyContainer({ initPid, members: [...container.processes, ...container.strays], guests, state, host: view.facts.host, ports });
    for (const c of sharing) context.note(`It shares its PID namespace with ${shortId(c.id)}, which is verified by itself.`);
    for (const limit of view.facts.limits) context.note(limit);
    if (engine === "pidbox" && state === undefined) context.note("Its state is not in this user's state directory, so it is held against the strict profile.");
    const verdict = verdictText(verification.layers);
    const { layers, notes, against } = verification;
    const title = `${engine} ${shortId(id)}${name === null || name === id ? "" : ` (${name})`} against ${verification.against === "plan" ? "its plan" : "the strict profile"}`;
    return {
      exit: verificationExit(verification),
      data: { id, name, engine, initPid, against, verdict, holds: verificationExit(verification) === EXIT.ok, layers, notes },
      text: () => [`${title}: ${verdict}.\n\n${layerTable(verification.layers)}`, ...verification.notes.map((note) => `\n${note}\n`)].join(""),
    };
  },
};
