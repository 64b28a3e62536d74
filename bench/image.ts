/**
 * The launcher alone, without Bun: the sealed file with launcher and ready plan is taken from a running container, so that it can be executed again and again.
 *
 * A plan names its container's own directories, and its last ops remove them; `prepare` makes them anew, outside of the time that is measured.
 */
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { planInImage } from "../src/engine/launch.ts";
import { findContainer, readState, stateRoot } from "../src/engine/store.ts";
import type { ContainerState } from "../src/engine/store.ts";
import { BINARY, ROOT, run } from "./measure.ts";

/** A plan's program that waits for the end of its input, and the one of the same length that takes its place: nothing else in the plan changes. */
const [WAITING, MEASURED] = ["sort", "true"];

export interface ReadyImage {
  /** Executable: launcher and plan. It expects descriptors 3 to 5 to be open, as they are in pidbox. */
  readonly path: string;
  readonly plan: Uint8Array;
  /** A shell script that makes the container's directory and links if they are not there. */
  readonly prepare: string;
  /** Removes what prepare made. */
  remove(): void;
}

/** The image and the container's name: from exec on, the supervisor's program is the image itself and its second word the name. */
async function imageOf(pid: number, alive: () => boolean): Promise<{ image: Buffer; name: string }> {
  while (alive()) {
    const link = `/proc/${pid}/exe`;
    const name = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[1] ?? "";
    if (name !== "" && readlinkSync(link).startsWith("/memfd:pidbox")) return { image: readFileSync(link), name };
    await Bun.sleep(1);
  }
  throw new Error("pidbox ended before it started the launcher");
}

function replaceProgram(image: Buffer): void {
  const [from, to] = [Buffer.from(`${WAITING}\0`), Buffer.from(`${MEASURED}\0`)];
  let found = 0;
  for (let at = image.indexOf(from); at >= 0; at = image.indexOf(from, at + 1)) {
    if (image[at - 1] !== 0 && image[at - 1] !== 0x2f) continue;
    to.copy(image, at);
    found++;
  }
  if (found === 0) throw new Error(`The plan does not name ${WAITING}`);
}

function containerState(name: string): { directory: string; state: ContainerState } {
  const root = stateRoot(0, {});
  const id = findContainer(root, name);
  const directory = `${root}/containers/${id ?? ""}`;
  const state = id === undefined ? undefined : readState(directory);
  if (state === undefined) throw new Error(`There is no state of ${name}`);
  return { directory, state };
}

/** Starts `pidbox ...words sort`, takes its image, and lets it end. `words` end before the program; `program` is its directory, such as "/bin/". */
export async function readyImage(folder: string, words: readonly string[], program: string): Promise<ReadyImage> {
  mkdirSync(folder);
  const child = Bun.spawn([BINARY, ...words, `${program}${WAITING}`], { cwd: ROOT, stdin: "pipe", stdout: "ignore", stderr: "inherit" });
  const { image, name } = await imageOf(child.pid, () => child.exitCode === null && child.signalCode === null);
  const { directory, state } = containerState(name);
  await child.stdin.end();
  if ((await child.exited) !== 0) throw new Error(`pidbox ${words.join(" ")} ${WAITING} failed`);
  replaceProgram(image);
  const path = join(folder, "launcher");
  writeFileSync(path, image, { mode: 0o755 });
  const saved = join(folder, "state.json");
  writeFileSync(saved, JSON.stringify(state));
  const links = [...state.names, ...state.reservations];
  const prepare = join(folder, "prepare");
  writeFileSync(prepare, `[ -d ${directory} ] && exit 0\nmkdir -m 700 ${directory}\ncp ${saved} ${directory}/state.json\n${links.map((link) => `ln -s ${state.id} ${link}\n`).join("")}`);
  const remove = (): void => [directory, ...links].forEach((one) => rmSync(one, { recursive: true, force: true }));
  return { path, plan: new Uint8Array(planInImage(image)), prepare, remove };
}

/** Checks that the image does what it did in pidbox: descriptors 3 to 5 open, exit code 0, everything removed. */
export function tryImage(image: ReadyImage, program: string): void {
  run(["sh", image.prepare]);
  run(["sh", "-c", `exec 3</dev/null 4</dev/null 5</dev/null; exec ${program}`]);
}
