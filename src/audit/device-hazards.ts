/** What can be done to the host with a device. Pure. */
import type { Severity } from "../report/finding.ts";
import type { DeviceNode } from "./facts-devices.ts";

export interface Hazard {
  readonly severity: Severity;
  readonly what: string;
}

/** Characters by major, and minor where only that one counts (Documentation/admin-guide/devices.txt). */
const CHARACTERS: Readonly<Record<string, Hazard>> = {
  "1:1": { severity: "critical", what: "physical memory" }, "1:2": { severity: "critical", what: "kernel memory" },
  "1:4": { severity: "critical", what: "I/O ports" }, "1:11": { severity: "medium", what: "kernel log" },
  "4": { severity: "medium", what: "console or serial line" },
  "7": { severity: "medium", what: "what is on a console" }, "13": { severity: "high", what: "keyboard, mouse" },
  "21": { severity: "critical", what: "raw SCSI commands" }, "195": { severity: "medium", what: "NVIDIA GPU" },
  "202": { severity: "critical", what: "model-specific registers" }, "203": { severity: "low", what: "CPUID" },
  "226": { severity: "medium", what: "GPU" }, "231": { severity: "medium", what: "InfiniBand" },
};

/** Misc devices (major 10) by the name that /proc/misc gives their minor. */
const MISC: Readonly<Record<string, Hazard>> = {
  "kvm": { severity: "high", what: "virtual machines" }, "vhost-net": { severity: "high", what: "vhost network" },
  "vhost-vsock": { severity: "high", what: "vhost socket" }, "tun": { severity: "low", what: "network tunnels" },
  "fuse": { severity: "low", what: "FUSE" }, "uinput": { severity: "high", what: "forged input" },
  "userfaultfd": { severity: "medium", what: "page faults" },
  "loop-control": { severity: "high", what: "loop devices" },
  "device-mapper": { severity: "critical", what: "device mapper" },
  "btrfs-control": { severity: "high", what: "btrfs" },
  "snapshot": { severity: "critical", what: "image of the memory" },
  "vfio": { severity: "high", what: "PCI pass-through" }, "autofs": { severity: "medium", what: "automounts" },
  "nvram": { severity: "high", what: "NVRAM" }, "hpet": { severity: "low", what: "timer" },
  "rfkill": { severity: "low", what: "radio" }, "cpu_dma_latency": { severity: "low", what: "power states" },
  "sgx_vepc": { severity: "medium", what: "SGX" }, "mcelog": { severity: "medium", what: "machine checks" },
  "udmabuf": { severity: "medium", what: "DMA buffers" },
};
const MISC_MAJOR = 10;

/** /proc/misc: minor and name, by minor. Lines of another form are left out. */
export function parseMisc(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [, minor, name] = /^ *([0-9]{1,7}) ([^ ]{1,64})$/.exec(line) ?? [];
    if (name !== undefined) names.set(Number(minor), name);
  }
  return names;
}

/** The hazard of a device; undefined: one of those that every container has, or one that is not known to do harm. */
export function hazardOf({ type, major, minor }: Pick<DeviceNode, "type" | "major" | "minor">, misc: ReadonlyMap<number, string>): Hazard | undefined {
  if (type === "b") return { severity: "critical", what: "block device" };
  if (major === MISC_MAJOR) return MISC[misc.get(minor) ?? ""];
  return CHARACTERS[`${major}:${minor}`] ?? CHARACTERS[String(major)];
}
