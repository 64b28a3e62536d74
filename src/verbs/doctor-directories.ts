/** The directories that pidbox uses, and whether this caller can use them. */
import { ACCESS, access } from "../kernel/feature-probe.ts";
import { resultText, shellWord } from "../kernel/feature-facts.ts";
import type { FeatureAnswer } from "../kernel/feature-facts.ts";
import { stat } from "../kernel/file.ts";
import type { FileStatus } from "../kernel/file.ts";

export interface DirectoryReport {
  readonly use: "state" | "data" | "config";
  /** Null where the environment names no place for it. */
  readonly path: string | null;
  readonly exists: boolean;
  /** Whether it can be written to, or be made where it does not exist. */
  readonly usable: FeatureAnswer;
  readonly reason?: string;
  readonly remedy?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An XDG variable, ignored unless absolute as the specification demands, else the fallback below HOME. */
function userDirectory(environment: Environment, name: string, fallback: string): string | undefined {
  const value = environment[name];
  if (value?.startsWith("/") === true) return value;
  const home = environment["HOME"];
  return home?.startsWith("/") === true ? `${home}/${fallback}` : undefined;
}

/** $XDG_CONFIG_HOME or ~/.config; undefined where there is neither. */
export function configHome(environment: Environment): string | undefined {
  return userDirectory(environment, "XDG_CONFIG_HOME", ".config");
}

/** Where state (lost at reboot), data and configuration live: system directories for root, XDG base directories for others. Pure. */
export function directoryPaths(effectiveUid: number, environment: Environment): Readonly<Record<DirectoryReport["use"], string | undefined>> {
  if (effectiveUid === 0) return { state: "/run/pidbox", data: "/var/lib/pidbox", config: "/etc/pidbox" };
  const runtime = environment["XDG_RUNTIME_DIR"];
  const data = userDirectory(environment, "XDG_DATA_HOME", ".local/share");
  const config = configHome(environment);
  const below = (parent: string | undefined): string | undefined => (parent === undefined ? undefined : `${parent}/pidbox`);
  return { state: below(runtime?.startsWith("/") === true ? runtime : undefined), data: below(data), config: below(config) };
}

function nearestExisting(path: string): string {
  let at = path;
  while (at.length > 1 && typeof stat(at) === "number") at = at.slice(0, Math.max(1, at.lastIndexOf("/")));
  return at;
}

type Usability = Pick<DirectoryReport, "usable" | "reason" | "remedy">;

/** Whether the caller can use what is at `path`: a directory of its own that nobody else may write to. */
export function judgeExisting(path: string, effectiveUid: number, status: Pick<FileStatus, "mode" | "uid">): Usability {
  const { mode, uid } = status;
  const word = shellWord(path);
  if ((mode & 0o170000) !== 0o040000) return { usable: "no", reason: "it is not a directory", remedy: `Move ${word} away` };
  if (uid !== effectiveUid) return { usable: "no", reason: `it belongs to uid ${uid}, not to this user`, remedy: `sudo chown ${effectiveUid} ${word}` };
  if ((mode & 0o022) !== 0) return { usable: "no", reason: "group or others may write to it", remedy: `chmod go-w ${word}` };
  const result = access(path, ACCESS.WRITE | ACCESS.EXECUTE);
  return result === 0 ? { usable: "yes" } : { usable: "no", reason: `writing is refused: ${resultText(result)}` };
}

function readDirectory(use: DirectoryReport["use"], path: string | undefined, effectiveUid: number): DirectoryReport {
  if (path === undefined) {
    const remedy = use === "state" ? `Log in through systemd-logind, or: export XDG_RUNTIME_DIR=/run/user/${effectiveUid} (sudo loginctl enable-linger makes it)` : "export HOME";
    return { use, path: null, exists: false, usable: "no", reason: use === "state" ? "XDG_RUNTIME_DIR is not set to an absolute path" : "HOME is not set", remedy };
  }
  const status = stat(path);
  if (typeof status !== "number") return { use, path, exists: true, ...judgeExisting(path, effectiveUid, status) };
  if (status !== -2) return { use, path, exists: false, usable: "unknown", reason: `looking at it gave ${resultText(status)}` };
  const parent = nearestExisting(path);
  const result = access(parent, ACCESS.WRITE | ACCESS.EXECUTE);
  if (result === 0) return { use, path, exists: false, usable: "yes", reason: "made when it is needed" };
  return { use, path, exists: false, usable: "no", reason: `cannot be made below ${parent}: ${resultText(result)}`, remedy: `sudo install -d -o ${effectiveUid} -m 0700 ${shellWord(path)}` };
}

/** Looks at all three; makes none. */
export function readDirectories(effectiveUid: number, environment: Environment): DirectoryReport[] {
  const paths = directoryPaths(effectiveUid, environment);
  return (["state", "data", "config"] as const).map((use) => readDirectory(use, paths[use], effectiveUid));
}
