import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";

const KEXEC = "/proc/sys/kernel/kexec_load_disabled";
const LOCKDOWN = "/sys/kernel/security/lockdown";
const SIGNATURES = "/sys/module/module/parameters/sig_enforce";
const MODULES = "/proc/modules";
const ENOENT = -2;

export const check: HostCheck = {
  scope: "host",
  id: "K15",
  name: "kernel-lockdown",
  title: "Root of the host may replace the kernel that runs",
  severity: "low",
  why:
    "Without lockdown, signed modules and a shut kexec, root reads and writes the kernel's memory and boots another one. Whoever breaks out of a container as root then stays unseen: " +
    "lockdown keeps the kernel a witness.",
  references: ["T1014"],
  remedy: {
    text: "Switch on lockdown in its integrity mode; it implies signed modules and no unsigned kexec",
    host: "lockdown=integrity   # on the kernel's command line\nsysctl -w kernel.kexec_load_disabled=1",
  },
  reads: { files: [KEXEC, LOCKDOWN, SIGNATURES, MODULES] },
  evaluate({ host: { files } }) {
    const lockdown = files.get(LOCKDOWN);
    const mode = typeof lockdown === "string" ? /\[([a-z]+)\]/.exec(lockdown)?.[1] : undefined;
    const [kexec, signatures] = [files.get(KEXEC), files.get(SIGNATURES)];
    const evidence = [[LOCKDOWN, lockdown], [KEXEC, kexec], [SIGNATURES, signatures]].map(([path, value]) => evidenceOf(String(path), value ?? "not read"));
    if (mode === "integrity" || mode === "confidentiality") return pass(`lockdown in ${mode} mode`, ...evidence);
    const open = [
      ...(kexec === "0" ? ["kexec is open"] : []),
      ...(signatures === "N" ? ["modules need no signature"] : []),
    ];
    if (open.length > 0) return finding(`${open.join(", ")}; ${mode === undefined ? "lockdown could not be read" : "no lockdown"}`, ...evidence);
    if (kexec === ENOENT && files.get(MODULES) === ENOENT) return pass("this kernel has neither kexec nor modules", ...evidence, saw(MODULES, "ENOENT"));
    return mode === undefined ? unknown("neither lockdown nor kexec could be read", ...evidence) : pass("kexec is shut and modules are signed", ...evidence);
  },
};
