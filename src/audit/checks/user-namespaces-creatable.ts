import type { ContainerCheck } from "../check.ts";
import { answerOf, DEFAULT_FILTER, SURFACE_FILES, userNamespaces } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K04",
  name: "user-namespaces-creatable",
  title: "The container may make user namespaces",
  severity: "high",
  why:
    "In a new user namespace a process has all capabilities, and with them reaches most of what kernel exploits need: 51 of 79 bugs of Google's kernelCTF ask for a capability. A seccomp filter that denies new namespaces, or a limit of the host, closes all of these at once.",
  references: ["T1068"],
  remedy: { ...DEFAULT_FILTER, host: "sysctl -w user.max_user_namespaces=0   # where no rootless engine or browser needs them" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(userNamespaces(container, facts)),
};
