/** The root filesystem of all contestants: one static busybox and the directories that mounts need. */
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const DIRECTORIES = ["bin", "dev", "proc", "sys", "etc", "tmp", "run"];
const APPLETS = ["true", "sh", "sleep", "sort"];

/** Makes the root filesystem below `parent` and returns its path. Users of an id map reach it: the parent becomes searchable. */
export function makeRootfs(parent: string): string {
  const root = join(parent, "rootfs");
  mkdirSync(root);
  for (const path of [parent, root]) chmodSync(path, 0o755);
  for (const directory of DIRECTORIES) mkdirSync(join(root, directory));
  const busybox = Bun.which("busybox");
  if (busybox === null) throw new Error("Missing: busybox (Debian: busybox-static)");
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  return root;
}
