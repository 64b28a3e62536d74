import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { isReachable } from "../module-state.ts";
import { callOf, fateOf, filterEvidence, unknownFilter, worstFate } from "../syscall-filter.ts";

const SYS_SOCKET = 1n;
const FAMILIES = [{ name: "AF_ALG", number: 38n, module: "af_alg" }, { name: "AF_VSOCK", number: 40n, module: "vsock" }] as const;

export const check: ContainerCheck = {
  scope: "container",
  id: "K06",
  name: "socketcall",
  title: "32-bit calls make sockets that the filter denies",
  severity: "high",
  why:
    "socketcall(2) of the i386 ABI passes the family of a socket in memory, where no filter sees it. A filter that denies AF_ALG or AF_VSOCK in socket(2) " +
    "and lets socketcall run denies nothing to a program that calls int 0x80.",
  references: ["CVE-2026-31431", "T1068"],
  remedy: {
    text: "Deny socketcall, or the i386 ABI as a whole: 64-bit images need neither",
    docker: "docker run --security-opt seccomp=FILE   # a profile without SCMP_ARCH_X86 in archMap",
    podman: "podman run --security-opt seccomp=FILE",
    host: "ia32_emulation=0   # on the kernel's command line",
  },
  reads: { files: ["/proc/cmdline"] },
  evaluate(container, { host: { kernel, files } }) {
    if (kernel.machine !== "x64") return inapplicable("the i386 ABI is x86-64's", { source: "machine", value: kernel.machine });
    const { config } = kernel;
    const line = files.get("/proc/cmdline");
    const off = typeof line === "string" && /(^| )ia32_emulation=(0|n|off|false)( |$)/.test(line);
    const without = typeof config !== "number" && config.get("CONFIG_IA32_EMULATION") !== "y";
    if (off || without) return pass("the kernel runs no 32-bit programs", { source: off ? "/proc/cmdline" : "CONFIG_IA32_EMULATION", value: off ? "ia32_emulation=0" : "n" });
    const there = FAMILIES.filter(({ module }) => isReachable(kernel.modules.get(module)) !== false);
    const modules = FAMILIES.map(({ module }) => ({ source: `kernel module ${module}`, value: kernel.modules.get(module) ?? "unknown" }));
    if (there.length === 0) return pass("the kernel has neither AF_ALG nor AF_VSOCK", ...modules);
    const evidence = filterEvidence(container);
    const native = there.map(({ name, number }) => ({ name, number, fate: fateOf(container, callOf("x64", "socket", [number])) }));
    if (native.some(({ fate }) => fate === "unknown" || fate === "asked")) return unknown(unknownFilter(container), evidence);
    const denied = native.filter(({ fate }) => fate === "refused");
    if (denied.length === 0) return inapplicable("socket(2) itself makes them", evidence);
    const calls = denied.flatMap(({ number }) => [callOf("i386", "socketcall", [SYS_SOCKET]), callOf("i386", "socket", [number])]);
    const fate = worstFate(container, calls);
    const names = denied.map(({ name }) => name).join(" and ");
    if (fate === "runs") return finding(`${names}: denied to 64-bit calls alone`, evidence);
    return fate === "refused" ? pass(`${names}: denied to 32-bit calls too`, evidence) : unknown(unknownFilter(container), evidence);
  },
};
