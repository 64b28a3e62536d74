import type { Answer } from "../../report/finding.ts";
import { cannotJudge } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import type { EngineSocket } from "../facts-sockets.ts";
import type { SocketInside } from "../facts-binds.ts";
import { engineOfPath } from "../facts-sockets.ts";
import { sameDevice } from "../mount-tree.ts";
import { hasHostUsers } from "../obstacles.ts";

function ownerText({ engine, path, pid }: EngineSocket): string {
  return `${engine}${pid === null ? "" : ` (PID ${pid})`}, ${path} on the host`;
}

/** Whose socket it is: by device and inode, else by its name. An engine inside of the container itself is its own affair. */
function ownerOf({ path, object }: SocketInside, container: ContainerFacts, { host }: AuditFacts): string | undefined {
  const sockets = typeof host.engineSockets === "number" ? [] : host.engineSockets;
  const known = sockets.find(({ device, inode }) => inode === object.inode && sameDevice(device, object.device));
  if (known !== undefined) return known.pid !== null && container.container.processes.includes(known.pid) ? undefined : ownerText(known);
  const engine = engineOfPath(path);
  return engine === undefined ? undefined : `${engine} by its name`;
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P04",
  name: "engine-socket",
  title: "The socket of an engine is in the container",
  severity: "critical",
  why:
    "Whoever can write to an engine's socket can start a privileged container with the host's root mounted, which is root on the host; a read-only mount of a socket does not stop that. " +
    "Sockets are compared by inode with those on which an engine answers, so another name does not hide one.",
  references: ["CIS Docker 5.32", "PSS baseline (hostPath)", "T1610", "T1611"],
  remedy: {
    text: "Take the mount away; give what is needed through a proxy that lets only harmless requests pass, or a rootless engine of its own",
    docker: "docker run   # without -v /var/run/docker.sock:...",
    podman: "podman run   # without -v /run/podman/podman.sock:...",
    compose: "# remove from volumes:\n- /var/run/docker.sock:/var/run/docker.sock",
    kubernetes: "# remove the hostPath volume of the engine's socket",
  },
  evaluate(container, facts) {
    const { host } = facts;
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const users = container.tasks.some((task) => hasHostUsers(task, container, facts));
    const found = container.binds.sockets.flatMap((socket): Answer[] => {
      const owner = ownerOf(socket, container, facts);
      if (owner === undefined) return [];
      const { path, object: { device, inode } } = socket;
      const answer = finding(`${path} is the socket of ${owner}`, saw(path, `socket, inode ${inode} on ${device.major}:${device.minor}`));
      return [users ? answer : { ...answer, severity: "high" }];
    });
    if (found.length > 0) return found;
    if (typeof host.engineSockets === "number") return unknown("the host's sockets could not be read", evidenceOf("sock_diag(7)", host.engineSockets));
    if (!container.binds.complete) return unknown("it has more mounts of the host than are looked at");
    return pass("none", saw("engines' sockets on this host", host.engineSockets.length), saw("sockets at its mounts", container.binds.sockets.length));
  },
};
