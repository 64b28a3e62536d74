/** `pidbox help`: all verbs, one verb, or one error code. */
import { ERROR_CODES, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { CATALOG, isVerbName, loadVerbs, VERB_NAMES } from "./catalog.ts";
import { overviewText, verbText } from "./reference/help-text.ts";
import type { Outcome, Verb } from "./verb.ts";

function isErrorCode(word: string): word is keyof typeof ERROR_CODES {
  return Object.hasOwn(ERROR_CODES, word);
}

async function helpOn(topic: string | undefined): Promise<Outcome> {
  if (topic === undefined) {
    const verbs = await loadVerbs();
    return { exit: 0, data: verbs.map(({ name, summary }) => ({ name, summary })), text: () => overviewText(verbs) };
  }
  if (isVerbName(topic)) {
    const verb: Verb = await CATALOG[topic]();
    const { name, summary, description, options, operands, examples, exitCodes } = verb;
    return { exit: 0, data: { name, summary, description, options, operands, examples, exitCodes }, text: () => verbText(verb) };
  }
  if (isErrorCode(topic)) {
    const meaning = ERROR_CODES[topic];
    return { exit: 0, data: { code: topic, meaning }, text: () => `${topic}\n\n${meaning}\n` };
  }
  throw new PidboxError("USAGE", `help: no verb or error code ${quote(topic)}`, { hint: `verbs are ${VERB_NAMES.join(", ")}; see pidbox help` });
}

export const help: Verb = {
  name: "help",
  summary: "Explain pidbox, one verb, or one error code",
  description: "Without an operand, lists every verb. With the name of a verb, prints what `pidbox VERB --help` prints. With an error code such as HOST_UNSUPPORTED, prints what the code means.",
  options: [{ name: "format", value: "FORMAT", choices: ["text", "json"], help: "How to print: text for people, json with the option tables for programs" }],
  operands: [{ name: "TOPIC", help: "A verb or an error code" }],
  examples: [
    { command: "pidbox help version", text: "The options of version" },
    { command: "pidbox help HOST_UNSUPPORTED", text: "What this error code means" },
  ],
  run(args) {
    return helpOn(args.operands[0]);
  },
};
