import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./kernel-lockdown.ts";

const KEXEC = "/proc/sys/kernel/kexec_load_disabled";
const LOCKDOWN = "/sys/kernel/security/lockdown";
const SIGNATURES = "/sys/module/module/parameters/sig_enforce";

test("open kexec and unsigned modules are found, lockdown passes", () => {
  const open = { [KEXEC]: "0", [SIGNATURES]: "N" };
  expect(told(check, { host: debian({ ...open, [LOCKDOWN]: "[none] integrity confidentiality" }) })).toEqual(["finding: kexec is open, modules need no signature; no lockdown"]);
  expect(told(check, { host: debian({ ...open, [LOCKDOWN]: "none [integrity] confidentiality" }) })).toEqual(["pass: lockdown in integrity mode"]);
  expect(told(check, { host: debian({ ...open, [LOCKDOWN]: -13 }) })).toEqual(["finding: kexec is open, modules need no signature; lockdown could not be read"]);
});

test("a kernel with neither passes, and one of which nothing can be read is unknown", () => {
  expect(told(check, { host: debian({ [KEXEC]: -2, [SIGNATURES]: -2, [LOCKDOWN]: -2, "/proc/modules": -2 }) })).toEqual(["pass: this kernel has neither kexec nor modules"]);
  expect(told(check, { host: debian({ [KEXEC]: -13, [SIGNATURES]: -13, [LOCKDOWN]: -13, "/proc/modules": "tls 1 0" }) })).toEqual(["unknown: neither lockdown nor kexec could be read"]);
  expect(told(check, { host: debian({ [KEXEC]: "1", [SIGNATURES]: "Y", [LOCKDOWN]: "[none] integrity" }) })).toEqual(["pass: kexec is shut and modules are signed"]);
});
