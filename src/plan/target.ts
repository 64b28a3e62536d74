/**
 * Finding, and where needed making, the place of a mount inside the container's root.
 *
 * Trusts: the root's descriptor. An attacker controls: every name and symbolic link below it. So names are resolved by openat2(2) with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS only, and what is missing is made one component at a time, each opened with O_NOFOLLOW
 * (CVE-2021-30465, CVE-2024-45310, CVE-2026-87766). Pure.
 */
import { ERRNO, OPEN } from "../kernel/abi/constants.ts";
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
  /** Made as an empty file when absent; otherwise a directory. */
  readonly file?: boolean;
  /** No symbolic link at all on the way, and it must be a directory: /proc, /sys, /dev (CVE-2019-16884, CVE-2026-41579). */
  readonly strict?: boolean;
  /** pidbox itself or the kernel has made it a moment ago: its absence is a failure. */
  readonly present?: boolean;
}

/** Ops that leave an O_PATH descriptor of `path` in the register returned, made if it is not there. */
export function ensureTarget(c: Compilation, path: string, options: TargetOptions = {}): number {
  const { writer: w } = c;
  const target = w.register();
  const parts = components(path);
  if (parts.length === 0) {
    w.call(SYSCALLS.openat2, c.root, w.text("."), c.how.directory, HOW_SIZE).into(target);
    return target;
  }
  const how = options.strict === true ? c.how.strict : options.file === true ? c.how.target : c.how.directory;
  if (options.present === true) {
    w.call(SYSCALLS.openat2, c.root, w.text(parts.join("/")), c.how.strict, HOW_SIZE).into(target);
    return target;
  }
  const done = w.label();
  for (let depth = parts.length; depth >= 0; depth--) {
    const prefix = depth === 0 ? "." : parts.slice(0, depth).join("/");
    w.call(
      SYSCALLS.openat2,
      c.root,
      w.text(prefix),
      depth === parts.length ? how : options.strict === true ? c.how.strict : c.how.directory,
      HOW_SIZE,
    ).into(target);
    const shorter = w.label();
    if (depth > 0) w.tolerate(ERRNO.ENOENT).jumpError(shorter, target);
    for (let at = depth; at < parts.length; at++) makeComponent(c, target, parts[at] ?? "", options.file === true && at === parts.length - 1);
    w.jump(done);
    w.place(shorter);
    if (depth === 0) break;
  }
  w.place(done);
  return target;
}

/** Makes `name` in the directory of register `at`, which then holds the new entry. */
function makeComponent(c: Compilation, at: number, name: string, file: boolean): void {
  const { writer: w } = c;
  const text = w.text(name);
  if (file) {
    w.call(SYSCALLS.openat, at, text, OPEN.CREAT | OPEN.EXCL | OPEN.CLOEXEC | OPEN.NOFOLLOW, 0o644).into(at);
  } else {
    w.call(SYSCALLS.mkdirat, at, text, 0o755).tolerate(ERRNO.EEXIST);
    w.call(SYSCALLS.openat2, at, text, c.how.child, HOW_SIZE).into(at);
  }
}
