/** Where a copy goes, by docker's rules: into a directory, or under another name; through symbolic links at the end of the path, as the kernel would. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { close, O, open, readLink, stat } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import { IN_CONTAINER, ON_HOST } from "./copy-extract.ts";
import type { Place } from "./copy-extract.ts";

const ENOENT = -2;
const MOST_LINKS = 40;
const encoder = new TextEncoder();

/** One side of a copy: how paths are opened there. */
export interface Side {
  /** O_PATH and more; the end of the path is followed unless O_NOFOLLOW. */
  readonly open: (path: string, flags: number) => number;
  /** Files will be made in `directory`. */
  readonly place: (directory: string) => Place;
  /** Its name in messages. */
  readonly name: string;
}

export function containerSide(root: number, name: string): Side {
  return {
    name, open: (path, flags) => openInRoot(root, path, flags),
    place: (directory) => ({ fd: root, prefix: encoder.encode(directory.replace(/^\/+/, "")), resolve: IN_CONTAINER }),
  };
}

export const hostSide: Side = {
  name: "the host", open,
  place(directory) {
    const fd = open(directory, O.PATH | O.DIRECTORY);
    if (fd < 0) throw new PidboxError(fd === ENOENT ? "NOT_FOUND" : "IO", `Cannot open the directory ${quote(directory)}: ${errnoName(fd)}`, { context: { path: directory } });
    return { fd, prefix: new Uint8Array(0), resolve: ON_HOST };
  },
};

/** What is copied, as far as its destination depends on it. */
export interface SourceKind {
  readonly directory: boolean;
  /** What is in it goes into the destination, not the directory itself: `dir/.`. */
  readonly contents: boolean;
  readonly name: string;
}

/** Directory and name that entries get; an empty name is the directory itself. */
export interface Target {
  readonly place: Place;
  readonly name: string;
}

const parentOf = (path: string): string => (path.lastIndexOf("/") < 0 ? "." : path.slice(0, path.lastIndexOf("/")) || "/");
const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Where the links at the end of a path lead, as far as they are on this side. */
function throughLinks(side: Side, path: string): string {
  let current = path;
  for (let i = 0; i < MOST_LINKS; i++) {
    const link = side.open(current, O.PATH | O.NOFOLLOW);
    const target = link < 0 ? link : readLink("", link);
    if (link >= 0) close(link);
    if (typeof target === "number") return current;
    current = target.startsWith("/") ? target : `${parentOf(current)}/${target}`;
  }
  throw new PidboxError("IO", `Cannot follow ${quote(path)} in ${side.name}: too many symbolic links`, { context: { path } });
}

function refused(path: string, side: Side, why: string): PidboxError {
  return new PidboxError("IO", `Cannot copy to ${quote(path)} in ${side.name}: ${why}`, { context: { path } });
}

/** What `path` is there: undefined is nothing. Throws IO. */
function kindOf(side: Side, path: string): "directory" | "other" | undefined {
  const fd = side.open(path, O.PATH);
  if (fd === ENOENT) return undefined;
  if (fd < 0) throw refused(path, side, errnoName(fd));
  const status = stat("", { dirfd: fd });
  close(fd);
  return typeof status !== "number" && (status.mode & FILE_TYPE.MASK) === FILE_TYPE.DIRECTORY ? "directory" : "other";
}

/** The destination of a copy to `path`. Throws IO, NOT_FOUND. */
export function targetOf(side: Side, path: string, source: SourceKind): Target {
  const kind = kindOf(side, path);
  if (kind === "directory") return { place: side.place(path), name: source.contents && source.directory ? "" : source.name };
  const bare = path.replace(/\/+$/, "");
  if (kind === "other" && source.directory) throw refused(path, side, "it is no directory, and what is copied is one");
  if (bare !== path && (kind === "other" || !source.directory)) throw refused(path, side, "there is no such directory");
  const final = throughLinks(side, bare);
  const [directory, name] = [parentOf(final), nameOf(final)];
  if (name === "" || name === "." || name === "..") throw refused(path, side, "there is no such directory");
  if (kindOf(side, directory) !== "directory") throw refused(path, side, `there is no directory ${quote(directory)}`);
  return { place: side.place(directory), name };
}
