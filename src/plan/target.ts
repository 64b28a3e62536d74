/**
 * Finding, and where needed making, the place of a mount inside the container's root.
 *
 * Trusts: the root's descriptor. An attacker controls: every name and symbolic link below it. So names are resolved by openat2(2) with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS only, and what is missing is made one component at a time, each opened with O_NOFOLLOW
 * (CVE-2021-30465, CVE-2024-45310, CVE-2026-87766). Pure.
 */
import { AT, ERRNO, FILE_TYPE, STATX } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { HOW_SIZE } from "./names.ts";
import type { Compilation } from "./names.ts";

/** `path` from "/" without empty, `.` and `..` components. */
export function components(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

export interface TargetOptions {
  /** Made as an empty file when absent; otherwise a directory. A register decides while the plan runs: a file if it holds an error. */
  readonly file?: boolean | number;
  /** No symbolic link at all on the way, and it must be a directory: /proc, /sys, /dev (CVE-2019-16884, CVE-2026-41579). */
  readonly strict?: boolean;
  /** pidbox itself or the kernel has made it a moment ago: its absence is a failure. */
  readonly present?: boolean;
  /** Register that gets the mode of a target that was there, and 01777 for one that had to be made. */
  readonly mode?: number;
}

/** Ops that leave an O_PATH descriptor of `path` in the register returned, made if it is not there. */
export function ensureTarget(c: Compilation, path: string, options: TargetOptions = {}): number {
  const { writer: w } = c;
  const target = w.register();
  const parts = components(path);
  const above = options.strict === true ? c.how.strict : c.how.directory;
  if (parts.length === 0 || options.present === true) {
    w.call(SYSCALLS.openat2, c.root, w.text(parts.length === 0 ? "." : parts.join("/")), parts.length === 0 ? above : c.how.strict, HOW_SIZE).into(target);
    if (options.mode !== undefined) readMode(c, target, options.mode);
    return target;
  }
  const [done, absent] = [w.label(), w.label()];
  const file = options.file !== undefined && options.file !== false;
  w.call(SYSCALLS.openat2, c.root, w.text(parts.join("/")), file && options.strict !== true ? c.how.target : above, HOW_SIZE).into(target);
  w.tolerate(ERRNO.ENOENT).jumpError(absent, target);
  if (options.mode !== undefined) readMode(c, target, options.mode);
  w.jump(done).place(absent);
  // The longest part of the path that is there, then one component after the other below it.
  const makes = parts.map(() => w.label());
  for (let depth = parts.length - 1; depth > 0; depth--) {
    const shorter = w.label();
    w.call(SYSCALLS.openat2, c.root, w.text(parts.slice(0, depth).join("/")), above, HOW_SIZE).into(target).tolerate(ERRNO.ENOENT).jumpError(shorter, target);
    w.jump(makes[depth] ?? done).place(shorter);
  }
  parts.forEach((name, at) => {
    w.place(makes[at] ?? done);
    makeComponent(c, { at: at === 0 ? c.root : target, name, into: target, file: at === parts.length - 1 ? (options.file ?? false) : false });
  });
  if (options.mode !== undefined) w.load(options.mode, w.words(0o1777, 0), 4);
  w.place(done);
  return target;
}

interface Component {
  readonly at: number;
  readonly name: string;
  readonly into: number;
  readonly file: boolean | number;
}

/** Makes `name` in the directory of register `at`; `into` then holds the new entry. */
function makeComponent(c: Compilation, { at, name, into, file }: Component): void {
  const { writer: w } = c;
  const text = w.text(name);
  const [asFile, made] = [w.label(), w.label()];
  if (typeof file === "number") w.jumpError(asFile, file);
  if (file !== true) {
    w.call(SYSCALLS.mkdirat, at, text, 0o755).tolerate(ERRNO.EEXIST);
    w.call(SYSCALLS.openat2, at, text, c.how.child, HOW_SIZE).into(into);
  }
  if (typeof file === "number") w.jump(made).place(asFile);
  if (file !== false) {
    // Whatever another process may have put there meanwhile: it is not a link, and opening it for its path alone waits for nobody.
    w.call(SYSCALLS.mknodat, at, text, FILE_TYPE.REGULAR | 0o644).tolerate(ERRNO.EEXIST);
    w.call(SYSCALLS.openat2, at, text, c.how.entry, HOW_SIZE).into(into);
  }
  w.place(made);
}

function readMode(c: Compilation, target: number, mode: number): void {
  const { writer: w } = c;
  const status = w.room(STATX.size);
  w.call(SYSCALLS.statx, target, c.empty, AT.EMPTY_PATH, STATX.TYPE | STATX.MODE, status).load(mode, status + STATX.modeAt, 2);
}
