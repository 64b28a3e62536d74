import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "N08",
  name: "packet-sockets",
  title: "Something in its network reads raw packets",
  severity: "medium",
  why: "A packet socket sees what its interfaces carry: right for a DHCP client or a monitor, and else somebody who listens.",
  references: ["T1040"],
  remedy: {
    text: "Find the program by the inode, and take CAP_NET_RAW away from what needs it not",
    docker: "docker run --cap-drop NET_RAW",
    podman: "podman run --cap-drop NET_RAW",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [NET_RAW]",
  },
  evaluate({ container, network, tasks }) {
    const source = `/proc/${container.initPid ?? 0}/net/packet`;
    const sockets = network?.packetSockets ?? -3;
    if (sockets === -2) return pass("this kernel has no packet sockets, or none yet", evidenceOf(source, sockets));
    if (typeof sockets === "number") return unknown("they could not be read", evidenceOf(source, sockets));
    // In the host's network namespace most are the host's: only those that a process of the container holds are its own.
    const own = new Set(tasks.flatMap(({ descriptors }) => (typeof descriptors === "number" ? [] : descriptors.map(({ link }) => link))));
    const held = sockets.filter((line) => own.has(`socket:[${line.trim().split(/\s+/).at(-1) ?? ""}]`));
    const counted = container.sharedWithHost.includes("net") ? held : sockets;
    return counted.length === 0 ? pass("none", saw(source, "")) : finding(`${counted.length} packet sockets`, saw(source, counted[0] ?? ""));
  },
};
