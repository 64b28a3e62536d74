/** The state of a container as a document (runtime.md, "State") in the plan's data, with room for a PID that ops fill in. Pure. */
import type { Blueprint } from "./blueprint.ts";
import { FLAG } from "./op.ts";
import type { PlanWriter } from "./writer.ts";

/** Characters of a PID: OP_DECIMAL with FLAG_FULL. */
const PID_WIDTH = 20;

/** The state before and behind its PID. */
export function stateParts(blueprint: Blueprint, status: string): [head: string, tail: string] {
  const { ociVersion, id, ...rest } = blueprint.runtime?.document ?? {};
  const more = JSON.stringify(rest).slice(1);
  return [`${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`, more === "}" ? more : `,${more}`];
}

/** The parts as data, with the PID of register `pid` between each and the next. */
export function writeDocument(w: PlanWriter, parts: readonly string[], pid: number): { readonly address: number; readonly length: number } {
  const encoder = new TextEncoder();
  const text = encoder.encode(parts.join(" ".repeat(PID_WIDTH)));
  const address = w.bytes(text);
  let at = 0;
  for (const part of parts.slice(0, -1)) {
    at += encoder.encode(part).length;
    w.decimal(address + at, pid).flags(FLAG.FULL);
    at += PID_WIDTH;
  }
  return { address, length: text.length };
}
