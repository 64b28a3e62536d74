/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */
import type { Check } from "./check.ts";
import { check as afAlg } from "./checks/af-alg.ts";
import { check as apparmorContent } from "./checks/apparmor-content.ts";
import { check as apparmorOff } from "./checks/apparmor-off.ts";
import { check as bpfCall } from "./checks/bpf-call.ts";
import { check as capabilitiesBeyondDocker } from "./checks/capabilities-beyond-docker.ts";
import { check as dangerousCalls } from "./checks/dangerous-calls.ts";
import { check as engineCopies } from "./checks/engine-copies.ts";
import { check as engineDeleted } from "./checks/engine-deleted.ts";
import { check as engineFiles } from "./checks/engine-files.ts";
import { check as enginePort } from "./checks/engine-port.ts";
import { check as engineSettings } from "./checks/engine-settings.ts";
import { check as engineSocket } from "./checks/engine-socket.ts";
import { check as engineVersions } from "./checks/engine-versions.ts";
import { check as engineVulnerabilities } from "./checks/engine-vulnerabilities.ts";
import { check as ioUring } from "./checks/io-uring.ts";
import { check as kernelBranch } from "./checks/kernel-branch.ts";
import { check as kernelHardening } from "./checks/kernel-hardening.ts";
import { check as kernelLockdown } from "./checks/kernel-lockdown.ts";
import { check as kernelTls } from "./checks/kernel-tls.ts";
import { check as knownVulnerabilities } from "./checks/known-vulnerabilities.ts";
import { check as livePatch } from "./checks/live-patch.ts";
import { check as moduleLoading } from "./checks/module-loading.ts";
import { check as networkAdministration } from "./checks/network-administration.ts";
import { check as perfEvents } from "./checks/perf-events.ts";
import { check as pidNamespace } from "./checks/pid-namespace.ts";
import { check as protocolModules } from "./checks/protocol-modules.ts";
import { check as ptraceScope } from "./checks/ptrace-scope.ts";
import { check as rebootPending } from "./checks/reboot-pending.ts";
import { check as seccompAbi } from "./checks/seccomp-abi.ts";
import { check as seccompDenylist } from "./checks/seccomp-denylist.ts";
import { check as seccompDiffers } from "./checks/seccomp-differs.ts";
import { check as seccompOff } from "./checks/seccomp-off.ts";
import { check as seccompSupervised } from "./checks/seccomp-supervised.ts";
import { check as securityModules } from "./checks/security-modules.ts";
import { check as selinuxOff } from "./checks/selinux-off.ts";
import { check as socketcall } from "./checks/socketcall.ts";
import { check as userFaults } from "./checks/user-faults.ts";
import { check as userNamespacesCreatable } from "./checks/user-namespaces-creatable.ts";

export const CHECKS: readonly Check[] = [
  capabilitiesBeyondDocker, knownVulnerabilities, rebootPending, livePatch, userNamespacesCreatable, afAlg, socketcall, protocolModules, kernelTls, ioUring,
  bpfCall, perfEvents, networkAdministration, dangerousCalls, moduleLoading, kernelLockdown, kernelHardening, ptraceScope, kernelBranch, userFaults,
  pidNamespace, apparmorOff, apparmorContent, selinuxOff, seccompOff, seccompDenylist, seccompAbi, seccompDiffers, securityModules, seccompSupervised,
  engineVersions, engineCopies, engineDeleted, enginePort, engineSocket, engineSettings, engineFiles, engineVulnerabilities,
];
