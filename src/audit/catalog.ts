/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */
import type { Check } from "./check.ts";
import { check as bindWithoutNosuid } from "./checks/bind-without-nosuid.ts";
import { check as capabilitiesBeyondDocker } from "./checks/capabilities-beyond-docker.ts";
import { check as chroot } from "./checks/chroot.ts";
import { check as corePattern } from "./checks/core-pattern.ts";
import { check as dangerousDescriptor } from "./checks/dangerous-descriptor.ts";
import { check as deviceCgroup } from "./checks/device-cgroup.ts";
import { check as engineSocket } from "./checks/engine-socket.ts";
import { check as foreignDescriptor } from "./checks/foreign-descriptor.ts";
import { check as foreignDirectory } from "./checks/foreign-directory.ts";
import { check as hostBind } from "./checks/host-bind.ts";
import { check as hostDevices } from "./checks/host-devices.ts";
import { check as hostLogs } from "./checks/host-logs.ts";
import { check as hostTerminal } from "./checks/host-terminal.ts";
import { check as imageTraps } from "./checks/image-traps.ts";
import { check as kernelFilesystems } from "./checks/kernel-filesystems.ts";
import { check as kernelHelpers } from "./checks/kernel-helpers.ts";
import { check as kernelSwitches } from "./checks/kernel-switches.ts";
import { check as lxcfsWritable } from "./checks/lxcfs-writable.ts";
import { check as mountNamespace } from "./checks/mount-namespace.ts";
import { check as pidNamespace } from "./checks/pid-namespace.ts";
import { check as privileged } from "./checks/privileged.ts";
import { check as releaseAgent } from "./checks/release-agent.ts";
import { check as rootWritable } from "./checks/root-writable.ts";
import { check as seccompOff } from "./checks/seccomp-off.ts";
import { check as setuidFiles } from "./checks/setuid-files.ts";
import { check as sharedPropagation } from "./checks/shared-propagation.ts";
import { check as sysfsWritable } from "./checks/sysfs-writable.ts";
import { check as vanishedProgram } from "./checks/vanished-program.ts";

export const CHECKS: readonly Check[] = [
  capabilitiesBeyondDocker, imageTraps, vanishedProgram, pidNamespace, privileged, deviceCgroup, hostDevices, engineSocket, hostBind, hostLogs,
  bindWithoutNosuid, sharedPropagation, corePattern, kernelHelpers, kernelSwitches, releaseAgent, sysfsWritable, lxcfsWritable, foreignDescriptor,
  foreignDirectory, dangerousDescriptor, chroot, hostTerminal, setuidFiles, rootWritable, mountNamespace, kernelFilesystems, seccompOff,
];
