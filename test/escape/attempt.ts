/** Builds attempt.c and puts it into a scene: the same program looks from the host and tries from inside. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { Caller, Scene } from "../scene.ts";

/** A program of the host, and `/bin/attempt` in the scene's root filesystem. Call it before the scene's first rootOf(). */
export function buildAttempt(scene: Scene): string {
  const path = `${scene.directory}/attempt`;
  const built = Bun.spawnSync(["cc", "-static", "-O1", "-Wall", "-Werror", "-o", path, join(import.meta.dir, "attempt.c")], { stderr: "inherit" });
  if (built.exitCode !== 0) throw new Error("cc failed for attempt.c");
  chmodSync(path, 0o755);
  scene.install(path, "attempt");
  return path;
}

/** What `attempt` printed: the outcome by name. */
export function outcomes(out: string): Record<string, string> {
  return Object.fromEntries(out.trim().split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}

/** Flags of the two ways in; `do` sees the program because it is bound there. */
export function way(scene: Scene, verb: "do" | "run", flags: readonly string[] = []): string[] {
  return verb === "run" ? ["run", ...flags, "@", "attempt"] : ["do", "-v", `${scene.directory}/attempt:/attempt:ro`, ...flags, "/attempt"];
}

/** Makes attempts in a new container. */
export async function attempt(scene: Scene, verb: "do" | "run", caller: Caller, names: readonly string[]): Promise<Record<string, string>> {
  return outcomes(await scene.output([...way(scene, verb), ...names], { cwd: "/", caller }));
}
