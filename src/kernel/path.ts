/** Canonical host paths. */
import { absolute } from "../base/path.ts";
import { O, close, open, readLink, stat } from "./file.ts";

export interface HostPath {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly directory: boolean;
}

/** The canonical form of `path` (relative ones from `cwd`) and what is there, or -errno: asked of the kernel, by an O_PATH descriptor. */
export function resolveHostPath(path: string, cwd: string): HostPath | number {
  const fd = open(absolute(path, cwd), O.PATH);
  if (fd < 0) return fd;
  const link = readLink(`/proc/self/fd/${fd}`);
  const status = stat(`/proc/self/fd/${fd}`);
  close(fd);
  if (typeof link === "number") return link;
  if (typeof status === "number") return status;
  return { path: link, directory: (status.mode & 0o170000) === 0o040000 };
}
