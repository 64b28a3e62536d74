import { namespaceCheck } from "../namespace-check.ts";

export const check = namespaceCheck({
  id: "G08",
  name: "cgroup-namespace",
  type: "cgroup",
  title: "The container is in the host's cgroup namespace",
  severity: "low",
  why: "Its /proc/self/cgroup tells names of the host's tree, and what is mounted writable reaches all of it (kubernetes#112937). It is Docker's default on hosts with cgroup v1.",
  references: ["T1613"],
  found: "it sees the host's cgroup paths",
  remedy: {
    text: "Give it a cgroup namespace of its own",
    docker: "docker run --cgroupns private",
    podman: "podman run --cgroupns private",
    compose: "cgroup: private",
  },
});
