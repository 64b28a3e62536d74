/**
 * What a container was declared to be: the config.json that its runtime was given, found by the process that started it.
 *
 * containerd's shims (Docker, CRI) work in the directory of their first bundle, and those of a pod's other containers are beside it; conmon (Podman, CRI-O)
 * names the bundle in its arguments. Only what such a parent in the host's own PID namespace says is taken, and the file must be its user's. Nothing of
 * the container can write there: what it disagrees with was changed after the start, or by whoever rules the host.
 */
import { PidboxError } from "../base/error.ts";
import type { Container } from "../engine/discover.ts";
import { close, readLink, readText, stat } from "../kernel/file.ts";
import { openProcess, readDetail } from "../kernel/process-list.ts";
import { parseConfig } from "../spec/validate.ts";
import type { DeclaredFacts } from "./facts.ts";

const LIMIT = 1 << 20;
const SHIM = /^containerd-shim/;

/** The directory of a container's bundle, by the name, arguments and working directory of the process that started it. Pure. */
export function bundleOf(id: string, name: string, command: readonly string[], cwd: string): string | undefined {
  if (name === "conmon") {
    const at = command.findIndex((word) => word === "-b" || word === "--bundle");
    const bundle = at < 0 ? undefined : command[at + 1];
    return bundle?.startsWith("/") === true ? bundle : undefined;
  }
  if (!SHIM.test(name) || !/^[\w.-]+$/.test(id) || id.startsWith(".")) return undefined;
  const parent = cwd.slice(0, cwd.lastIndexOf("/"));
  return parent.startsWith("/") ? `${parent}/${id}` : undefined;
}

/** The declared config of a container; undefined where nothing names one, or -errno. A file that is no config is as good as unreadable: -EINVAL. */
export function readDeclared({ id, supervisor }: Container): DeclaredFacts | undefined {
  if (supervisor === null) return undefined;
  const detail = readDetail(supervisor.pid);
  const dirfd = detail?.status.pids.length === 1 ? openProcess(supervisor.pid) : -1;
  if (dirfd < 0 || detail === undefined) return undefined;
  const cwd = readLink("cwd", dirfd);
  close(dirfd);
  const bundle = bundleOf(id, detail.status.name, detail.command, typeof cwd === "number" ? "" : cwd);
  if (bundle === undefined) return undefined;
  const source = `${bundle}/config.json`;
  const owner = stat(source);
  if (typeof owner === "number") return { source, config: owner };
  if (owner.uid !== detail.status.uids.effective) return { source, config: -1 };
  const text = readText(source, LIMIT);
  if (typeof text === "number") return { source, config: text };
  try {
    return { source, config: parseConfig(text) };
  } catch (error) {
    if (!(error instanceof PidboxError)) throw error;
    return { source, config: -22 };
  }
}
