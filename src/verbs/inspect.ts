/** `inspect`: all that is stored and known of containers, in docker's form. */
import { EXIT, PidboxError } from "../base/error.ts";
import { compileTemplate } from "../base/template.ts";
import { readFreezer } from "../engine/cgroup-freeze.ts";
import { readEnd } from "../engine/end-record.ts";
import { readPublished } from "../engine/published-ports.ts";
import { logNames } from "./container-keep.ts";
import { inspectDocument } from "./inspect-document.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

function documentOf(root: string, reference: string): Record<string, unknown> {
  const { directory, state, status, life } = containerOf(root, reference);
  const paused = life === "running" && readFreezer(state.cgroups) === "frozen";
  const ports = (life === "running" ? readPublished(directory, state) : undefined) ?? [];
  const log = state.kept?.log;
  const logPath = state.logs === undefined || log === undefined ? "" : `${state.logs}/${logNames(log)[0] ?? ""}`;
  return inspectDocument({ directory, state, status, end: readEnd(directory), life, paused, logPath, ports });
}

export const inspect: Verb = {
  name: "inspect",
  summary: "Show all that is known of containers",
  description:
    "A JSON list in docker's form; Pidbox has what docker has no words for. With a template one line for each: Go's syntax as docker documents it, that is fields, index, json, join, "
    + "if, range, with, pipes and printf.\n\nOf containers that pidbox has not started, see pidbox ps, top, tree and verify.",
  options: [{ name: "format", short: "f", value: "TEMPLATE", help: "A template such as {{.State.Status}}, or json" }],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [
    { command: "pidbox inspect web", text: "Everything" },
    { command: "pidbox inspect -f '{{.State.ExitCode}} {{.RestartCount}}' web", text: "How it ended, and how often it was started again" },
  ],
  run(args, context) {
    const root = stateRootOf(context);
    const format = args.value("format");
    const render = format === undefined || format === "json" ? undefined : compileTemplate(format);
    let exit: number = EXIT.ok;
    const documents = args.operands.flatMap((reference) => {
      try {
        return [documentOf(root, reference)];
      } catch (error) {
        if (!(error instanceof PidboxError) || args.operands.length === 1) throw error;
        context.note(`${error.message} [${error.code}]`);
        exit = EXIT.failure;
        return [];
      }
    });
    const text = render === undefined ? () => `${JSON.stringify(documents, null, 4)}\n` : () => documents.map((document) => `${render(document)}\n`).join("");
    return { exit, data: documents, text };
  },
};
