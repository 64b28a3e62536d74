import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "N03",
  name: "exposed-ports",
  title: "It listens on every address of the host",
  severity: "medium",
  why: "With the host's network what it listens on is on the host: on 0.0.0.0 or :: whoever reaches the machine reaches it, and no published port says so.",
  references: ["CIS Docker 5.14", "PSS baseline (hostPorts)"],
  remedy: {
    text: "Give it a network namespace, and publish the port on one address",
    docker: "docker run -p 127.0.0.1:8080:80",
    podman: "podman run -p 127.0.0.1:8080:80",
    compose: "ports:\n  - 127.0.0.1:8080:80",
    kubernetes: "spec:\n  hostNetwork: false   # and a Service",
  },
  evaluate({ container, network, tasks }) {
    const source = `/proc/${container.initPid ?? 0}/net/tcp`;
    if (!container.sharedWithHost.includes("net")) return inapplicable("its network namespace is not the host's", saw(source, ""));
    const listeners = network?.listeners ?? -3;
    if (typeof listeners === "number") return unknown("the sockets could not be read", evidenceOf(source, listeners));
    const dark = tasks.find(({ descriptors }) => typeof descriptors === "number");
    const own = new Set(tasks.flatMap(({ descriptors }) => (typeof descriptors === "number" ? [] : descriptors.map(({ link }) => link))));
    const open = listeners.filter(({ address, inode }) => (address === "0.0.0.0" || address === "::") && own.has(`socket:[${inode}]`));
    const [first] = open;
    if (first !== undefined) return finding([...new Set(open.map(({ protocol, port }) => `${port}/${protocol}`))].slice(0, 6).join(", "), saw(source, `${first.address}:${first.port}, socket:[${first.inode}]`));
    return dark === undefined ? pass("none of its sockets does", saw(source, `${listeners.length} sockets listen`)) : unknown("its descriptors could not be read", saw(`/proc/${dark.pid}/fd`, ""));
  },
};
