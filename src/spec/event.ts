/**
 * A line of the journal of events: `{"at":"1795544602123456789","code":"000","signal":"000","actions":["start"],"id":"...","attributes":{"name":"web"}}`.
 * The first three have fixed places, so that the launcher can fill in lines that were prepared long before (launcher/event.c). Pure.
 *
 * Trusts: nothing. Names and labels are text of users, and a line may be torn by a full disk or a kill.
 */
import { isDecimal } from "../base/text.ts";

/** What an event is about. Without an id it is about no single container. */
export interface EventSubject {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One line: several actions happened as one. */
export interface JournalEntry extends EventSubject {
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  /** Exit code and signal of an end; 0 otherwise. */
  readonly code: number;
  readonly signal: number;
  readonly actions: readonly string[];
}

/** Places of the digits (plan.h). */
export const EVENT = { time: 7, code: 36, signal: 51, head: 54 } as const;
const BLANK = '{"at":"0000000000000000000","code":"000","signal":"000"';
const BEGINNING = '{"at":"';
/** Characters of a line's text that is not of fixed size: beyond it labels are left out. */
const MOST_ATTRIBUTES = 8192;
const MOST_ACTION = 1024;
/** Bytes that no line has. */
export const LONGEST_EVENT = 64 * 1024;

/** The beginning of a line: what has happened, with digits that are 0. */
export function eventHead(actions: readonly string[]): string {
  const cut = actions.map((action) => (action.length <= MOST_ACTION ? action : `${action.slice(0, MOST_ACTION)}...`));
  return `${BLANK},"actions":${JSON.stringify(cut)}`;
}

/** The rest of it, with its line end. Labels that would make it longer than any reader takes are left out. */
export function eventTail({ id, attributes }: EventSubject): string {
  const own = JSON.stringify(attributes).length <= MOST_ATTRIBUTES ? attributes : shortened(attributes);
  return `,${JSON.stringify({ id, attributes: own }).slice(1)}\n`;
}

/** Without the longest values. */
function shortened(attributes: EventSubject["attributes"]): Record<string, string> {
  const kept: Record<string, string> = {};
  let room = MOST_ATTRIBUTES;
  for (const [key, value] of Object.entries(attributes).toSorted(([, a], [, b]) => a.length - b.length)) {
    room -= JSON.stringify({ [key]: value }).length;
    if (room >= 0) kept[key] = value;
  }
  return kept;
}

/** The head of a line with its time (nanoseconds since the epoch), and exit code and signal of an end. */
export function filledHead(head: string, at: bigint, code = 0, signal = 0): string {
  const digits = (value: bigint | number, count: number): string => String(value).padStart(count, "0").slice(-count);
  return `${BEGINNING}${digits(at, 19)}","code":"${digits(code, 3)}","signal":"${digits(signal, 3)}"${head.slice(EVENT.head + 1)}`;
}

function texts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((text) => typeof text === "string");
}

function decode(text: string): JournalEntry | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { at, code, signal, actions, id, attributes } = (typeof found === "object" && found !== null ? found : {}) as Record<string, unknown>;
  const number = (value: unknown, digits: number): value is string => typeof value === "string" && isDecimal(value, digits);
  if (!number(at, 19) || !number(code, 3) || !number(signal, 3) || typeof id !== "string" || !texts(attributes)) return undefined;
  if (!Array.isArray(actions) || !actions.every((action) => typeof action === "string")) return undefined;
  return { at: BigInt(at), code: Number(code), signal: Number(signal), actions, id, attributes };
}

/**
 * The entry of a line without its line end; undefined for anything else. A line that was not written to its end has the next one behind it, which is found:
 * no text in a line can have its beginning, for in a string each quote is escaped.
 */
export function parseEntry(line: string): JournalEntry | undefined {
  const at = line.lastIndexOf(BEGINNING);
  return at < 0 ? undefined : decode(line.slice(at));
}
