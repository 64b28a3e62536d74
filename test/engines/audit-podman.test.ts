/** The audit of containers of podman, as root and as a user. Its filter lets containers make user namespaces and mount in them. */
import { describe, expect } from "bun:test";
import { needs } from "../parts.ts";
import { type Expected, expectFindings } from "./audit.ts";
import { Podman, PodmanBox } from "./podman.ts";

const LIMIT = 120_000;

async function check(rootless: boolean, flags: readonly string[], expected: Expected): Promise<void> {
  const podman = await Podman.start(rootless);
  try {
    const box = new PodmanBox(podman, "audited", "runc");
    try {
      await box.start(flags, "touch /up; exec sleep 1000");
      await box.up();
      await expectFindings(await box.inspect("{{.State.Pid}}"), expected, podman.world);
    } finally {
      await box.close();
    }
  } finally {
    expect(await podman.close()).toEqual([]);
  }
}

describe("audit of podman", () => {
  // It limits processes by default, and memory not.
  needs("root", "podman", "runc", "busybox", "cni", "iptables", "noapparmor", "noselinux")(
    "as root", () => check(false, ["--network", "podman"], { high: "G02 K04 K12 S01", less: "C02 K13 L07 N01 N07 P21 V03" }), LIMIT,
  );
  // A user without a cgroup of its own cannot limit anything.
  needs("root", "podman", "runc", "busybox", "uidmap", "noapparmor", "noselinux")(
    "as a user", () => check(true, [], { high: "G01 G02 K04 K12", less: "K13 L07 P21 V03" }), LIMIT,
  );
});
