/** The attacker's program (probe.c), compiled once into a scene's root filesystem, and its words. */
import { expect } from "bun:test";
import { join } from "node:path";
import { errnoName } from "../../src/kernel/abi/errno.ts";
import { SYSCALLS } from "../../src/kernel/abi/host.ts";
import type { Caller, Scene } from "../scene.ts";

export type Argument = number | string;
/** A system call by name with its arguments, in the forms of probe.c. */
export type Attempt = readonly [call: keyof typeof SYSCALLS | `x32 ${keyof typeof SYSCALLS}` | `int80 ${number}`, ...args: Argument[]];

/** Compiles the probe and puts it into /bin of the scene's root filesystem. */
export function installProbe(scene: Scene): void {
  const path = `${scene.directory}/probe`;
  const made = Bun.spawnSync(["cc", "-static", "-O1", "-Wall", "-Werror", "-o", path, join(import.meta.dir, "probe.c")]);
  expect(made.stderr.toString()).toBe("");
  scene.install(path, "probe");
}

function words([call, ...args]: Attempt): string[] {
  const [first = "", second = ""] = call.split(" ");
  const named = (name: string): string => String(SYSCALLS[name as keyof typeof SYSCALLS]);
  const number = first === "int80" ? ["int80", second] : first === "x32" ? ["x32", named(second)] : [named(first)];
  return [...number, ...args.map(String)];
}

/** The probe's arguments for some attempts. */
export function probeArguments(attempts: readonly Attempt[]): string[] {
  return attempts.flatMap((attempt, i) => [...(i === 0 ? [] : ["--"]), ...words(attempt)]);
}

/** Makes attempts in a container and gives what each answered: `ok` or the errno's name. */
export async function probe(scene: Scene, caller: Caller, flags: readonly string[], attempts: readonly Attempt[]): Promise<string[]> {
  const out = await scene.output(["run", ...flags, "@", "probe", ...probeArguments(attempts)], { caller });
  return out.split("\n").map((line) => (Number(line) < 0 ? errnoName(Number(line)) : "ok"));
}
