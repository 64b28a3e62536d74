import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "N07",
  name: "egress",
  title: "It has a way to every network that the host reaches",
  severity: "low",
  why: "What is stolen has to get out, and what is wanted next has to get in. Most services need a few addresses; engines give all by default, and what a firewall further on drops is not seen here.",
  references: ["T1041"],
  remedy: {
    text: "Give it no network, or one that leads only where it must",
    docker: "docker run --network none   # or a network made with --internal",
    podman: "podman run --network none",
    compose: "networks:\n  inner:\n    internal: true",
    kubernetes: "# a NetworkPolicy with policyTypes: [Egress]",
  },
  evaluate({ container, network }) {
    const source = `/proc/${container.initPid ?? 0}/net/route`;
    const routes = network?.routes ?? -3;
    if (typeof routes === "number") return unknown("its routes could not be read", evidenceOf(source, routes));
    const [first] = routes;
    return first === undefined ? pass("no default route", saw(source, "")) : finding(`a default route by ${first.interface}`, saw(source, `default via ${first.gateway} dev ${first.interface}`));
  },
};
