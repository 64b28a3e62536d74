/** Random changes to one place of a JSON value. */

type Path = readonly (string | number)[];

/** A place in `value`, found by walking down with the numbers of `random`. */
export function randomPointer(value: unknown, random: Iterator<number>): Path {
  const path: (string | number)[] = [];
  let at = value;
  while (typeof at === "object" && at !== null) {
    const keys = Object.keys(at);
    const n: number = random.next().value ?? 0;
    const key = keys[n % (keys.length + 1)];
    if (key === undefined) break;
    path.push(key);
    at = Reflect.get(at, key);
  }
  return path;
}

/** Sets the place to `next` in the value itself; undefined deletes it. The empty path changes nothing. */
export function replaceAt(value: unknown, path: Path, next: unknown): void {
  let at: unknown = value;
  for (const key of path.slice(0, -1)) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  const last = path.at(-1);
  if (last === undefined || typeof at !== "object" || at === null) return;
  if (next === undefined && !Array.isArray(at)) Reflect.deleteProperty(at, last);
  else Reflect.set(at, last, next ?? null);
}
