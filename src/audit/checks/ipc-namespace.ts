import { namespaceCheck } from "../namespace-check.ts";

export const check = namespaceCheck({
  id: "L14",
  name: "ipc-namespace",
  type: "ipc",
  title: "The container is in the host's IPC namespace",
  severity: "high",
  why: "It reads and writes shared memory, semaphores and message queues of the host's programs: databases and desktops keep data there.",
  references: ["CIS Docker 5.17", "PSS baseline (hostIPC)"],
  found: "it sees the host's shared memory and queues",
  remedy: {
    text: "Give it an IPC namespace of its own, or one shared with the container that it talks to",
    docker: "docker run --ipc private   # or container:NAME",
    podman: "podman run --ipc private",
    compose: "# remove: ipc: host",
    kubernetes: "spec:\n  hostIPC: false",
  },
});
