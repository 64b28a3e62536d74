/** What a config may ask for and no plan can do here: an error that names it, before anything is made (config.md, "Valid values"). Pure. */
import { PidboxError } from "../base/error.ts";
import type { Blueprint } from "./blueprint.ts";
import type { HostFacts } from "./host-facts.ts";
import { createsNamespace } from "./names.ts";

/** Throws CONFIG_INVALID, HOST_UNSUPPORTED. */
export function refuseUnsupported(blueprint: Blueprint, facts: HostFacts): void {
  const { linux } = blueprint.config;
  if (!createsNamespace(blueprint, "mount")) {
    throw new PidboxError("CONFIG_INVALID", "Cannot make a root filesystem without a new mount namespace: the mounts would be those of the host or of another container", {
      hint: 'Put { "type": "mount" } into linux.namespaces', context: { from: "/linux/namespaces" },
    });
  }
  if (blueprint.published !== undefined && !createsNamespace(blueprint, "network")) {
    throw new PidboxError("CONFIG_INVALID", "Cannot publish ports: the container has no network namespace of its own, so its ports are those of the host or of another container", {
      hint: "Leave --publish out: what listens in that namespace is reached there", context: { from: "--publish" },
    });
  }
  if (linux?.mountLabel !== undefined && !facts.selinux) {
    throw new PidboxError("HOST_UNSUPPORTED", "Cannot label the mounts: SELinux is not active here", { hint: "Leave linux.mountLabel out", context: { feature: "selinux", from: "/linux/mountLabel" } });
  }
  if (linux?.intelRdt !== undefined) {
    throw new PidboxError("HOST_UNSUPPORTED", "Cannot set Intel RDT: pidbox does not support it", { hint: "Leave linux.intelRdt out", context: { feature: "intelRdt", from: "/linux/intelRdt" } });
  }
}
