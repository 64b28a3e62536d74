import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HYBRID, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import { PidboxError } from "../base/error.ts";
import { parseMountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import type { HostFacts } from "./host-facts.ts";
import { dataParameters } from "./mount-data.ts";
import { compilation } from "./names.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { PlanWriter } from "./writer.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";
const SELINUX: HostFacts = { ...HYBRID, selinux: true };

function parameters(mount: Partial<Mount>, facts: HostFacts = HYBRID, mountLabel?: string): string[] {
  const whole = { destination: "/x", type: "tmpfs", ...mount };
  const scene = mountLabel === undefined ? runScene() : withConfig(runScene(), { linux: { mountLabel } });
  const found = dataParameters(compilation(new PlanWriter(), scene, facts), whole, parseMountOptions(whole.options ?? []));
  return found.map(([key, value]) => (value === undefined ? key : `${key}=${value}`));
}

describe("dataParameters()", () => {
  test("takes options apart as mount(2) would", () => {
    expect(parameters({ options: ["nosuid", "size=1m,mode=755", "huge=never", "sync"] })).toEqual(["sync", "size=1m", "mode=755", "huge=never"]);
    expect(parameters({ type: "9p", source: "tag", options: ["trans=virtio,cache=none,noextend"] })).toEqual(["trans=virtio", "cache=none", "noextend", "source=tag"]);
    expect(parameters({ type: "ext4", source: "/dev/x", options: ["ro", `context="${LABEL}",acl`] })).toEqual([`context=${LABEL}`, "acl", "ro", "source=/dev/x"]);
    expect(parameters({ options: ["=x", "a=", "a=b=c"] })).toEqual(["=x", "a=", "a=b=c"]);
  });

  test("makes the superblock read-only where it is one's own, and the mount alone where it is the kernel's", () => {
    expect(parameters({ type: "xfs", options: ["ro"] })).toEqual(["ro"]);
    expect(["tmpfs", "proc", "sysfs", "mqueue", "devpts"].flatMap((type) => parameters({ type, options: ["ro"] }))).toEqual([]);
  });

  test("gives the layers of an overlay one by one from Linux 6.5 on, and their names without backslashes", () => {
    const overlay = { type: "overlay", options: [String.raw`lowerdir=/a:/b\:c:/d,upperdir=/u,workdir=/w`] };
    expect(parameters(overlay)).toEqual(["lowerdir+=/a", "lowerdir+=/b:c", "lowerdir+=/d", "upperdir=/u", "workdir=/w"]);
    expect(parameters(overlay, UNIFIED)).toEqual([String.raw`lowerdir=/a:/b\:c:/d`, "upperdir=/u", "workdir=/w"]);
  });

  test("labels what SELinux labels by the mount, unless the config does", () => {
    expect(parameters({}, SELINUX, LABEL)).toEqual([`context=${LABEL}`]);
    expect(parameters({ options: ['context="other"'] }, SELINUX, LABEL)).toEqual(["context=other"]);
    expect(["proc", "sysfs", "mqueue", "cgroup", "cgroup2"].flatMap((type) => parameters({ type }, SELINUX, LABEL))).toEqual([]);
    expect(() => refuseUnsupported(withConfig(runScene(), { linux: { mountLabel: LABEL } }), HYBRID)).toThrow("SELinux is not active");
  });

  test("refuses what fsconfig(2) could not take, and nothing else, for any options", () => {
    const code = (options: readonly string[]): string => {
      try {
        parameters({ options });
        return "";
      } catch (error) {
        if (error instanceof PidboxError) return error.code;
        throw error;
      }
    };
    expect([code([`a=${"x".repeat(255)}`]), code([`a=${"x".repeat(256)}`]), code([`a=${"é".repeat(128)}`])]).toEqual(["", "HOST_UNSUPPORTED", "HOST_UNSUPPORTED"]);
    fc.assert(fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 4 }), (options) => {
      expect(["", "HOST_UNSUPPORTED"]).toContain(code(options));
    }));
  });
});
