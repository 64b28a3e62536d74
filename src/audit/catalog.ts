/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */
import type { Check } from "./check.ts";
import { check as capabilitiesBeyondDocker } from "./checks/capabilities-beyond-docker.ts";
import { check as pidNamespace } from "./checks/pid-namespace.ts";
import { check as seccompOff } from "./checks/seccomp-off.ts";

export const CHECKS: readonly Check[] = [
  capabilitiesBeyondDocker, pidNamespace, seccompOff,
];
