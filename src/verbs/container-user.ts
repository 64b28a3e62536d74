/** Who runs inside, and which ids of the host stand behind: user namespace mappings and --user. */
import { PidboxError } from "../base/error.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { readText } from "../kernel/file.ts";
import { syscall } from "../kernel/ffi.ts";
import { readTextInRoot } from "../kernel/inroot.ts";
import { reserve } from "../engine/store.ts";
import type { HostFacts, UserMapping } from "../plan/host-facts.ts";
import type { User } from "../spec/runtime-config.ts";
import type { FoundUser } from "../spec/user.ts";
import type { Kind } from "./container-limits.ts";
import type { Arguments } from "./verb.ts";

/** Ids of one container. */
const RANGE = 65536;
/** Ranges that pidbox gives out: ids from 2^30 to 2^31, where no distribution puts people, and a signed 32-bit number still reaches. */
const FIRST_RANGE = 0x4000_0000;
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
    const link = `${root}/ids/${slot}`;
    if (reserve(link, id)) return { start: FIRST_RANGE + slot * RANGE, link };
  }
  throw new PidboxError("CONFLICT", "Cannot reserve ids for the container: every range is in use", { hint: "pidbox gc frees those of containers that are gone" });
}

function whole(start: number): UserMapping {
  const map = [{ containerID: 0, hostID: start, size: RANGE }];
  return { uid: map, gid: map, writer: { kind: "direct" } };
}

/** Root of a user namespace that has enough ids of its own, as in a nested container. */
function ownsIds(file: string): boolean {
  const text = readText(file, 4096);
  const first = typeof text === "string" ? text.trim().split(/\s+/).map(Number) : [];
  return first[0] === 0 && (first[2] ?? 0) >= RANGE;
}

/** newuidmap(1) and the caller's first range of /etc/subuid and /etc/subgid, if both are there. */
async function subordinate(facts: HostFacts, pathVariable: string): Promise<UserMapping | undefined> {
  const [{ findProgram }, { parseIdRanges }] = await Promise.all([import("../kernel/feature-probe.ts"), import("../kernel/feature-identity.ts")]);
  const [uidmap, gidmap] = [findProgram("newuidmap", pathVariable), findProgram("newgidmap", pathVariable)];
  if (uidmap === undefined || gidmap === undefined) return undefined;
  const passwd = readText("/etc/passwd");
  const name = typeof passwd === "string" ? passwd.split("\n").map((line) => line.split(":")).find((fields) => fields[2] === String(facts.uid))?.[0] : undefined;
  const ranges = ["/etc/subuid", "/etc/subgid"].map((file) => {
    const text = readText(file);
    return typeof text === "string" ? parseIdRanges(text, { name, uid: facts.uid })[0] : undefined;
  });
  const [u, g] = ranges;
  if (u === undefined || g === undefined) return undefined;
  const map = (own: number, range: { start: number; count: number }) => [{ containerID: 0, hostID: own, size: 1 }, { containerID: 1, hostID: range.start, size: Math.min(range.count, RANGE - 1) }];
  return { uid: map(facts.uid, u), gid: map(facts.gid, g), writer: { kind: "helper", uidmap, gidmap } };
}

/** The mapping for a new user namespace. `do` rootless takes one id: no setuid helper runs, and no other id can be reached. */
export async function mappingFor(facts: HostFacts, kind: Kind, range: ReservedRange | undefined, pathVariable: string): Promise<UserMapping> {
  if (range !== undefined) return whole(range.start);
  if (facts.uid === 0 && ownsIds("/proc/self/uid_map") && ownsIds("/proc/self/gid_map")) return whole(0);
  const found = kind === "run" ? await subordinate(facts, pathVariable) : undefined;
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

