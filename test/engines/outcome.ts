/** How a command ended, in a form in which two runtimes can be compared. */

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Text with what differs from one run to the next replaced: ids of engines, and each of `words` by its name. */
export function normalise(text: string, words: Readonly<Record<string, string>>): string {
  const named = Object.entries(words).filter(([, word]) => word !== "").toSorted(([, a], [, b]) => b.length - a.length);
  const plain = named.reduce((all, [name, word]) => all.replaceAll(word, `<${name}>`), text);
  return plain.replace(/\btime="[^"]*"/g, "time=<time>").replace(/\b[0-9a-f]{64}\b/g, "<id>").replace(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b/g, "<id>");
}

/** Sections of the script `look` (image.ts): `== NAME` and lines. */
export function sections(text: string): Record<string, string[]> {
  const parts = text.replaceAll("\r\n", "\n").split(/^== (.*)\n/m);
  const found: Record<string, string[]> = {};
  for (let i = 1; i < parts.length; i += 2) found[parts[i] ?? ""] = (parts[i + 1] ?? "").split("\n").filter((line) => line !== "");
  return found;
}

/** A script of sh(1) that leaves a process to the container's init, and says so once it was reaped. */
export const ORPHAN = "orphan=$(true >/dev/null & echo $!); until [ ! -e /proc/$orphan ]; do sleep 0.02; done; echo reaped";

/** Waits inside a container until a condition of sh(1) holds; `exec` runs a script there, within its own time (world.ts). */
export async function untilInside(condition: string, exec: (script: string) => Promise<Ended>): Promise<void> {
  const { code, err } = await exec(`until ${condition}; do sleep 0.02; done`);
  if (code !== 0) throw new Error(`waited inside for ${condition}: ${code} ${err}`);
}
