/** Paths as text. Pure. */

/** `path` as seen from `cwd`, which is absolute. Links and ".." stay. */
export function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}
