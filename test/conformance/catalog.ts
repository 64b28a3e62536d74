/** Every case, chapter by chapter of the specification. */
import { BUNDLE } from "./bundle.ts";
import type { Case } from "./case.ts";
import { CGROUP_CASES } from "./cgroups.ts";
import { DEVICE_CASES } from "./devices.ts";
import { FEATURES } from "./features.ts";
import { HOOKS } from "./hooks.ts";
import { KERNEL } from "./kernel.ts";
import { LIFECYCLE_CASES } from "./lifecycle.ts";
import { MOUNT_OPTIONS } from "./mount-options.ts";
import { MOUNT_CASES } from "./mounts.ts";
import { NAMESPACE_CASES } from "./namespaces.ts";
import { PROCESS_LINUX } from "./process-linux.ts";
import { PROCESS_CASES } from "./process.ts";
import { ROOTLESS_CASES } from "./rootless.ts";
import { SECCOMP } from "./seccomp.ts";

export interface Chapter {
  readonly title: string;
  readonly cases: readonly Case[];
}

export const CHAPTERS: readonly Chapter[] = [
  { title: "Bundle, version, root, names, annotations", cases: BUNDLE },
  { title: "Lifecycle", cases: LIFECYCLE_CASES },
  { title: "Hooks", cases: HOOKS },
  { title: "Mounts", cases: MOUNT_CASES },
  { title: "Mount options", cases: MOUNT_OPTIONS },
  { title: "Process", cases: PROCESS_CASES },
  { title: "Process on Linux", cases: PROCESS_LINUX },
  { title: "Namespaces", cases: NAMESPACE_CASES },
  { title: "Devices and descriptors", cases: DEVICE_CASES },
  { title: "Control groups", cases: CGROUP_CASES },
  { title: "Kernel parameters, masks, propagation", cases: KERNEL },
  { title: "Seccomp", cases: SECCOMP },
  { title: "Features", cases: FEATURES },
  { title: "Without privileges", cases: ROOTLESS_CASES },
];

export const CASES: readonly Case[] = CHAPTERS.flatMap(({ cases }) => cases);
