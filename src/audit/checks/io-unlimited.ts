import type { ContainerCheck } from "../check.ts";
import { limitFiles } from "../limits.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G04",
  name: "io-unlimited",
  title: "No limit of disk throughput",
  severity: "info",
  why: "A container that writes without end takes the disk's time from all others. Few hosts limit it; it is told for those that run what they do not trust.",
  references: ["T1499"],
  remedy: {
    text: "Limit the devices that its files are on",
    docker: "docker run --device-write-bps /dev/sda:50mb",
    podman: "podman run --device-write-bps /dev/sda:50mb",
    compose: "blkio_config:\n  device_write_bps:\n    - path: /dev/sda\n      rate: 50mb",
  },
  evaluate(container) {
    const found = limitFiles(container, { controller: "blkio", v1: "blkio.throttle.write_bps_device", v2: "io.max" });
    if (found === undefined) return { verdict: "unknown", text: "its cgroup is not seen", evidence: [] };
    const dark = found.files.find(([, content]) => typeof content === "number");
    const set = found.files.find(([, content]) => typeof content === "string" && content !== "");
    if (set !== undefined) return { verdict: "pass", text: "limited", evidence: [{ source: set[0], value: String(set[1]) }] };
    if (dark !== undefined) return { verdict: "unknown", text: "the limit could not be read", evidence: [{ source: dark[0], value: "" }] };
    return { verdict: "finding", text: "none", evidence: [{ source: found.own, value: "" }] };
  },
};
