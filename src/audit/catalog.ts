/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */
import type { Check } from "./check.ts";
import { check as abstractSockets } from "./checks/abstract-sockets.ts";
import { check as afAlg } from "./checks/af-alg.ts";
import { check as apparmorContent } from "./checks/apparmor-content.ts";
import { check as apparmorOff } from "./checks/apparmor-off.ts";
import { check as bindWithoutNosuid } from "./checks/bind-without-nosuid.ts";
import { check as bpfCall } from "./checks/bpf-call.ts";
import { check as capabilitiesBeyondDocker } from "./checks/capabilities-beyond-docker.ts";
import { check as capabilityScope } from "./checks/capability-scope.ts";
import { check as cgroupDescendants } from "./checks/cgroup-descendants.ts";
import { check as cgroupEscaped } from "./checks/cgroup-escaped.ts";
import { check as cgroupNamespace } from "./checks/cgroup-namespace.ts";
import { check as cgroupParent } from "./checks/cgroup-parent.ts";
import { check as cgroupV1Writable } from "./checks/cgroup-v1-writable.ts";
import { check as cgroupV2Writable } from "./checks/cgroup-v2-writable.ts";
import { check as chroot } from "./checks/chroot.ts";
import { check as corePattern } from "./checks/core-pattern.ts";
import { check as coreScheduling } from "./checks/core-scheduling.ts";
import { check as cpuFlaws } from "./checks/cpu-flaws.ts";
import { check as cpuUnlimited } from "./checks/cpu-unlimited.ts";
import { check as dangerousCalls } from "./checks/dangerous-calls.ts";
import { check as dangerousCapabilities } from "./checks/dangerous-capabilities.ts";
import { check as dangerousDescriptor } from "./checks/dangerous-descriptor.ts";
import { check as declaredDrift } from "./checks/declared-drift.ts";
import { check as defaultCapabilities } from "./checks/default-capabilities.ts";
import { check as deviceCgroup } from "./checks/device-cgroup.ts";
import { check as egress } from "./checks/egress.ts";
import { check as engineCopies } from "./checks/engine-copies.ts";
import { check as engineDeleted } from "./checks/engine-deleted.ts";
import { check as engineFiles } from "./checks/engine-files.ts";
import { check as enginePort } from "./checks/engine-port.ts";
import { check as engineSettings } from "./checks/engine-settings.ts";
import { check as engineSocket } from "./checks/engine-socket.ts";
import { check as engineSocketUsers } from "./checks/engine-socket-users.ts";
import { check as engineVersions } from "./checks/engine-versions.ts";
import { check as engineVulnerabilities } from "./checks/engine-vulnerabilities.ts";
import { check as execPrivileges } from "./checks/exec-privileges.ts";
import { check as exposedPorts } from "./checks/exposed-ports.ts";
import { check as falseNames } from "./checks/false-names.ts";
import { check as fileHandles } from "./checks/file-handles.ts";
import { check as foreignDescriptor } from "./checks/foreign-descriptor.ts";
import { check as foreignDirectory } from "./checks/foreign-directory.ts";
import { check as foreignMembers } from "./checks/foreign-members.ts";
import { check as foreignProcfs } from "./checks/foreign-procfs.ts";
import { check as hiddenProcesses } from "./checks/hidden-processes.ts";
import { check as hostBind } from "./checks/host-bind.ts";
import { check as hostDevices } from "./checks/host-devices.ts";
import { check as hostGroups } from "./checks/host-groups.ts";
import { check as hostLogs } from "./checks/host-logs.ts";
import { check as hostPaths } from "./checks/host-paths.ts";
import { check as hostTelemetry } from "./checks/host-telemetry.ts";
import { check as hostTerminal } from "./checks/host-terminal.ts";
import { check as hostVsock } from "./checks/host-vsock.ts";
import { check as idRangeOverlap } from "./checks/id-range-overlap.ts";
import { check as imageTraps } from "./checks/image-traps.ts";
import { check as inheritedCapabilities } from "./checks/inherited-capabilities.ts";
import { check as ioUnlimited } from "./checks/io-unlimited.ts";
import { check as ioUring } from "./checks/io-uring.ts";
import { check as ipcNamespace } from "./checks/ipc-namespace.ts";
import { check as kernelAddresses } from "./checks/kernel-addresses.ts";
import { check as kernelBranch } from "./checks/kernel-branch.ts";
import { check as kernelFilesystems } from "./checks/kernel-filesystems.ts";
import { check as kernelHardening } from "./checks/kernel-hardening.ts";
import { check as kernelHelpers } from "./checks/kernel-helpers.ts";
import { check as kernelLockdown } from "./checks/kernel-lockdown.ts";
import { check as kernelLog } from "./checks/kernel-log.ts";
import { check as kernelSwitches } from "./checks/kernel-switches.ts";
import { check as kernelTls } from "./checks/kernel-tls.ts";
import { check as knownVulnerabilities } from "./checks/known-vulnerabilities.ts";
import { check as livePatch } from "./checks/live-patch.ts";
import { check as localRouting } from "./checks/local-routing.ts";
import { check as lxcfsWritable } from "./checks/lxcfs-writable.ts";
import { check as maskIdentity } from "./checks/mask-identity.ts";
import { check as maskedPaths } from "./checks/masked-paths.ts";
import { check as memoryMerging } from "./checks/memory-merging.ts";
import { check as memoryUnlimited } from "./checks/memory-unlimited.ts";
import { check as metadataService } from "./checks/metadata-service.ts";
import { check as moduleLoading } from "./checks/module-loading.ts";
import { check as mountNamespace } from "./checks/mount-namespace.ts";
import { check as nestedService } from "./checks/nested-service.ts";
import { check as networkAdministration } from "./checks/network-administration.ts";
import { check as networkNamespace } from "./checks/network-namespace.ts";
import { check as newPrivileges } from "./checks/new-privileges.ts";
import { check as newerMasks } from "./checks/newer-masks.ts";
import { check as oomKillDisabled } from "./checks/oom-kill-disabled.ts";
import { check as oomScore } from "./checks/oom-score.ts";
import { check as packetSockets } from "./checks/packet-sockets.ts";
import { check as perfEvents } from "./checks/perf-events.ts";
import { check as pidNamespace } from "./checks/pid-namespace.ts";
import { check as pidsUnlimited } from "./checks/pids-unlimited.ts";
import { check as privileged } from "./checks/privileged.ts";
import { check as processLimits } from "./checks/process-limits.ts";
import { check as protocolModules } from "./checks/protocol-modules.ts";
import { check as ptraceScope } from "./checks/ptrace-scope.ts";
import { check as rawPackets } from "./checks/raw-packets.ts";
import { check as rebootPending } from "./checks/reboot-pending.ts";
import { check as regainableCapabilities } from "./checks/regainable-capabilities.ts";
import { check as releaseAgent } from "./checks/release-agent.ts";
import { check as rootWritable } from "./checks/root-writable.ts";
import { check as runtimeSensor } from "./checks/runtime-sensor.ts";
import { check as seccompAbi } from "./checks/seccomp-abi.ts";
import { check as seccompDenylist } from "./checks/seccomp-denylist.ts";
import { check as seccompDiffers } from "./checks/seccomp-differs.ts";
import { check as seccompOff } from "./checks/seccomp-off.ts";
import { check as seccompSupervised } from "./checks/seccomp-supervised.ts";
import { check as secretVariables } from "./checks/secret-variables.ts";
import { check as securityModules } from "./checks/security-modules.ts";
import { check as selinuxOff } from "./checks/selinux-off.ts";
import { check as setuidFiles } from "./checks/setuid-files.ts";
import { check as sharedPageCache } from "./checks/shared-page-cache.ts";
import { check as sharedPropagation } from "./checks/shared-propagation.ts";
import { check as socketcall } from "./checks/socketcall.ts";
import { check as speculation } from "./checks/speculation.ts";
import { check as swapUnlimited } from "./checks/swap-unlimited.ts";
import { check as sysfsWritable } from "./checks/sysfs-writable.ts";
import { check as timeNamespace } from "./checks/time-namespace.ts";
import { check as tmpfsUnsized } from "./checks/tmpfs-unsized.ts";
import { check as tracedProcess } from "./checks/traced-process.ts";
import { check as userFaults } from "./checks/user-faults.ts";
import { check as userNamespace } from "./checks/user-namespace.ts";
import { check as userNamespacesCreatable } from "./checks/user-namespaces-creatable.ts";
import { check as utsNamespace } from "./checks/uts-namespace.ts";
import { check as vanishedProgram } from "./checks/vanished-program.ts";

export const CHECKS: readonly Check[] = [
  capabilitiesBeyondDocker, defaultCapabilities, regainableCapabilities, inheritedCapabilities, fileHandles, dangerousCapabilities, capabilityScope,
  pidsUnlimited, memoryUnlimited, cpuUnlimited, ioUnlimited, cgroupV1Writable, cgroupV2Writable, cgroupNamespace, cgroupEscaped, cgroupDescendants,
  cgroupParent, processLimits, oomScore, tmpfsUnsized, swapUnlimited, oomKillDisabled, imageTraps, vanishedProgram, knownVulnerabilities, rebootPending,
  livePatch, userNamespacesCreatable, afAlg, socketcall, protocolModules, kernelTls, ioUring, bpfCall, perfEvents, networkAdministration, dangerousCalls,
  moduleLoading, kernelLockdown, kernelHardening, ptraceScope, kernelBranch, userFaults, pidNamespace, foreignMembers, foreignProcfs, hiddenProcesses,
  maskedPaths, newerMasks, maskIdentity, kernelAddresses, kernelLog, hostTelemetry, hostPaths, ipcNamespace, utsNamespace, networkNamespace, abstractSockets,
  secretVariables, memoryMerging, timeNamespace, rawPackets, exposedPorts, metadataService, localRouting, egress, packetSockets, hostVsock, runtimeSensor,
  tracedProcess, falseNames, privileged, deviceCgroup, hostDevices, engineSocket, hostBind, hostLogs, bindWithoutNosuid, sharedPropagation, corePattern,
  kernelHelpers, kernelSwitches, releaseAgent, sysfsWritable, lxcfsWritable, foreignDescriptor, foreignDirectory, dangerousDescriptor, chroot, hostTerminal,
  setuidFiles, rootWritable, mountNamespace, kernelFilesystems, apparmorOff, apparmorContent, selinuxOff, seccompOff, seccompDenylist, seccompAbi,
  seccompDiffers, securityModules, seccompSupervised, userNamespace, idRangeOverlap, hostGroups, cpuFlaws, coreScheduling, speculation, sharedPageCache,
  engineVersions, engineCopies, engineDeleted, enginePort, engineSocketUsers, engineSettings, engineFiles, engineVulnerabilities, declaredDrift, execPrivileges,
  newPrivileges, nestedService,
];
