/** The kernel's release string (uname -r) as a version to compare with. Pure. */
import { PidboxError } from "../base/error.ts";
import { isDecimal, quote } from "../base/text.ts";

export interface KernelRelease {
  /** The whole string, as the kernel gave it; not made printable. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  /** The third number, 0 if there is none. Distributions freeze it (Debian's 6.1.0-38 is 6.1.147), so it says little about fixes. */
  readonly patch: number;
  /** What follows the numbers, with its first character: `-fc-v669`, `-rc3`, `+`, WSL's `.4-microsoft-standard-WSL2`, or nothing. */
  readonly suffix: string;
}

/** Two numbers such as [5, 14]: the first release that has something. */
export type KernelVersion = readonly [major: number, minor: number];

/** The number in `text` from `at` on; empty if there is none of one to five digits. */
function numberAt(text: string, at: number): string {
  let end = at;
  while (end < at + 6 && isDecimal(text[end], 1)) end++;
  return end < at + 6 ? text.slice(at, end) : "";
}

// utsname fields are 65 bytes (uname(2)); whatever is longer did not come from a kernel.
function isSuffix(text: string): boolean {
  if (text.length > 65) return false;
  return text === "" || (text.startsWith(".") ? isDecimal(text[1], 1) : text.trimStart() === text && !isDecimal(text[0], 1));
}

/** Reads a release such as `6.18.44-fc-v669`, `5.14.0-427.el9.x86_64`, `6.8-rc1` or `6.12`. Throws PARSE on anything else. */
export function parseKernelRelease(text: string): KernelRelease {
  const major = numberAt(text, 0);
  const minor = text[major.length] === "." ? numberAt(text, major.length + 1) : "";
  const end = major.length + 1 + minor.length;
  const patch = text[end] === "." ? numberAt(text, end + 1) : "";
  const suffix = text.slice(patch === "" ? end : end + 1 + patch.length);
  if (major === "" || minor === "" || !isSuffix(suffix)) {
    throw new PidboxError("PARSE", `Cannot read kernel release ${quote(text, 80)}: expected numbers such as 6.1.0`);
  }
  return { text, major: Number(major), minor: Number(minor), patch: Number(patch), suffix };
}

/** Negative, zero or positive as `a` is older than, the same as or newer than `b`, by the first two numbers. */
export function compareKernel(a: KernelVersion, b: KernelVersion): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Whether `release` is `minimum` or newer. Distributions backport, so `false` does not prove that a feature is absent. */
export function isAtLeast(release: { readonly major: number; readonly minor: number }, minimum: KernelVersion): boolean {
  return compareKernel([release.major, release.minor], minimum) >= 0;
}
