/**
 * `--user` and the container's passwd and group files. Pure: the caller reads the files, inside the rootfs only.
 *
 * An attacker controls both files. A word of digits is always a number and never a name, so that a user called "1" or "0" cannot take the place of an id
 * (CVE-2016-3697), and a number is parsed whole or refused, never defaulted to 0 (CVE-2026-30892).
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

export type IdOrName = { readonly id: number } | { readonly name: string };

export interface UserArgument {
  readonly user: IdOrName;
  readonly group: IdOrName | undefined;
}

/** Ids end before (uid_t)-1, which means "no change" to system calls. */
const MAX_ID = 0xfffffffe;
const TEXT_LIMIT = 4 << 20;
const LINE_LIMIT = 64 << 10;
/** NGROUPS_MAX, setgroups(2). */
const GROUPS_LIMIT = 65536;

function parseId(text: string): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= MAX_ID ? value : undefined;
}

function idOrName(word: string, fail: (why: string) => PidboxError): IdOrName {
  if (/^[+-]?\d+$/.test(word)) {
    const id = parseId(word);
    if (id === undefined) throw fail(`the id ${quote(word, 40)} is not between 0 and ${MAX_ID}`);
    return { id };
  }
  // useradd(8) and systemd's relaxed rules; no ":", no control characters, no leading "-".
  if (!/^[A-Za-z0-9_.][A-Za-z0-9_.@\\-]{0,255}\$?$/.test(word)) throw fail(`${quote(word, 40)} is neither an id nor a name`);
  return { name: word };
}

/** `UID[:GID]`, `NAME[:GROUP]` or a mix of both. Throws PidboxError USAGE. */
export function parseUserArgument(value: string, from = "--user"): UserArgument {
  const fail = (why: string): PidboxError => new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for ${from}: ${why}`, { context: { from } });
  const [user = "", group, ...more] = value.split(":");
  if (user === "" || group === "" || more.length > 0) throw fail("it is not USER or USER:GROUP");
  return { user: idOrName(user, fail), group: group === undefined ? undefined : idOrName(group, fail) };
}

/** Who a process runs as, and what passwd(5) says of it. */
export interface FoundUser {
  readonly uid: number;
  readonly gid: number;
  /** The groups of group(5) that list the user, without the primary one; empty when a group was named explicitly, as docker and podman do. */
  readonly additionalGids: readonly number[];
  /** Absolute, "/" when the file does not say. */
  readonly home: string;
  readonly name: string | undefined;
}

function* lines(text: string, fields: number): Generator<readonly string[]> {
  if (text.length > TEXT_LIMIT) throw new PidboxError("CONFIG_INVALID", `Cannot read the container's user files: longer than ${TEXT_LIMIT} bytes`);
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#") || line.length > LINE_LIMIT || line.includes("\0")) continue;
    const parts = line.split(":");
    if (parts.length >= fields) yield parts;
  }
}

interface Passwd {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

function findPasswd(text: string, wanted: IdOrName): Passwd | undefined {
  for (const [name = "", , uidText = "", gidText = "", , home = ""] of lines(text, 6)) {
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    if (uid === undefined || gid === undefined) continue;
    if ("id" in wanted ? uid === wanted.id : name === wanted.name) return { name, uid, gid, home };
  }
  return undefined;
}

function findGroup(text: string, wanted: IdOrName): number | undefined {
  if ("id" in wanted) return wanted.id;
  for (const [name = "", , gidText = ""] of lines(text, 3)) {
    const gid = parseId(gidText);
    if (gid !== undefined && name === wanted.name) return gid;
  }
  return undefined;
}

function groupsOf(text: string, name: string): number[] {
  const found = new Set<number>();
  for (const [, , gidText = "", members = ""] of lines(text, 4)) {
    const gid = parseId(gidText);
    if (gid !== undefined && members.split(",").includes(name)) found.add(gid);
    if (found.size >= GROUPS_LIMIT) break;
  }
  return [...found];
}

function describe(who: IdOrName): string {
  return "id" in who ? String(who.id) : quote(who.name, 60);
}

/** The ids that `argument` means in a container with these files ("" when a file is absent). Throws PidboxError NOT_FOUND for names that are not there. */
export function lookupUser(passwdText: string, groupText: string, argument: UserArgument): FoundUser {
  const entry = findPasswd(passwdText, argument.user);
  const uid = "id" in argument.user ? argument.user.id : entry?.uid;
  if (uid === undefined) throw new PidboxError("NOT_FOUND", `No user ${describe(argument.user)} in the container's /etc/passwd`, { context: { from: "--user" } });
  const group = argument.group === undefined ? (entry?.gid ?? 0) : findGroup(groupText, argument.group);
  if (group === undefined) throw new PidboxError("NOT_FOUND", `No group ${describe(argument.group ?? { id: 0 })} in the container's /etc/group`, { context: { from: "--user" } });
  const named = entry !== undefined && argument.group === undefined;
  return {
    uid, gid: group, name: entry?.name, home: entry?.home.startsWith("/") === true ? entry.home : "/",
    additionalGids: named ? groupsOf(groupText, entry.name).filter((g) => g !== group) : [],
  };
}

/** The ids of --group-add values, by number or by name in the container's group file. Throws PidboxError USAGE or NOT_FOUND. */
export function lookupGroups(groupText: string, values: readonly string[]): number[] {
  const found = values.map((value) => {
    const wanted = idOrName(value, (why) => new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for --group-add: ${why}`, { context: { from: "--group-add" } }));
    const gid = findGroup(groupText, wanted);
    if (gid === undefined) throw new PidboxError("NOT_FOUND", `No group ${quote(value, 60)} in the container's /etc/group`, { context: { from: "--group-add" } });
    return gid;
  });
  return [...new Set(found)];
}
