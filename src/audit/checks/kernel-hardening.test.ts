import { expect, test } from "bun:test";
import { answersOf, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./kernel-hardening.ts";

test("words on the command line and sysctls are found one by one", () => {
  const host = debian({ "/proc/cmdline": "quiet mitigations=off nokaslr", "/proc/sys/fs/protected_symlinks": "0", "/proc/sys/vm/mmap_min_addr": "4095" });
  expect(answersOf(check, { host }).map(({ severity, text }) => `${severity}: ${text}`)).toEqual([
    "high: mitigations of CPU flaws are off (mitigations=off)", "high: the kernel's addresses are not random (nokaslr)", "high: programs may map page zero",
    "medium: symbolic links in /tmp are followed for others",
  ]);
});

test("Debian's defaults pass, as does Firecracker's way to say auto", () => {
  const good = { "/proc/cmdline": "mitigations=auto,no_guest_host", "/proc/sys/kernel/randomize_va_space": "2", "/proc/sys/vm/mmap_min_addr": "65536", "/proc/sys/fs/protected_symlinks": "1" };
  expect(told(check, { host: debian(good) })).toEqual(["pass: 4 settings are as they should be"]);
});

test("a command line that cannot be read is unknown", () => {
  expect(told(check, { host: debian({ "/proc/cmdline": -13 }) })).toEqual(["unknown: the kernel's command line could not be read"]);
});
