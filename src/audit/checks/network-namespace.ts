import { namespaceCheck } from "../namespace-check.ts";

export const check = namespaceCheck({
  id: "L16",
  name: "network-namespace",
  type: "net",
  title: "The container is in the host's network namespace",
  severity: "high",
  why: "It reaches services of the host that listen on loopback, sees all traffic counters and sockets, and abstract sockets of the host are a way out (CVE-2020-15257).",
  references: ["CIS Docker 5.10", "PSS baseline (hostNetwork)", "CVE-2020-15257"],
  found: "it has the host's interfaces, loopback and abstract sockets",
  remedy: {
    text: "Give it a network namespace of its own, and publish the ports that are needed",
    docker: "docker run -p 127.0.0.1:8080:80   # without --network host",
    podman: "podman run -p 127.0.0.1:8080:80   # without --network host",
    compose: "# remove: network_mode: host",
    kubernetes: "spec:\n  hostNetwork: false",
  },
});
