/** `cp`: files between the host and a container. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { Extraction } from "../engine/copy-extract.ts";
import type { ExtractOptions } from "../engine/copy-extract.ts";
import type { Sink } from "../engine/copy-entry.ts";
import { TarSink, untar } from "../engine/copy-tar.ts";
import { containerSide, hostSide, targetOf } from "../engine/copy-target.ts";
import type { Side, SourceKind } from "../engine/copy-target.ts";
import { TreeWalk } from "../engine/copy-walk.ts";
import type { IdView } from "../engine/copy-walk.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, O, stat } from "../kernel/file.ts";
import { actAs } from "../kernel/thread-identity.ts";
import type { UserMapping } from "../plan/host-facts.ts";
import { hostId } from "../spec/id-mapping.ts";
import { viewOf } from "./container-held.ts";
import type { View } from "./container-held.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Arguments, Context, Verb } from "./verb.ts";

const NOBODY = 65_534;
const encoder = new TextEncoder();

/** Docker's way to tell a container's path: a colon, in what is no path of the host by its looks. */
function containerPath(operand: string): { readonly container: string; readonly path: string } | undefined {
  const colon = operand.indexOf(":");
  if (colon < 1 || operand.startsWith("/") || operand.startsWith(".")) return undefined;
  return { container: operand.slice(0, colon), path: operand.slice(colon + 1) };
}

/** An id of the host as the container has it. */
function insideView(mapping: UserMapping | undefined): IdView {
  return (kind, id) => {
    if (mapping === undefined) return id;
    const found = mapping[kind].find(({ hostID, size }) => id >= hostID && id < hostID + size);
    return found === undefined ? NOBODY : found.containerID + id - found.hostID;
  };
}

/** Throws IO for an id that the container does not have. */
function outsideView(mapping: UserMapping | undefined): IdView {
  return (kind, id) => {
    const found = hostId(mapping?.[kind], id);
    if (found !== undefined) return found;
    throw new PidboxError("IO", `Cannot give a file to ${kind} ${id}: the container has no such user`, { hint: "Without --archive, files belong to its root" });
  };
}

/** The kind of a source, and a descriptor of it. */
function openSource(side: Side, path: string, follow: boolean): { readonly fd: number; readonly kind: SourceKind } {
  const bare = path.replace(/\/+$/, "");
  const contents = bare === "" || /(^|\/)\.{1,2}$/.test(bare);
  const fd = side.open(path, O.PATH | (follow || contents || bare !== path ? 0 : O.NOFOLLOW));
  const status = fd < 0 ? fd : stat("", { dirfd: fd });
  if (typeof status === "number") {
    throw new PidboxError(status === -2 ? "NOT_FOUND" : "IO", `Cannot copy ${quote(path)} from ${side.name}: ${errnoName(status)}`, { context: { path, errno: errnoName(status) } });
  }
  const directory = (status.mode & FILE_TYPE.MASK) === FILE_TYPE.DIRECTORY;
  if (bare !== path && !directory) throw new PidboxError("IO", `Cannot copy ${quote(path)} from ${side.name}: it is no directory`, { context: { path } });
  return { fd, kind: { directory, contents, name: contents ? "" : bare.slice(bare.lastIndexOf("/") + 1) } };
}

/** One copy. */
interface Copy {
  readonly view: View;
  readonly side: Side;
  readonly args: Arguments;
  readonly context: Context;
}

function outward({ view, side, args, context }: Copy, source: string, destination: string): void {
  const { fd, kind } = openSource(side, source, args.flag("follow-link"));
  const archive = args.flag("archive");
  let sink: Sink;
  let name = kind.name;
  if (destination === "-") {
    if (context.terminal.stdout) throw new PidboxError("USAGE", "An archive is nothing for a terminal", { hint: "pidbox cp CONTAINER:PATH - > FILE" });
    sink = new TarSink((bytes) => {
      const result = context.write(1, bytes);
      if (result < 0) throw new PidboxError("IO", `Cannot write the archive: ${errnoName(result)}`);
    });
  } else {
    const target = targetOf(hostSide, destination, kind);
    name = target.name;
    // What is a program of another user's inside must not become one of this user's.
    const owner: ExtractOptions["owner"] = ({ uid, gid }) => (archive ? { uid, gid } : undefined);
    sink = new Extraction(target.place, { owner, modes: 0o1777, note: (line) => context.note(line) });
  }
  new TreeWalk(source, sink, insideView(view.mapping)).walk(fd, encoder.encode(name));
  sink.end();
  close(fd);
}

/** Files that are made in the container belong to its root, as far as this process can do that. */
function becomeOwner(mapping: UserMapping | undefined): void {
  if (mapping === undefined || syscall(SYSCALLS.geteuid) !== 0) return;
  const outside = outsideView(mapping);
  const result = actAs(outside("uid", 0), outside("gid", 0));
  if (result < 0) throw new PidboxError("PERMISSION", `Cannot make files as the container's root: ${errnoName(result)}`);
}

function inward({ view, side, args, context }: Copy, source: string, destination: string): void {
  const archive = source === "-";
  const opened = archive ? undefined : openSource(hostSide, source, args.flag("follow-link"));
  const kind = opened?.kind ?? { directory: true, contents: true, name: "" };
  const target = targetOf(side, destination, kind);
  if (archive && target.name !== "") throw new PidboxError("NOT_FOUND", `Cannot unpack into ${quote(destination)} in ${side.name}: there is no such directory`);
  const outside = outsideView(view.mapping);
  const keeps = archive || args.flag("archive");
  const sink = new Extraction(target.place, {
    owner: ({ uid, gid }) => (keeps ? { uid: outside("uid", uid), gid: outside("gid", gid) } : undefined), modes: 0o7777, note: (line) => context.note(line),
  });
  becomeOwner(view.mapping);
  if (opened === undefined) {
    untar(0, sink);
    return;
  }
  new TreeWalk(source, sink, (_kind, id) => id).walk(opened.fd, encoder.encode(target.name));
  sink.end();
  close(opened.fd);
}

export const cp: Verb = {
  name: "cp",
  summary: "Copy files between the host and a container",
  description:
    "Whether it runs or not: what is mounted in it is there either way. One of both is CONTAINER:PATH, from the container's /; a path of the host with a colon in it begins with / or ./. "
    + "A directory goes into one that is there, and else becomes the destination; DIRECTORY/. is what is in it. - is a tar archive on standard output or input.\n\n"
    + "Paths are resolved within the container's root and nothing of it is executed. Files belong to who copies them out and to the container's root, unless -a keeps their users' numbers. "
    + "On the way out set-user-ID bits are dropped, and devices are left out; an archive has them.",
  options: [
    { name: "archive", short: "a", help: "Keep the numbers of users and groups" },
    { name: "follow-link", short: "L", help: "If the source is a symbolic link, copy what it leads to" },
    { name: "quiet", short: "q", help: "Taken for docker's sake: nothing is said anyway" },
  ],
  operands: [{ name: "SOURCE", help: "CONTAINER:PATH, a path of the host, or -", required: true }, { name: "DESTINATION", help: "The other of both", required: true }],
  examples: [
    { command: "pidbox cp web:/etc/nginx ./nginx", text: "A directory out" },
    { command: "tar c site | pidbox cp - web:/srv", text: "An archive in" },
  ],
  async run(args, context) {
    const [source = "", destination = "", more] = args.operands;
    const [from, to] = [containerPath(source), containerPath(destination)];
    const inside = from ?? to;
    if (inside === undefined || (from !== undefined && to !== undefined) || more !== undefined || destination === "") {
      throw new PidboxError("USAGE", "One of source and destination is a container's path, and not both", { hint: "pidbox cp CONTAINER:PATH DESTINATION, or pidbox cp SOURCE CONTAINER:PATH" });
    }
    const root = stateRootOf(context);
    const found = containerOf(root, inside.container);
    if (inside.path === "") throw new PidboxError("USAGE", "The container's path is empty", { hint: `${inside.container}:/` });
    await using view = await viewOf(found, { root, executable: context.executable });
    const copy: Copy = { view, side: containerSide(view.root, `the container ${quote(found.name, 60)}`), args, context };
    if (from !== undefined) outward(copy, from.path, destination);
    else inward(copy, source, inside.path);
    return { exit: 0 };
  },
};
