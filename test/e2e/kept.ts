/** Containers that go on without their caller, for tests: a name of their own, and gone at the end of the scope. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import type { Caller, Ended, Scene } from "../scene.ts";

let count = 0;

export interface KeptContainer extends AsyncDisposable {
  readonly name: string;
  readonly id: string;
  /** Its directory in the store. */
  readonly directory: string;
  /** Runs a verb on it: `verb flags... NAME`. */
  run(verb: string, ...flags: readonly string[]): Promise<Ended>;
  /** As run, for what must succeed without a word on stderr; the output without its last line end. */
  output(verb: string, ...flags: readonly string[]): Promise<string>;
  state(): Record<string, unknown>;
  end(): Record<string, unknown>;
  /** PID of its supervisor: the launcher, or the pidbox that it is for a moment. */
  supervisor(): number;
}

export function freshName(what: string): string {
  return `${what}-${process.pid}-${count++}`;
}

/** Whether a process is there and no zombie: who adopted it may be slow to reap. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Starts or makes a container: `words` is `run -d` or `create` with flags, image and command, without `--name`. */
export async function keep(scene: Scene, caller: Caller, words: readonly string[]): Promise<KeptContainer> {
  const [verb = "", ...rest] = words;
  const name = freshName("kept");
  // A test's `run` has --rm unless it says otherwise; here it says otherwise unless it says so.
  const kept = verb === "run" && !rest.includes("--rm") ? ["--rm=false"] : [];
  const started = await scene.run([verb, ...kept, "--name", name, ...rest], { caller });
  if (started.code !== 0) throw new Error(`${verb} ended with ${started.code}: ${started.err}`);
  const id = readlinkSync(`${scene.containersOf(caller)}/../names/${name}`);
  const directory = `${scene.containersOf(caller)}/${id}`;
  const json = (file: string): Record<string, unknown> => {
    const path = `${directory}/${file}`;
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
  };
  const run = (what: string, ...flags: readonly string[]): Promise<Ended> => scene.run([what, ...flags, name], { caller });
  return {
    name, id, directory, run,
    async output(what, ...flags) {
      const { code, out, err } = await run(what, ...flags);
      if (code !== 0 || err !== "") throw new Error(`${what} ended with ${code}: ${err}`);
      return out.replace(/\n$/, "");
    },
    state: () => json("state.json"),
    end: () => json("end.json"),
    supervisor: () => readFileSync(`${directory}/status`).readInt32LE(72),
    async [Symbol.asyncDispose]() {
      const { code, err } = await scene.run(["rm", "-f", name], { caller });
      if (code !== 0) throw new Error(`rm -f ended with ${code}: ${err}`);
    },
  };
}
