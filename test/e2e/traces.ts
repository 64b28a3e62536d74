/** Everything of containers that can be seen from inside of isolation.ts: processes, namespaces, mounts, state, cgroups. One line each. */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The directories below which pidbox makes the cgroups of containers, in every hierarchy. */
function cgroupParents(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");
  const own = readFileSync("/proc/self/cgroup", "utf8").split("\n").map((line) => line.split(":")[2] ?? "");
  // A cgroup of another test is not below this one's own; where all are in the root there is no telling apart, and no looking.
  return [...new Set(mounts.flatMap((mount) => own.filter((path) => path.includes("pidbox-test-")).map((path) => join(mount, path, "pidbox"))))];
}

function processes(): string[] {
  return list("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const kinds = list(`/proc/${pid}/ns`).map((kind) => `namespace ${readlinkSync(`/proc/${pid}/ns/${kind}`)}`);
      return [`process ${pid} ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`, ...kinds];
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (["ENOENT", "ESRCH"].includes(code)) return [`process ${pid} that is ending`];
      if (code === "EACCES") return [`process ${pid} of another user`];
      throw error;
    }
  });
}

/** What there is now; `root` is the directory of the state. */
export function traces(root: string): string[] {
  const state = ["containers", "names", "ids"].flatMap((folder) => list(`${root}/${folder}`).map((name) => `state ${folder}/${name}`));
  const cgroups = cgroupParents().flatMap((path) => list(path).filter((name) => statSync(join(path, name)).isDirectory()).map((name) => `cgroup ${join(path, name)}`));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => `mount ${line}`);
  return [...new Set([...processes(), ...state, ...cgroups, ...mounts])].sort();
}

/** What is there now and was not there before, once the ending processes have ended: three seconds at most. */
export async function vanished(before: readonly string[], root: string): Promise<string[]> {
  const deadline = performance.now() + 3000;
  for (;;) {
    const extra = traces(root).filter((trace) => !before.includes(trace));
    if (extra.length === 0 || performance.now() > deadline) return extra;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
