import type { ContainerCheck } from "../check.ts";
import { blocked, finding, pass, unknown } from "../check.ts";
import { allDevices, deviceEvidence } from "../device-access.ts";
import { hasHostUsers } from "../obstacles.ts";

const CAP_MKNOD = 27;

export const check: ContainerCheck = {
  scope: "container",
  id: "P02",
  name: "device-cgroup",
  title: "Its cgroup allows every device",
  severity: "critical",
  why:
    "Where no list of the v1 controller and no program on the v2 cgroup denies devices, a process that may make device nodes makes one of the host's disk or memory and reads and writes it. " +
    "The programs are read back from the kernel and asked about devices that no rule would name, so it does not matter how an engine wrote them.",
  references: ["CIS Docker 5.18", "PSS baseline (privileged)", "T1611"],
  remedy: {
    text: "Let the engine's default list stand, and name the devices that are needed",
    docker: "docker run --device /dev/NAME   # instead of --privileged and --device-cgroup-rule 'a *:* rwm'",
    podman: "podman run --device /dev/NAME   # instead of --privileged",
    compose: "devices: [/dev/NAME]\n# remove device_cgroup_rules: ['a *:* rwm']",
    kubernetes: "securityContext:\n  privileged: false   # devices come from a device plugin",
  },
  evaluate(container, facts) {
    const { answer, why } = allDevices(container);
    const evidence = deviceEvidence(container);
    if (answer === "unknown") return unknown(why ?? "it could not be told", ...evidence);
    if (answer === "denied") return pass("devices that no rule names are denied", ...evidence);
    const hosts = container.tasks.filter((task) => hasHostUsers(task, container, facts));
    if (hosts.length === 0) return blocked("user namespace", "every device is allowed, but nobody in it can make a node", ...evidence);
    const makes = hosts.some(({ status }) => ((status.capabilities.bounding >> BigInt(CAP_MKNOD)) & 1n) !== 0n);
    if (!makes) return blocked("capabilities", "every device is allowed, but nobody in it can make a node (CAP_MKNOD)", ...evidence);
    return finding("every device of the host may be made and opened", ...evidence);
  },
};
