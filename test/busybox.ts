/** Root filesystems of busybox. */
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Makes `root` with the folders that are named, and /bin with busybox and a link for each of its applets. */
export function makeBusyboxRoot(root: string, folders: readonly string[]): void {
  for (const folder of ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", ...folders]) mkdirSync(join(root, folder), { recursive: true });
  const busybox = Bun.which("busybox") ?? "/bin/busybox";
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const applet of Bun.spawnSync([busybox, "--list"]).stdout.toString().trim().split("\n")) {
    if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  }
}
