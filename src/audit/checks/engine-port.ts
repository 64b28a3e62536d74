import type { Answer } from "../../report/finding.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";
import { dockerHas, dockerHosts } from "../../engine/installed-config.ts";
import type { ListenerFacts } from "../facts.ts";

const DAEMON = "/etc/docker/daemon.json";
const ENOENT = -2;
/** Those that do what they are told by whoever connects. */
const ANSWERS = new Set(["dockerd", "podman", "buildkitd"]);
/** Docker's ports by IANA; others are the API's where the configuration says so (swarm, metrics and proxies have theirs). */
const API_PORTS = new Set([2375, 2376]);

const isLocal = (address: string): boolean => address.startsWith("127.") || address === "::1" || address.startsWith("0:0:0:0:0:ffff:7f");

/** Ports of `-H tcp://...`, `--host=tcp://...` and `--addr tcp://...`. */
function portsOf(words: readonly string[]): number[] {
  return words.flatMap((word) => {
    const port = /tcp:\/\/[^ ]*?:([0-9]{1,5})(\/|$)/.exec(word)?.[1];
    return port === undefined ? [] : [Number(port)];
  });
}

export const check: HostCheck = {
  scope: "host",
  id: "U04",
  name: "engine-port",
  title: "An engine takes orders over TCP without asking who gives them",
  severity: "critical",
  why: "Whoever reaches the port starts a privileged container and is root of the host. Bots look for port 2375 all over the internet, and containers reach the host's addresses too.",
  references: ["CIS Docker 2.7", "T1610"],
  remedy: {
    text: "Take the address out and use ssh, or demand client certificates",
    docker: "docker context create NAME --docker host=ssh://USER@HOST",
    host: "# in daemon.json:\n\"tlsverify\": true, \"tlscacert\": FILE, \"tlscert\": FILE, \"tlskey\": FILE",
  },
  reads: { files: [DAEMON] },
  evaluate({ host: { engines, files } }) {
    if (typeof engines.listeners === "number") return unknown("which sockets the engines listen on could not be read", evidenceOf("/proc/PID/fd", engines.listeners));
    const running = engines.programs.filter(({ name, pids }) => pids.length > 0 && ANSWERS.has(name));
    if (running.length === 0) return inapplicable("no engine runs that takes orders");
    const config = files.get(DAEMON);
    if (typeof config === "number" && config !== ENOENT) return unknown("daemon.json could not be read", evidenceOf(DAEMON, config));
    const source = typeof config === "string" ? config : "";
    const isApi = ({ program, port, command }: ListenerFacts): boolean =>
      ANSWERS.has(program) && (program !== "dockerd" || API_PORTS.has(port) || [...portsOf(command), ...portsOf(dockerHosts(source))].includes(port));
    const api = engines.listeners.filter(isApi);
    const answers = api.map(({ program, address, port, command, pid }): Answer => {
      const verified = command.some((word) => /^--tlsverify(=true)?$|^--tlscacert/.test(word)) || (program === "dockerd" && dockerHas(source, "tlsverify"));
      const evidence = saw(`/proc/${pid}/net/tcp`, `${address}:${port}`);
      if (verified) return pass(`${program} on ${address}:${port} demands client certificates`, evidence);
      return { ...finding(`${program} on ${address}:${port}`, evidence), severity: isLocal(address) ? "high" : "critical" };
    });
    return answers.length > 0 ? answers : pass("none listens on TCP", ...running.map(({ path, pids }) => saw(`/proc/${pids[0] ?? 0}/exe`, path)));
  },
};
