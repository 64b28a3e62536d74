/** `prune`: takes away all containers that do not run. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { tell } from "../engine/journal.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { parseWhen } from "../spec/when.ts";
import { removeStored } from "./rm.ts";
import { containersOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Arguments, Context, Verb } from "./verb.ts";

type Test = (container: FoundContainer) => boolean;

function labelTest(value: string, wanted: boolean): Test {
  const equals = value.indexOf("=");
  const [name, text] = equals < 0 ? [value, undefined] : [value.slice(0, equals), value.slice(equals + 1)];
  const has = (labels: Readonly<Record<string, string>>): boolean => Object.hasOwn(labels, name) && (text === undefined || labels[name] === text);
  return ({ state }) => has(state.labels) === wanted;
}

function testOf(filter: string, now: number): Test {
  const [, key = "", value = ""] = /^(until|label|label!)=(.+)$/s.exec(filter) ?? [];
  if (key === "") throw new PidboxError("USAGE", `Cannot use ${quote(filter, 60)} for --filter`, { hint: "until=24h, label=NAME[=VALUE] or label!=NAME[=VALUE]", context: { from: "--filter" } });
  if (key !== "until") return labelTest(value, key === "label");
  const until = Number(parseWhen(value, now, "--filter until") / 1_000_000n);
  return ({ state }) => state.created < until;
}

/** Asks the person at the terminal. */
function agrees(question: string, context: Context): boolean {
  context.write(2, new TextEncoder().encode(`${question} [y/N] `));
  const answer = new Uint8Array(256);
  const length = syscall(SYSCALLS.read, 0, address(answer), answer.length);
  return length > 0 && /^y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, length)));
}

function chosen(args: Arguments, context: Context): FoundContainer[] {
  const tests = args.values("filter").map((filter) => testOf(filter, Date.now()));
  const rests = ({ life, state }: FoundContainer): boolean => ["created", "ended", "lost"].includes(life) && state.kept !== undefined && !state.remove;
  return containersOf(stateRootOf(context)).filter((one) => rests(one) && tests.every((test) => test(one)));
}

export const prune: Verb = {
  name: "prune",
  summary: "Remove all containers that do not run",
  description:
    "Those that have ended and those that were never started, with their logs and changes. One that waits to be started again by its restart policy runs. What killed containers left "
    + "behind without a record is for pidbox gc.",
  options: [
    { name: "force", short: "f", help: "Do not ask" },
    { name: "filter", value: "KEY=VALUE", repeat: true, help: "Only those made before until=WHEN, with label=NAME[=VALUE], without label!=NAME[=VALUE]" },
  ],
  operands: [],
  examples: [
    { command: "pidbox prune", text: "After a question" },
    { command: "pidbox prune -f --filter until=24h", text: "Those made more than a day ago" },
  ],
  run(args, context) {
    const found = chosen(args, context);
    if (found.length === 0) return { exit: EXIT.ok, data: [], text: () => "There is nothing to remove.\n" };
    if (!args.flag("force")) {
      if (!context.terminal.stdin) throw new PidboxError("USAGE", "There is nobody to ask", { hint: "pidbox prune --force" });
      const things = `${found.length} ${found.length === 1 ? "container" : "containers"} with log and changes`;
      if (!agrees(`Remove ${things}: ${found.map(({ name }) => quote(name)).join(", ")}?`, context)) return { exit: EXIT.failure };
    }
    const removed = found.filter((one) => {
      try {
        removeStored(one);
        return true;
      } catch (error) {
        if (!(error instanceof PidboxError)) throw error;
        context.note(`${error.message} [${error.code}]`);
        return false;
      }
    });
    tell(stateRootOf(context), { id: "", attributes: {} }, ["prune"]);
    const ids = removed.map(({ id }) => id);
    return { exit: ids.length === found.length ? EXIT.ok : EXIT.failure, data: ids, text: () => `Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}` };
  },
};
