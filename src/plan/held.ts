/**
 * Descriptors that wait in the plan's data between two stages, for registers are few and mounts may be many. A child has a copy of data and descriptors
 * alike, so what the supervisor held before clone is there for the container to take too. Pure.
 */
import type { Compilation } from "./names.ts";

/** Data address of a descriptor. */
export type Held = number & { readonly brand: "held" };

/** Ops that put the descriptor of a register away; the register is free then. */
export function hold(c: Compilation, register: number): Held {
  const cell = c.writer.room(8);
  c.writer.store(cell, register, 4).release(register);
  return cell as Held;
}

/** Ops that put another descriptor in the place of one that was held. */
export function replace(c: Compilation, held: Held, register: number): void {
  c.writer.store(held, register, 4).release(register);
}

/** Ops that get a held descriptor into a register, as often as needed. Each process that has it closes it. */
export function take(c: Compilation, held: Held): number {
  const register = c.writer.register();
  c.writer.load(register, held, 4);
  return register;
}
