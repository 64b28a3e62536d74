import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { callOf, fateOf, filterEvidence, unknownFilter } from "../syscall-filter.ts";

/** Calls that filters deny. What runs in another ABI and not in the machine's own was forgotten. */
const DENIED: readonly string[] = [
  "mount", "umount2", "pivot_root", "setns", "keyctl", "add_key", "init_module", "finit_module", "kexec_load", "bpf", "open_by_handle_at", "reboot", "ptrace",
  "userfaultfd",
];
const ABIS = ["i386", "x32"] as const;

export const check: ContainerCheck = {
  scope: "container",
  id: "Q06",
  name: "seccomp-abi",
  title: "The seccomp filter forgets the machine's other ABIs",
  severity: "high",
  why:
    "An x86-64 kernel also takes calls with the numbers of i386 and, if built so, of x32. A filter that does not look at the ABI, or has no branch for one, denies a number in one of them " +
    "and lets the same call run in another.",
  references: ["T1611"],
  remedy: {
    text: "Name the other architectures in the profile, or let its default action deny them; libseccomp does",
    docker: "docker run --security-opt seccomp=FILE   # with archMap",
    podman: "podman run --security-opt seccomp=FILE",
    host: "ia32_emulation=0   # on the kernel's command line",
  },
  evaluate(container, { host: { kernel } }) {
    const evidence = filterEvidence(container);
    if (kernel.machine !== "x64") return inapplicable("this machine has one ABI for filters", { source: "machine", value: kernel.machine });
    if (container.tasks.some(({ status }) => status.seccomp === 0)) return inapplicable("a thread has no filter at all", evidence);
    const native = new Map(DENIED.map((name) => [name, fateOf(container, callOf("x64", name))]));
    if ([...native.values()].includes("unknown")) return unknown(unknownFilter(container), evidence);
    const { config } = kernel;
    const there = ABIS.filter((abi) => typeof config === "number" || config.get(abi === "i386" ? "CONFIG_IA32_EMULATION" : "CONFIG_X86_X32_ABI") === "y");
    const forgotten = there.flatMap((abi) => {
      const names = DENIED.filter((name) => native.get(name) === "refused" && fateOf(container, callOf(abi, name)) === "runs");
      return names.length === 0 ? [] : [finding(`${abi}: ${names.join(", ")} run there and are denied to x86-64`, evidence)];
    });
    return forgotten.length > 0 ? forgotten : pass(there.length === 0 ? "this kernel has x86-64 alone" : `${there.join(" and ")}: nothing that is denied runs there`, evidence);
  },
};
