import type { ContainerCheck } from "../check.ts";
import { maskAnswer } from "../masks.ts";

/** Added by moby in 2023 to 2025 (GHSA-jq35-85cj-fj4p, GHSA-6fw5-f8r9-fgfm). One thermal_throttle stands for those of all CPUs. */
const PATHS = ["/proc/interrupts", "/sys/devices/virtual/powercap", "/sys/devices/system/cpu/cpu0/thermal_throttle"];

export const check: ContainerCheck = {
  scope: "container",
  id: "L07",
  name: "newer-masks",
  title: "Meters of power, heat and interrupts are open",
  severity: "medium",
  why: "What the machine draws and how often it is interrupted tells what others compute: keystrokes by interrupts, keys by power (PLATYPUS, CVE-2020-8694).",
  references: ["CVE-2020-8694", "T1082"],
  remedy: {
    text: "Update the engine, or mask them by name",
    docker: "docker run   # 26.1 and later mask them",
    podman: "podman run --security-opt mask=/proc/interrupts:/sys/devices/virtual/powercap",
    host: "apt install --only-upgrade docker.io podman",
  },
  reads: { inside: PATHS },
  evaluate: (container) => maskAnswer(container, PATHS),
};
