/** Who runs inside, and which ids of the host stand behind: user namespace mappings and --user. */
import { PidboxError } from "../base/error.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { readLink, readText } from "../kernel/file.ts";
import { syscall } from "../kernel/ffi.ts";
import { readTextInRoot } from "../kernel/inroot.ts";
import { effectiveCapabilities } from "../engine/host.ts";
import { reserve } from "../engine/store.ts";
import type { HostFacts, UserMapping } from "../plan/host-facts.ts";
import type { IdMapping, User } from "../spec/runtime-config.ts";
import type { FoundUser } from "../spec/user.ts";
import type { Kind } from "./container-limits.ts";
import type { Arguments } from "./verb.ts";

/** Ids of one container. */
const RANGE = 65536;
/** Ranges that pidbox gives out: ids from 2^30 to 2^31, where no distribution puts people, and a signed 32-bit number still reaches. */
export const FIRST_RANGE = 0x4000_0000;
const RANGES = 0x4000;

/** A range of host ids that no other container of pidbox has: files of one are never files of another. */
export interface ReservedRange {
  readonly start: number;
  /** The link that holds it. */
  readonly link: string;
}

export function reserveRange(root: string, id: string): ReservedRange {
  const wish = Number.parseInt(id.slice(0, 8), 16) % RANGES;
  for (let i = 0; i < RANGES; i++) {
    const slot = (wish + i) % RANGES;
    const start = FIRST_RANGE + slot * RANGE;
    const link = `${root}/ids/${start}`;
    if (reserve(link, id)) return { start, link };
  }
  throw new PidboxError("CONFLICT", "Cannot reserve ids for the container: every range is in use", { hint: "pidbox gc frees those of containers that are gone" });
}

/** The range behind `link` if it is free or the container's already, else another. Throws CONFLICT. */
export function claimRange(root: string, id: string, link: string | undefined): ReservedRange {
  const start = /\/ids\/(\d{10})$/.exec(link ?? "")?.[1];
  if (link !== undefined && start !== undefined && (reserve(link, id) || readLink(link) === id)) return { start: Number(start), link };
  return reserveRange(root, id);
}

function whole(start: number): UserMapping {
  const map = [{ containerID: 0, hostID: start, size: RANGE }];
  return { uid: map, gid: map, writer: { kind: "direct" } };
}

/** The ids of the caller's own user namespace as a map of at most RANGE ids for a new one below it; without its root if `skipRoot`. Pure. */
export function nestedMap(text: string, skipRoot: boolean): IdMapping[] {
  const map: IdMapping[] = [];
  let next = 0;
  for (const line of text.split("\n")) {
    const [first = -1, , count = 0] = line.trim().split(/\s+/).map(Number);
    const skipped = skipRoot && first === 0 ? 1 : 0;
    const size = Math.min(count - skipped, RANGE - next);
    if (!(first >= 0 && size > 0)) continue;
    map.push({ containerID: next, hostID: first + skipped, size });
    next += size;
  }
  return map;
}

const CAP = { SETGID: 6, SETUID: 7, SETFCAP: 31 } as const;

/**
 * Root of a nested user namespace hands its own ids on. Its root can be mapped only with CAP_SETFCAP (Linux 5.12, verify_root_map).
 * Throws HOST_UNSUPPORTED.
 */
function nested(): UserMapping | undefined {
  const capabilities = effectiveCapabilities();
  const has = (bit: number): boolean => Math.floor(capabilities / 2 ** bit) % 2 === 1;
  const skipRoot = !has(CAP.SETFCAP);
  if (has(CAP.SETUID) && has(CAP.SETGID)) {
    const [uid, gid] = ["uid", "gid"].map((kind) => {
      const text = readText(`/proc/self/${kind}_map`, 64 << 10);
      return typeof text === "string" ? nestedMap(text, skipRoot) : [];
    });
    const denied = readText("/proc/self/setgroups", 16) === "deny\n";
    if (uid?.[0] !== undefined && gid?.[0] !== undefined) return { uid, gid, writer: { kind: "direct", ...(denied ? { groupsDenied: true } : {}) } };
  }
  if (!skipRoot) return undefined;
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot make a user namespace: root of a container may not map ids without CAP_SETFCAP, or CAP_SETUID and CAP_SETGID", {
    hint: "Start the outer container with --cap-add=SETFCAP, or run this pidbox as another user", context: { feature: "user namespaces" },
  });
}

/** newuidmap(1) and the caller's first range of /etc/subuid and /etc/subgid, if both are there. */
async function subordinate(facts: HostFacts, pathVariable: string): Promise<UserMapping | undefined> {
  const [{ findProgram }, { parseIdRanges }] = await Promise.all([import("../kernel/feature-probe.ts"), import("../kernel/feature-identity.ts")]);
  const [uidmap, gidmap] = [findProgram("newuidmap", pathVariable), findProgram("newgidmap", pathVariable)];
  if (uidmap === undefined || gidmap === undefined) return undefined;
  const passwd = readText("/etc/passwd");
  const users = typeof passwd === "string" ? passwd.split("\n").map((line) => line.split(":")) : [];
  const name = users.find((fields) => fields[2] === String(facts.uid))?.[0];
  const ranges = ["/etc/subuid", "/etc/subgid"].map((file) => {
    const text = readText(file);
    return typeof text === "string" ? parseIdRanges(text, { name, uid: facts.uid })[0] : undefined;
  });
  const [u, g] = ranges;
  if (u === undefined || g === undefined) return undefined;
  const map = (own: number, range: { start: number; count: number }) => [
    { containerID: 0, hostID: own, size: 1 },
    { containerID: 1, hostID: range.start, size: Math.min(range.count, RANGE - 1) },
  ];
  return { uid: map(facts.uid, u), gid: map(facts.gid, g), writer: { kind: "helper", uidmap, gidmap } };
}

/** The mapping for a new user namespace. `do` rootless takes one id: no setuid helper runs, and no other id can be reached. */
export async function mappingFor(facts: HostFacts, kind: Kind, range: ReservedRange | undefined, pathVariable: string): Promise<UserMapping> {
  if (range !== undefined) return whole(range.start);
  const found = facts.uid === 0 ? nested() : kind === "run" ? await subordinate(facts, pathVariable) : undefined;
  if (found !== undefined) return found;
  const one = (id: number) => [{ containerID: 0, hostID: id, size: 1 }];
  return { uid: one(facts.uid), gid: one(syscall(SYSCALLS.getegid)), writer: { kind: "self" } };
}

/** Whether an id inside is mapped. */
export function isMapped(map: UserMapping["uid"], id: number): boolean {
  return map.some((m) => id >= m.containerID && id < m.containerID + m.size);
}

export interface Identity {
  readonly user: User;
  readonly home: string;
  readonly name: string | undefined;
}

/** Resolves --user and --group-add with the passwd and group files of `rootfs`, read so that no link leads out. Throws USAGE, NOT_FOUND, CONFIG_INVALID. */
export async function identityOf(args: Arguments, rootfs: string, mapping: UserMapping | undefined): Promise<Identity> {
  const wanted = args.value("user");
  const groups = args.values("group-add");
  if (wanted === undefined && groups.length === 0) return { user: { uid: 0, gid: 0 }, home: "/root", name: "root" };
  const { lookupGroups, lookupUser, parseUserArgument } = await import("../spec/user.ts");
  const read = (path: string): string => {
    const text = readTextInRoot(rootfs, path, 4 << 20);
    return typeof text === "string" ? text : "";
  };
  const groupText = read("etc/group");
  const found: FoundUser = lookupUser(read("etc/passwd"), groupText, parseUserArgument(wanted ?? "0"));
  const additionalGids = [...new Set([...found.additionalGids, ...lookupGroups(groupText, groups)])];
  for (const [what, id, map] of [["user", found.uid, mapping?.uid], ["group", found.gid, mapping?.gid]] as const) {
    if (map !== undefined && !isMapped(map, id)) {
      throw new PidboxError("HOST_UNSUPPORTED", `Cannot run as ${what} ${id}: this user namespace has no such id`, {
        hint: mapping?.writer.kind === "self" ? "Get a range of ids: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER, and install uidmap" : "Ids inside go from 0 to 65535",
        context: { from: "--user" },
      });
    }
  }
  const mapped = mapping === undefined ? additionalGids : additionalGids.filter((gid) => isMapped(mapping.gid, gid));
  return { user: { uid: found.uid, gid: found.gid, ...(mapped.length === 0 ? {} : { additionalGids: mapped }) }, home: found.home, name: found.name };
}
