/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */
import type { Check } from "./check.ts";
import { check as capabilitiesBeyondDocker } from "./checks/capabilities-beyond-docker.ts";
import { check as cgroupDescendants } from "./checks/cgroup-descendants.ts";
import { check as cgroupEscaped } from "./checks/cgroup-escaped.ts";
import { check as cgroupNamespace } from "./checks/cgroup-namespace.ts";
import { check as cgroupParent } from "./checks/cgroup-parent.ts";
import { check as cgroupV1Writable } from "./checks/cgroup-v1-writable.ts";
import { check as cgroupV2Writable } from "./checks/cgroup-v2-writable.ts";
import { check as coreScheduling } from "./checks/core-scheduling.ts";
import { check as cpuFlaws } from "./checks/cpu-flaws.ts";
import { check as cpuUnlimited } from "./checks/cpu-unlimited.ts";
import { check as defaultCapabilities } from "./checks/default-capabilities.ts";
import { check as execPrivileges } from "./checks/exec-privileges.ts";
import { check as hostGroups } from "./checks/host-groups.ts";
import { check as idRangeOverlap } from "./checks/id-range-overlap.ts";
import { check as inheritedCapabilities } from "./checks/inherited-capabilities.ts";
import { check as ioUnlimited } from "./checks/io-unlimited.ts";
import { check as memoryUnlimited } from "./checks/memory-unlimited.ts";
import { check as nestedService } from "./checks/nested-service.ts";
import { check as newPrivileges } from "./checks/new-privileges.ts";
import { check as oomKillDisabled } from "./checks/oom-kill-disabled.ts";
import { check as oomScore } from "./checks/oom-score.ts";
import { check as pidNamespace } from "./checks/pid-namespace.ts";
import { check as pidsUnlimited } from "./checks/pids-unlimited.ts";
import { check as processLimits } from "./checks/process-limits.ts";
import { check as regainableCapabilities } from "./checks/regainable-capabilities.ts";
import { check as seccompOff } from "./checks/seccomp-off.ts";
import { check as sharedPageCache } from "./checks/shared-page-cache.ts";
import { check as speculation } from "./checks/speculation.ts";
import { check as swapUnlimited } from "./checks/swap-unlimited.ts";
import { check as tmpfsUnsized } from "./checks/tmpfs-unsized.ts";
import { check as userNamespace } from "./checks/user-namespace.ts";

export const CHECKS: readonly Check[] = [
  capabilitiesBeyondDocker, defaultCapabilities, regainableCapabilities, inheritedCapabilities, pidsUnlimited, memoryUnlimited, cpuUnlimited, ioUnlimited,
  cgroupV1Writable, cgroupV2Writable, cgroupNamespace, cgroupEscaped, cgroupDescendants, cgroupParent, processLimits, oomScore, tmpfsUnsized, swapUnlimited,
  oomKillDisabled, pidNamespace, seccompOff, userNamespace, idRangeOverlap, hostGroups, cpuFlaws, coreScheduling, speculation, sharedPageCache, execPrivileges,
  newPrivileges, nestedService,
];
