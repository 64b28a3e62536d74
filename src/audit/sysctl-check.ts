/** Checks that read one number of the kernel's settings. Pure. */
import type { CheckInfo } from "../report/finding.ts";
import type { HostCheck } from "./check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "./check.ts";

interface SysctlCheck extends CheckInfo {
  /** Path below /proc/sys. */
  readonly sysctl: string;
  readonly good: (value: number) => boolean;
  /** What a bad value means. */
  readonly found: (value: number) => string;
  /** Absent: the kernel without it is asked nothing; present: it is as if it had this value. */
  readonly absent?: number;
}

export function sysctlCheck({ sysctl, good, found, absent, ...info }: SysctlCheck): HostCheck {
  const path = `/proc/sys/${sysctl}`;
  return {
    ...info,
    scope: "host",
    reads: { files: [path] },
    evaluate({ host }) {
      const text = host.files.get(path) ?? -2;
      if (text === -2 && absent === undefined) return inapplicable("this kernel has no such setting", evidenceOf(path, text));
      const value = text === -2 ? absent : typeof text === "string" && /^-?[0-9]{1,19}$/.test(text.trim()) ? Number(text) : undefined;
      if (value === undefined) return unknown("the setting could not be read", evidenceOf(path, text));
      return good(value) ? pass(`${value}`, saw(path, value)) : finding(found(value), evidenceOf(path, text));
    },
  };
}
