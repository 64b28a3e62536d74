/** Many commands on the same few containers at once: each does its work or says why not, and what is left at the end is nothing. */
import { describe, expect } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { emptied } from "../until.ts";
import { makeBundle, processesIn } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";
import { messageOf, PIDBOX_OCI } from "./runtime.ts";

interface Ended {
  readonly words: readonly string[];
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function command(bundle: Bundle, words: readonly string[]): Promise<Ended> {
  const argv = [PIDBOX_OCI, "--root", bundle.root, ...words];
  // What create starts keeps its descriptors: a pipe would not end.
  if (words[0] === "create") {
    const file = `${bundle.path}/errors-${Math.random()}`;
    const errors = openSync(file, "w");
    const code = await Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: errors }).exited;
    closeSync(errors);
    return { words, code, out: "", err: readFileSync(file, "utf8") };
  }
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const streams = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const [code, out = "", err = ""] = await Promise.all([child.exited, ...streams]);
  return { words, code, out, err };
}

/** Why a command may fail while others work on the same container. */
const EXCUSES = [
  /does not exist$/, /already exists/, /container not running$/, /container not paused$/, /^cannot start a container /, /that is not stopped: /,
  /^exec failed: cannot exec in a /, /^exec failed: container .* does not exist$/,
  // The process that was joining was killed with all others.
  /^exec failed: .* was killed before its program ran/, /^exec failed: Cannot build "(container|handover)": (recvmsg|sendmsg): /,
];

/** The same sequence at every run: a linear congruential generator. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}

const VERBS: readonly (readonly string[])[] = [
  ["create", "--bundle", "BUNDLE", "ID"], ["create", "--bundle", "BUNDLE", "ID"], ["start", "ID"], ["start", "ID"], ["state", "ID"],
  ["list", "--format", "json"], ["kill", "ID", "KILL"], ["pause", "ID"], ["resume", "ID"], ["resume", "ID"], ["update", "--pids-limit", "100", "ID"],
  ["delete", "ID"], ["delete", "--force", "ID"], ["exec", "ID", "/bin/true"], ["ps", "--format", "json", "ID"],
];

describe("many commands at once", () => {
  needs("root", "busybox")("corrupt nothing, and leave nothing behind", async () => {
    using bundle = makeBundle();
    const ids = [1, 2].map((n) => `hammer-${process.pid}-${n}`);
    const next = sequence(20261124);
    const pick = (): string[] => {
      const verb = VERBS[next(VERBS.length)] ?? [];
      const id = ids[next(ids.length)] ?? "";
      return verb.map((word) => (word === "ID" ? id : word === "BUNDLE" ? bundle.path : word));
    };
    const done: Ended[] = [];
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) done.push(await command(bundle, pick()));
    };
    await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(ids.map((id) => command(bundle, ["delete", "--force", id])))) };
    await Promise.all(Array.from({ length: 8 }, worker));
    const cgroups = ids.flatMap((id) => {
      const path = `${bundle.root}/${id}/state.json`;
      return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { cgroups: string[] }).cgroups : [];
    });
    const killed = ({ words, code }: Ended): boolean => words[0] === "exec" && code === 137;
    const unexcused = done.filter((ended) => ended.code !== 0 && !killed(ended) && !EXCUSES.some((excuse) => excuse.test(messageOf(ended.err) ?? "")));
    expect(unexcused).toEqual([]);
    for (const { words, code, out } of done) if (code === 0 && ["state", "list", "ps"].includes(words[0] ?? "")) JSON.parse(out);
    // Something has happened, not only refusals.
    for (const verb of ["create", "start", "kill", "delete", "state"]) expect(done.some(({ words, code }) => words[0] === verb && code === 0)).toBe(true);
    for (const id of ids) expect((await command(bundle, ["delete", "--force", id])).code).toBe(0);
    expect(existsSync(bundle.root) ? readdirSync(bundle.root) : []).toEqual([]);
    expect(cgroups.filter((path) => existsSync(path))).toEqual([]);
    expect(await emptied(() => processesIn(bundle))).toEqual([]);
  });
});
