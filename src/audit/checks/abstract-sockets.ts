import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

const GRAVE = /containerd-shim|dbus|X11-unix|systemd|docker|cri-o|snapd/;

export const check: ContainerCheck = {
  scope: "container",
  id: "L17",
  name: "abstract-sockets",
  title: "Abstract sockets of the host can be reached",
  severity: "high",
  why: "An abstract socket has no file and no permissions: whoever is in the network namespace may connect. containerd's shims had theirs there (CVE-2020-15257), desktops have X11 and D-Bus.",
  references: ["CVE-2020-15257", "T1611"],
  remedy: {
    text: "Give the container a network namespace of its own",
    docker: "docker run   # without --network host",
    podman: "podman run   # without --network host",
    compose: "# remove: network_mode: host",
    kubernetes: "spec:\n  hostNetwork: false",
  },
  evaluate({ container, network }) {
    const source = `/proc/${container.initPid ?? 0}/net/unix`;
    if (!container.sharedWithHost.includes("net")) {
      return container.unknown.includes("net") ? unknown("the kernel does not tell which network namespace it is in", saw(source, "")) : pass("its network namespace is not the host's", saw(source, ""));
    }
    const names = network?.abstractNames ?? -3;
    if (typeof names === "number") return unknown("they could not be read", evidenceOf(source, names));
    if (names.length === 0) return pass("the host has none", saw(source, ""));
    const grave = names.filter((name) => GRAVE.test(name));
    const shown = (grave.length > 0 ? grave : names).slice(0, 3).join(", ");
    const answer = finding(`${names.length}: ${shown}${names.length > 3 ? ", ..." : ""}`, saw(source, shown));
    return grave.length > 0 ? answer : { ...answer, severity: "medium" };
  },
};
