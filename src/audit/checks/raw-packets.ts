import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";

const NET_RAW = 1n << 13n;

export const check: ContainerCheck = {
  scope: "container",
  id: "N01",
  name: "raw-packets",
  title: "It may forge packets on a network that others are on",
  severity: "medium",
  why: "With CAP_NET_RAW a container answers ARP and DNS for its neighbours on a bridge and so reads or changes what they send.",
  references: ["PSS restricted (capabilities)", "T1557"],
  remedy: {
    text: "Take CAP_NET_RAW away; ping works without it",
    docker: "docker run --cap-drop NET_RAW --sysctl net.ipv4.ping_group_range='0 2147483647'",
    podman: "podman run --cap-drop NET_RAW",
    compose: "cap_drop: [NET_RAW]",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [NET_RAW]",
  },
  evaluate({ container, network, tasks }) {
    const source = `/proc/${container.initPid ?? 0}/net/dev`;
    const interfaces = network?.interfaces ?? -3;
    if (typeof interfaces === "number") return unknown("its interfaces could not be read", evidenceOf(source, interfaces));
    const links = interfaces.filter((name) => name !== "lo" && !/^(sit|tunl|gre|gretap|erspan|ip6tnl|ip_vti|ip6_vti|ip6gre)[0-9]*$/.test(name));
    if (links.length === 0) return inapplicable("it has loopback alone", saw(source, interfaces.join(" ")));
    const task = tasks.find(({ status }) => (status.capabilities.effective & NET_RAW) !== 0n);
    // The network namespace is the container's own in a user namespace of its own too: there the capability counts.
    const seen = saw(source, links.join(" "));
    if (task === undefined) return pass("it has no CAP_NET_RAW", seen);
    return finding(`on ${links.slice(0, 4).join(", ")}`, seen, saw(`/proc/${task.pid}/status`, `CapEff: ${task.status.capabilities.effective.toString(16)}`));
  },
};
