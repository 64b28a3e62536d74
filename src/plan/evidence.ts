/**
 * Questions to the kernel with the answers that were given once, as data and as ops that ask again: a plan goes on only where every answer is the same.
 * kernel/recorder.ts writes them down. Pure.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { PlanWriter } from "./writer.ts";

export type Question =
  | { readonly kind: "number"; readonly value: number }
  /** Text; with `fd` the decimal number of the descriptor that observation `fd` opened comes after it. */
  | { readonly kind: "text"; readonly bytes: Uint8Array; readonly fd?: number }
  | { readonly kind: "struct"; readonly bytes: Uint8Array }
  /** The descriptor that the observation of this index opened. */
  | { readonly kind: "fd"; readonly of: number }
  /** Room for an answer of so many bytes; `own`: of zeros, where the kernel leaves gaps in its answer. */
  | { readonly kind: "room"; readonly size: number; readonly own: boolean };

export interface Observation {
  readonly nr: number;
  readonly args: readonly Question[];
  /** For a call that opens something, whether it did; else the number itself. */
  readonly result: number;
  readonly opens: boolean;
  /** The parts of the room that mattered. */
  readonly answers: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

/** Registers that are in use while the ops are written. */
interface Scratch {
  readonly room: number;
  readonly result: number;
  readonly opened: Map<number, number>;
}

function roomOf(observations: readonly Observation[]): number {
  let most = 0;
  for (const { args } of observations) for (const arg of args) if (arg.kind === "room" && arg.size > most) most = arg.size;
  return most;
}

function textWithNumber(w: PlanWriter, scratch: Scratch, bytes: Uint8Array, fd: number): number {
  const block = new Uint8Array(bytes.length + 24);
  block.set(bytes);
  const at = w.bytes(block);
  w.decimal(at + bytes.length, scratch.opened.get(fd) ?? 0);
  return at;
}

function argument(w: PlanWriter, scratch: Scratch, question: Question): number {
  switch (question.kind) {
    case "number": return question.value;
    case "text": {
      if (question.fd !== undefined) return textWithNumber(w, scratch, question.bytes, question.fd);
      const text = new Uint8Array(question.bytes.length + 1);
      text.set(question.bytes);
      return w.bytes(text);
    }
    case "struct": return w.bytes(question.bytes);
    case "fd": return scratch.opened.get(question.of) ?? -1;
    case "room": return question.own ? w.room(question.size) : scratch.room;
  }
}

/** The call itself, and what has to be its outcome. */
function ask(w: PlanWriter, scratch: Scratch, { nr, args: questions, result, opens, answers }: Observation, args: readonly number[], index: number): void {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
  const opened = opens && result >= 0 ? w.register() : scratch.result;
  w.call(nr, a, b, c, d, e, f).into(opened);
  if (opens && result >= 0) {
    scratch.opened.set(index, opened);
    return;
  }
  if (result < 0) w.tolerate(-result);
  w.expect(scratch.result, result);
  const room = args[questions.findIndex(({ kind }) => kind === "room")] ?? 0;
  for (const { at, bytes } of answers) if (bytes.length > 0) w.same(room + at, w.bytes(bytes), bytes.length);
}

/** The same for whatever differs in the text alone. */
function outcome({ result, answers }: Observation): string {
  return [result, ...answers.map(({ at, bytes }) => `${at} ${bytes.toHex()}`)].join();
}

function isLookup({ nr, args }: Observation): boolean {
  return nr === SYSCALLS.statx && args[1]?.kind === "text" && args[1].fd === undefined;
}

function sameLookup(a: Observation, b: Observation): boolean {
  const plain = (one: Observation): string => JSON.stringify([one.args[0], one.args[2], one.args[3]]);
  return isLookup(b) && plain(a) === plain(b);
}

/** Many names of one directory with one outcome, such as all entries of /etc that everybody may read: a loop. */
function askGroup(w: PlanWriter, scratch: Scratch, group: readonly Observation[], index: number): void {
  const [first] = group;
  if (first === undefined) return;
  const text = (one: Observation): number => argument(w, scratch, one.args[1] ?? { kind: "number", value: 0 });
  const rest = (name: number): number[] => first.args.map((question, i) => (i === 1 ? name : argument(w, scratch, question)));
  if (group.length < 3) {
    for (const one of group) ask(w, scratch, one, rest(text(one)), index);
    return;
  }
  w.each(group.map(text), (name) => ask(w, scratch, first, rest(name), index));
}

/** Ops that ask all again, in order, and fail where an answer is another one. Descriptors that the observer left open stay so. */
export function askAgain(w: PlanWriter, observations: readonly Observation[]): void {
  const scratch: Scratch = { room: w.room(roomOf(observations)), result: w.register(), opened: new Map() };
  w.from("evidence");
  for (let i = 0; i < observations.length; ) {
    const observation = observations[i] as Observation;
    const [of] = observation.args;
    if (observation.nr === SYSCALLS.close && of?.kind === "fd") {
      w.close(scratch.opened.get(of.of) ?? -1);
      i++;
      continue;
    }
    if (!isLookup(observation)) {
      ask(w, scratch, observation, observation.args.map((question) => argument(w, scratch, question)), i++);
      continue;
    }
    const groups = new Map<string, Observation[]>();
    const begin = i;
    for (; i < observations.length && sameLookup(observation, observations[i] as Observation); i++) {
      const one = observations[i] as Observation;
      groups.set(outcome(one), [...(groups.get(outcome(one)) ?? []), one]);
    }
    for (const group of groups.values()) askGroup(w, scratch, group, begin);
  }
  w.release(scratch.result);
}
