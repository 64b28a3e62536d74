/** Everything of containers that can be seen from inside of isolation.ts: processes, namespaces, mounts, state, cgroups. One line each. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { emptied } from "../until.ts";

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Paths of everything below a directory, which may be in change. */
function below(path: string, isDirectory: (path: string) => boolean): string[] {
  return list(path).map((name) => join(path, name)).flatMap((one) => [one, ...(isDirectory(one) ? below(one, isDirectory) : [])]);
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The cgroups below this test's own, in every hierarchy. */
function cgroups(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");
  const own = readFileSync("/proc/self/cgroup", "utf8").split("\n").map((line) => line.split(":")[2] ?? "");
  // A cgroup of another test is not below this one's own; where all are in the root there is no telling apart, and no looking.
  const parents = [...new Set(mounts.flatMap((mount) => own.filter((path) => path.includes("pidbox-test-")).map((path) => join(mount, path))))];
  return parents.flatMap((path) => below(path, isDirectory)).filter(isDirectory);
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

/** Where state is: directories below `root`. */
export interface Place {
  readonly root: string;
  readonly folders: readonly string[];
}

/** The state of `do` and `run` at `root`. */
export function daily(root: string): Place {
  return { root, folders: ["containers", "names", "ids"] };
}

/** What there is now. */
export function traces({ root, folders }: Place): string[] {
  const state = folders.flatMap((folder) => below(join(root, folder), isDirectory).map((path) => `state ${path}`));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => `mount ${line}`);
  return [...new Set([...processes(), ...state, ...cgroups().map((path) => `cgroup ${path}`), ...mounts])].sort();
}

/** What is there now and was not there before, once the ending processes have ended. */
export function vanished(before: readonly string[], place: Place): Promise<string[]> {
  return emptied(() => traces(place).filter((trace) => !before.includes(trace)));
}
