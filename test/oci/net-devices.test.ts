/** Interfaces that a config moves into the container, from a network namespace that stands for the host's. */
import { afterAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { configOf, NAMESPACES, OciScene, ownUsers } from "./scene.ts";
import type { Change } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

/** The host: a veth pair whose first end has addresses of every kind that matters. `after` runs when the container has ended. */
const host = (after = "true"): readonly string[] => [
  "unshare", "-n", "sh", "-ec",
  [
    "ip link set lo up", "ip link add veth0 type veth peer name veth1", "ip addr add 10.9.8.7/24 broadcast 10.9.8.255 dev veth0",
    "ip addr add 10.1.1.1 peer 10.1.1.2/32 dev veth0", "ip addr add 10.2.2.2/16 valid_lft 1000 preferred_lft 1000 dev veth0",
    "ip addr add 10.3.3.3/16 scope link dev veth0", "ip -6 addr add fd00::7/64 nodad dev veth0", "ip link set veth0 mtu 1400 up", "ip link set veth1 up",
    '"$@"', after,
  ].join("; "), "sh",
];
const namespaces = { namespaces: NAMESPACES.map((type) => ({ type })) };

const SCRIPT = "ip -o addr show dev $0 | sed 's/^[0-9]*: //; s/ \\+/ /g; s/\\\\.*//' | sort; ip link show $0 | grep -o 'mtu [0-9]*'; ip link show $0 | grep -c 'UP'";
const seen = (name: string, change: Change): string[] => {
  const process = { args: ["/bin/sh", "-c", SCRIPT, name] };
  const { code, out, err } = scene.run(configOf("", { ...change, process }), { before: host() });
  return code === 0 ? out.trimEnd().split("\n").filter((line) => !line.includes("fe80:")) : [err];
};

describe("netDevices", () => {
  needs("root", "busybox", "iproute")("come with their permanent global addresses, whatever their name, and up", () => {
    const wanted = (name: string): string[] => [
      `${name} inet 10.1.1.1 peer 10.1.1.2/32 scope global ${name}`, `${name} inet 10.9.8.7/24 brd 10.9.8.255 scope global ${name}`, `${name} inet6 fd00::7/64 scope global`,
      "mtu 1400", "1",
    ];
    const trimmed = (lines: readonly string[]): string[] => lines.map((line) => line.trimEnd().replace(/ flags \w+$/, ""));
    expect(trimmed(seen("veth0", { linux: { ...namespaces, netDevices: { veth0: {} } } }))).toEqual(wanted("veth0"));
    expect(trimmed(seen("eth7", { linux: { ...namespaces, netDevices: { veth0: { name: "eth7" } } } }))).toEqual(wanted("eth7"));
    // The first number that is free.
    expect(trimmed(seen("eth0", { linux: { ...namespaces, netDevices: { veth0: { name: "eth%d" } } } }))).toEqual(wanted("eth0"));
    expect(trimmed(seen("eth7", { linux: { ...ownUsers(0), netDevices: { veth0: { name: "eth7" } } } }))).toEqual(wanted("eth7"));
  });

  needs("root", "busybox", "iproute")("leave the host, and go into a namespace that is joined too", () => {
    const joined = { namespaces: NAMESPACES.map((type) => (type === "network" ? { type, path: join(scene.directory, "net") } : { type })) };
    const before = [
      "unshare", "-n", "-m", "sh", "-ec",
      [
        "ip link add veth0 type veth peer name veth1", "ip addr add 10.9.8.7/24 dev veth0", `touch ${scene.directory}/net`,
        `unshare --net=${scene.directory}/net true`, '"$@"', "ip -o link show | grep -c veth0 || true",
      ].join("; "), "sh",
    ];
    expect(scene.lines("ip -o -4 addr show | grep -o 'inet [^ ]*'", { linux: { ...joined, netDevices: { veth0: {} } } }, { before })).toEqual(["inet 10.9.8.7/24", "0"]);
  });

  needs("root", "busybox", "iproute")("that are not there, cannot move or have no room for their name are failed starts", () => {
    const failure = (netDevices: NonNullable<NonNullable<Change["linux"]>["netDevices"]>): string => (
      scene.run(configOf("true", { linux: { ...namespaces, netDevices } }), { before: host() }).err
    );
    expect(failure({ nothing: {} })).toContain('network device \\"nothing\\": no such device');
    expect(failure({ lo: { name: "lo7" } })).toContain("netlink: invalid argument");
    expect(failure({ veth0: { name: "lo" } })).toContain("netlink: file exists");
  });
});
