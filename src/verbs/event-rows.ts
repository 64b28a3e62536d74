/** Events as docker has them, from the lines of the journal: what each is about, whether it is wanted, and how it is printed. Pure. */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import type { JournalEntry } from "../spec/event.ts";
import type { Row } from "./row-format.ts";

export interface Event {
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  /** One of ACTIONS; of an exec with its command, as `exec_start: sh`. */
  readonly action: string;
  /** Empty for what is about no single container. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const ACTIONS = [
  "create", "start", "die", "oom", "kill", "stop", "restart", "pause", "unpause", "rename", "update", "attach",
  "exec_create", "exec_start", "exec_die", "destroy", "prune",
];
/** The only type so far. */
const TYPE = "container";

/** `exec_start` of `exec_start: sh -c x`. */
function wordOf(action: string): string {
  const colon = action.indexOf(":");
  return colon < 0 ? action : action.slice(0, colon);
}

/** Turns entries in the order of the journal into events. What its supervisor tells of a container that was renamed has the name of its start. */
export class EventSource {
  readonly #names = new Map<string, string>();

  eventsOf({ at, actions, id, attributes, code, signal }: JournalEntry): Event[] {
    return actions.map((action) => {
      const { name } = attributes;
      if (action === "rename" && name !== undefined) this.#names.set(id, name);
      const now = this.#names.get(id) ?? name;
      const ends = action === "die" || action === "exec_die";
      const end = ends ? { exitCode: String(code), ...(signal === 0 ? {} : { signal: String(signal) }) } : {};
      if (action === "destroy") this.#names.delete(id);
      return { at, action, id, attributes: { ...attributes, ...(now === undefined ? {} : { name: now }), ...end } };
    });
  }
}

type Test = (event: Event, value: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  container: ({ id, attributes }, value) => attributes["name"] === value || (value !== "" && id.startsWith(value)),
  event: ({ action }, value) => wordOf(action) === value,
  label({ attributes }, value) {
    const equals = value.indexOf("=");
    const name = equals < 0 ? value : value.slice(0, equals);
    return Object.hasOwn(attributes, name) && (equals < 0 || attributes[name] === value.slice(equals + 1));
  },
  type: (_event, value) => value === TYPE,
};

function filterOf(text: string): readonly [key: string, value: string] {
  const equals = text.indexOf("=");
  const [key, value] = [text.slice(0, Math.max(0, equals)), text.slice(equals + 1)];
  const wrong = (why: string, hint: string): PidboxError => new PidboxError("USAGE", `Cannot use ${quote(text, 60)} for --filter: ${why}`, { hint, context: { from: "--filter" } });
  if (!Object.hasOwn(TESTS, key)) throw wrong("it is not KEY=VALUE with a known key", `Keys: ${Object.keys(TESTS).join(", ")}`);
  if (key === "event" && !ACTIONS.includes(value)) throw wrong("there is no such event", ACTIONS.join(", "));
  return [key, value];
}

/** Whether an event passes `--filter` words, as docker has it: one value of each key, but all labels. Throws USAGE. */
export function eventTest(filters: readonly string[]): (event: Event) => boolean {
  const wanted = Map.groupBy(filters.map(filterOf), ([key]) => key);
  return (event) => [...wanted].every(([key, pairs]) => {
    const passes = ([, value]: readonly [string, string]): boolean => TESTS[key]?.(event, value) === true;
    return key === "label" ? pairs.every(passes) : pairs.some(passes);
  });
}

const BILLION = 1_000_000_000n;

/** The line for people. */
export function eventText({ at, action, id, attributes }: Event): string {
  const seconds = new Date(Number(at / BILLION) * 1000).toISOString().slice(0, 19);
  const words = Object.keys(attributes).sort().map((key) => `${key}=${attributes[key]}`);
  const about = words.length === 0 ? "" : ` (${words.join(", ")})`;
  return printable(`${seconds}.${String(at % BILLION).padStart(9, "0")}Z ${TYPE} ${action} ${id}${about}`);
}

/** JSON.rawJSON of ECMAScript's "JSON.parse source text access": a number with more digits than a double has. */
const rawNumber = (JSON as unknown as { rawJSON(this: void, text: string): unknown }).rawJSON;

/** The document, docker's: with the names of its JSON, and for templates those of its Go struct. */
export function eventDocument({ at, action, id, attributes }: Event): Row {
  const document = {
    Type: TYPE, Action: action, Actor: { ID: id, Attributes: attributes }, scope: "local", time: Number(at / BILLION), timeNano: rawNumber(String(at)),
  };
  const others = { Scope: "local", Time: document.time, TimeNano: String(at), ID: id, Status: action, From: attributes["image"] ?? "" };
  for (const [name, value] of Object.entries(others)) Object.defineProperty(document, name, { value });
  return document;
}
