/** The cheap part of `gc`, for every start: a look at a few containers of the store. Loads nothing but the store unless one of them is dead. */
import { isSupervised, listContainers, readStatus } from "./store.ts";

/** How many are looked at: each costs six small system calls. */
const LOOKS = 4;

/** Removes those among the first few containers of the store that have lost their supervisor. Never fails: what is left is for `gc`. */
export async function collectSome(root: string): Promise<void> {
  for (const id of listContainers(root, LOOKS)) {
    const directory = `${root}/containers/${id}`;
    if (readStatus(directory)?.state !== "running" || isSupervised(directory)) continue;
    const { judgeContainer, removeGarbage } = await import("./garbage.ts");
    const found = judgeContainer(directory, false, Date.now());
    if (found !== undefined) removeGarbage(found, []);
  }
}
