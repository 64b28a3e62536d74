/**
 * Names of users from the host's own /etc/passwd (passwd(5)), never a container's.
 *
 * An attacker may control: names, on hosts with foreign user sources, so they need `printable`. NSS is not asked: it loads code.
 */
import { readText } from "./file.ts";

const LIMIT = 4 << 20;

/** uid to name; the first line wins for a uid that occurs twice, and lines that are not passwd entries are skipped, as getpwuid(3) does. */
export function parsePasswd(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name, , uid] = line.split(":", 4);
    if (name === undefined || name === "" || uid === undefined || !/^[0-9]{1,10}$/.test(uid)) continue;
    if (!names.has(Number(uid))) names.set(Number(uid), name.slice(0, 256));
  }
  return names;
}

/** The host's users, or none when the file is absent, unreadable or beyond 4 MiB: numbers are shown then. */
export function readUsers(): ReadonlyMap<number, string> {
  const text = readText("/etc/passwd", LIMIT);
  return typeof text === "number" ? new Map() : parsePasswd(text);
}
