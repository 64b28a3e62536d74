/** Pipes of a plan (pipe2(2)). Pure. */
import { OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { PlanWriter } from "./writer.ts";

/** Registers of both ends. */
export interface Pipe {
  readonly reading: number;
  readonly writing: number;
}

/** An op that makes a pipe whose ends are closed by exec. */
export function makePipe(w: PlanWriter, flags = 0): Pipe {
  const pair = w.room(8);
  const [reading, writing] = [w.register(), w.register()];
  w.call(SYSCALLS.pipe2, pair, OPEN.CLOEXEC | flags).load(reading, pair, 4).load(writing, pair + 4, 4);
  return { reading, writing };
}
