/** `pidbox-oci features`: what this build can do (features.md of the runtime specification), whatever the host. */
import { version } from "../../../package.json";
import { CAPABILITIES } from "../../kernel/abi/capabilities.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { syscall } from "../../kernel/ffi.ts";
import { SECCOMP_FILTER_FLAGS } from "../../plan/seccomp-action.ts";
import { mountOptionNames } from "../../spec/mount-options.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES, NAMESPACE_WORDS } from "../../spec/validate-linux.ts";
import { HOOK_PHASES } from "../../spec/validate-process.ts";
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from "../../spec/validate-seccomp.ts";
import { SPEC_VERSION } from "./verb.ts";
import type { OciVerb } from "./verb.ts";
import { commit } from "./version.ts";

const SECCOMP_SET_MODE_FILTER = 1;
/** SECCOMP_FILTER_FLAG_NEW_LISTENER, without which the kernel refuses WAIT_KILLABLE_RECV. */
const NEW_LISTENER = 8;
const EFAULT = -14;

/** Flags that the running kernel takes: it looks at them before it reads the filter, which is not there. */
function supportedFlags(): string[] {
  return SECCOMP_FLAGS.filter((flag) => {
    const listener = flag === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" ? NEW_LISTENER : 0;
    return syscall(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAGS[flag] | listener, 0) === EFAULT;
  });
}

function document(): Record<string, unknown> {
  const enabled = { enabled: true };
  const annotations = {
    "io.github.pidbox.commit": commit(), "io.github.pidbox.version": version,
    // Engines ask for this one by runc's name.
    "org.opencontainers.runc.checkpoint.enabled": "false",
  };
  return {
    ociVersionMin: "1.0.0", ociVersionMax: SPEC_VERSION, hooks: HOOK_PHASES, mountOptions: mountOptionNames(),
    linux: {
      namespaces: [...NAMESPACE_WORDS].sort(), capabilities: CAPABILITIES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        ...enabled, actions: [...SECCOMP_ACTIONS].sort(), operators: [...SECCOMP_OPERATORS].sort(), archs: [...SECCOMP_ARCHITECTURES].sort(),
        knownFlags: [...SECCOMP_FLAGS].sort(), supportedFlags: supportedFlags().sort(),
      },
      apparmor: enabled, selinux: enabled, intelRdt: { enabled: false }, mountExtensions: { idmap: enabled }, netDevices: enabled,
      memoryPolicy: { modes: MEMORY_POLICY_MODES, flags: MEMORY_POLICY_FLAGS },
    },
    annotations,
    // No annotation changes what is done with a container.
    potentiallyUnsafeConfigAnnotations: [],
  };
}

export const features: OciVerb = {
  name: "features",
  summary: "show the enabled features",
  usage: "",
  description: "Show the enabled features. The result is parsable as a JSON: see features.md of the runtime specification.",
  options: [],
  operands: [],
  run() {
    return { exit: 0, text: `${JSON.stringify(document(), null, 4)}\n` };
  },
};
