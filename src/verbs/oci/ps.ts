/** `pidbox-oci ps`: the container's processes, as PIDs or as ps(1) of the host shows them. */
import { PidboxError } from "../../base/error.ts";
import { printable, quote } from "../../base/text.ts";
import { listCgroupProcesses } from "../../engine/cgroup-processes.ts";
import { readNamespaces } from "../../kernel/namespaces.ts";
import { listPids } from "../../kernel/process-list.ts";
import { containerId, loadContainer, observe } from "./container.ts";
import type { ObservedContainer } from "./container.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciContext, OciVerb } from "./verb.ts";

/** A container without cgroups (rootless, not delegated) is known by the PID namespace of its first process. */
function byNamespace({ init }: ObservedContainer): number[] {
  const own = init === undefined ? undefined : readNamespaces(init.pid).pid;
  const all = listPids();
  return own === undefined || typeof all === "number" ? [] : all.filter((pid) => readNamespaces(pid).pid === own);
}

function processesOf(container: ObservedContainer): number[] {
  const { cgroups } = container.state;
  return cgroups.length > 0 ? listCgroupProcesses(cgroups) : byNamespace(container);
}

function runPs(words: readonly string[], context: OciContext): string {
  const ps = Bun.which("ps", { PATH: context.environment["PATH"] ?? "/usr/bin:/bin" });
  if (ps === null) throw new PidboxError("NOT_FOUND", 'exec: "ps": executable file not found in $PATH');
  const { exitCode, stdout, stderr } = Bun.spawnSync([ps, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...context.environment } });
  if (exitCode === 0) return stdout.toString();
  throw new PidboxError("USAGE", `exit status ${exitCode}: ${printable(`${stdout.toString()}${stderr.toString()}`).slice(0, 2000)}`);
}

/** The title and the lines of `output` whose PID column has one of `pids`. Throws USAGE if there is no such column. Pure. */
export function filterPs(output: string, pids: readonly number[]): string {
  const [title = "", ...lines] = output.split("\n");
  const column = title.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new PidboxError("USAGE", "couldn't find PID field in ps output");
  const wanted = new Set(pids.map(String));
  const kept = lines.filter((line) => {
    if (line === "") return false;
    const word = line.trim().split(/\s+/)[column] ?? "";
    if (!/^\d+$/.test(word)) throw new PidboxError("PARSE", `unable to parse pid: ${quote(word, 40)}`);
    return wanted.has(word);
  });
  // The name of a process may hold anything: ps(1) shows it with ? for what cannot be printed, but tabs and C1 are left to us.
  return [title, ...kept].map((line) => `${printable(line)}\n`).join("");
}

export const ps: OciVerb = {
  name: "ps",
  summary: "ps displays the processes running inside a container",
  usage: "<container-id> [ps options]",
  description: "",
  options: [{ name: "format", short: "f", kind: "text", initial: "table", help: "select one of: table or json" }],
  operands: [CONTAINER_ID, { name: "ps options", help: "What ps(1) is asked for; -ef if nothing is said", repeat: true }],
  optionsFirst: true,
  run(args, context) {
    const pids = processesOf(observe(loadContainer(context, containerId(args))));
    const format = args.value("format");
    if (format === "json") return { exit: 0, text: `${JSON.stringify(pids)}\n` };
    if (format !== "table") throw new PidboxError("USAGE", "invalid format option");
    const words = args.operands.slice(1);
    return { exit: 0, text: filterPs(runPs(words.length === 0 ? ["-ef"] : words, context), pids) };
  },
};
