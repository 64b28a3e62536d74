/** Verbs on several containers: each is tried, whatever becomes of the others, as docker does. */
import { EXIT, PidboxError } from "../base/error.ts";
import type { Context, Outcome } from "./verb.ts";

/**
 * Does something to each container; prints those references for which it went well. An error of one among several is a line on standard error, of a single one
 * it is thrown.
 */
export async function eachContainer(references: readonly string[], context: Context, act: (reference: string) => void | Promise<void>): Promise<Outcome> {
  const done: string[] = [];
  for (const reference of references) {
    try {
      await act(reference);
      done.push(reference);
    } catch (error) {
      if (!(error instanceof PidboxError) || references.length === 1) throw error;
      context.note(`${error.message} [${error.code}]`);
    }
  }
  return { exit: done.length === references.length ? EXIT.ok : EXIT.failure, data: done, text: () => done.map((reference) => `${reference}\n`).join("") };
}
