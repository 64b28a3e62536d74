import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G08",
  name: "cgroup-namespace",
  title: "The container is in the host's cgroup namespace",
  severity: "low",
  why: "Its /proc/self/cgroup tells names of the host's tree, and what is mounted writable reaches all of it (kubernetes#112937). It is Docker's default on hosts with cgroup v1.",
  references: ["T1613"],
  remedy: {
    text: "Give it a cgroup namespace of its own",
    docker: "docker run --cgroupns private",
    podman: "podman run --cgroupns private",
    compose: "cgroup: private",
  },
  evaluate({ container, first }) {
    const source = `/proc/${container.initPid ?? 0}/ns/cgroup`;
    const evidence = saw(source, first?.namespaces.cgroup ?? "");
    if (container.sharedWithHost.includes("cgroup")) return finding("it sees the host's cgroup paths", evidence);
    return container.unknown.includes("cgroup") ? unknown("the kernel does not tell which one it is in", evidence) : pass("a cgroup namespace of its own", evidence);
  },
};
