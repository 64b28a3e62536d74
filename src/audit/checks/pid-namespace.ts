import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "L01",
  name: "pid-namespace",
  title: "The container is in the host's PID namespace",
  severity: "critical",
  why:
    "Its processes see every process of the host with its arguments and environment, may signal those of the same user, and with ptrace rights take them over. " +
    "The PID namespace is the first part of the wall; without it the others protect less.",
  references: ["CIS Docker 5.16", "PSS baseline (hostPID)", "T1057"],
  remedy: {
    text: "Start it in a PID namespace of its own; to look at another container's processes, join that container's and not the host's",
    docker: "docker run   # without --pid=host; --pid=container:NAME joins another container",
    podman: "podman run   # without --pid=host",
    compose: "# remove from the service:\npid: host",
    kubernetes: "spec:\n  hostPID: false",
  },
  evaluate({ container, first }) {
    const inode = first?.namespaces.pid;
    const evidence = saw(`/proc/${container.initPid ?? 0}/ns/pid`, inode === undefined ? "" : `pid:[${inode}]`);
    if (container.sharedWithHost.includes("pid")) return finding("it sees the host's processes", evidence);
    return pass(`a PID namespace of its own, ${container.depth - 1} below the host's`, evidence, saw(`/proc/${container.initPid ?? 0}/status NSpid`, first?.status.pids.join(" ") ?? ""));
  },
};
