/** Decoders of `mounts` and of id mappings (config.md#mounts, config-linux.md#user-namespace-mappings). */
import { quote } from "../base/text.ts";
import { also, type Decoder, flag, list, object, optionalText, type Report, step, text, uint32 } from "./decode.ts";
import { parseMountOptions } from "./mount-options.ts";
import type { IdMapping, Mount, Root } from "./runtime-config.ts";

const MOUNTS = "config.md#mounts";
const POSIX = "config.md#posix-platform-mounts";
const OPTIONS = "config.md#linux-mount-options";
const MAPPINGS = "config-linux.md#user-namespace-mappings";
const ROOT = "config.md#root";

// user_namespaces(7): 340 lines since Linux 4.15; the ranges of one side must not overlap, and none may wrap.
const MAX_EXTENTS = 340;

const mapping = also(
  object<IdMapping>(MAPPINGS, { containerID: uint32, hostID: uint32, size: uint32 }, ["containerID", "hostID", "size"]),
  (value, pointer, report) => {
    if (value.size === 0) report.must("range", step(pointer, "size"), MAPPINGS, "The size is 0: a range has at least one id");
    for (const side of ["containerID", "hostID"] as const) {
      if (value[side] + value.size > 0xffffffff) report.must("range", step(pointer, side), MAPPINGS, `The range of ${value.size} ids from ${value[side]} goes beyond 4294967294`);
    }
  },
);

function overlaps(found: readonly IdMapping[], side: "containerID" | "hostID", pointer: string, report: Report): void {
  const sorted = found.map((range, index) => ({ first: range[side], size: range.size, index })).toSorted((a, b) => a.first - b.first);
  let end = -1;
  for (const { first, size, index } of sorted) {
    if (first < end) report.must("overlap", `${pointer}/${index}/${side}`, MAPPINGS, `The range from ${first} overlaps another one`);
    end = Math.max(end, first + size);
  }
}

export const idMappings: Decoder<readonly IdMapping[]> = also(list(mapping), (found, pointer, report) => {
  if (found.length > MAX_EXTENTS) report.must("too-many", pointer, MAPPINGS, `More than ${MAX_EXTENTS} ranges: the kernel takes no more`);
  overlaps(found, "containerID", pointer, report);
  overlaps(found, "hostID", pointer, report);
});

// tmpfs(5) and Documentation/filesystems/devpts.rst read these as octal.
const MODES: Readonly<Record<string, readonly string[]>> = { tmpfs: ["mode"], devpts: ["mode", "ptmxmode"], mqueue: [] };

function checkModes(mount: Mount, pointer: string, report: Report): void {
  const keys = MODES[mount.type ?? ""] ?? [];
  (mount.options ?? []).forEach((option, i) => {
    const [key = "", value] = option.split("=", 2);
    if (keys.includes(key) && !/^[0-7]{1,5}$/.test(value ?? "")) report.must("value", `${pointer}/options/${i}`, OPTIONS, `The mode in ${quote(option, 60)} is not octal`);
  });
}

function checkMappings(mount: Mount, idmap: boolean, pointer: string, report: Report): void {
  const uids = mount.uidMappings !== undefined;
  const gids = mount.gidMappings !== undefined;
  if (uids && !gids) report.must("required", step(pointer, "gidMappings"), POSIX, "uidMappings must come with gidMappings");
  if (gids && !uids) report.must("required", step(pointer, "uidMappings"), POSIX, "gidMappings must come with uidMappings");
  if ((uids || gids) && !idmap) report.should("conflict", step(pointer, "options"), POSIX, "Id mappings without the option idmap or ridmap: other runtimes may ignore them");
}

const mount: Decoder<Mount> = also(
  object<Mount>(MOUNTS, {
    destination: text, type: optionalText, source: optionalText, options: list(text), uidMappings: idMappings, gidMappings: idMappings,
  }, ["destination"]),
  (value, pointer, report) => {
    if (value.destination === "") report.must("empty", step(pointer, "destination"), MOUNTS, "The destination is empty");
    else if (!value.destination.startsWith("/")) {
      report.should("deprecated", step(pointer, "destination"), MOUNTS, `The destination ${quote(value.destination)} is relative, which is deprecated; it is taken from "/"`);
    }
    const options = parseMountOptions(value.options ?? []);
    if (options.bind !== "no") {
      if (value.source === undefined) report.must("required", step(pointer, "source"), MOUNTS, "A bind mount needs a source");
    } else if (value.type === undefined && !options.remount && options.propagation.length === 0) {
      report.must("required", step(pointer, "type"), POSIX, "A mount without the option bind or rbind needs a type");
    }
    if (options.bind === "no") checkModes(value, pointer, report);
    checkMappings(value, options.idmap !== "no", pointer, report);
  },
);

export const mounts: Decoder<readonly Mount[]> = list(mount);

/** Mounts with idmap or ridmap and no mappings of their own take the container's, so there must be a user namespace. */
export function checkIdmapSource(found: readonly Mount[], hasUserNamespace: boolean, pointer: string, report: Report): void {
  if (hasUserNamespace) return;
  found.forEach((m, i) => {
    if (m.uidMappings === undefined && m.gidMappings === undefined && parseMountOptions(m.options ?? []).idmap !== "no") {
      report.must("missing-namespace", `${pointer}/${i}/options`, OPTIONS, "idmap without uidMappings and gidMappings needs a user namespace to take them from");
    }
  });
}

export const root: Decoder<Root> = object<Root>(
  ROOT,
  {
    path: also(text, (path, pointer, report) => {
      if (path === "") report.must("empty", pointer, ROOT, "The path of the root filesystem is empty");
    }),
    readonly: flag,
  },
  ["path"],
);
