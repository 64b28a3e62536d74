import { expect, test } from "bun:test";
import { container, containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { capable, debian, denying } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./module-loading.ts";

const loader = capable(1n << 16n);

test("CAP_SYS_MODULE is found, and Docker's capabilities pass", () => {
  expect(told(check, { container: loader, host: debian() })).toEqual(["finding: PID 4711 has CAP_SYS_MODULE"]);
  expect(told(check, { host: debian() })).toEqual(["pass: no CAP_SYS_MODULE"]);
});

test("a user namespace, a sysctl and a filter stop it", () => {
  const own = containerFacts({ ...loader, container: container({ sharedWithHost: [] }) });
  expect(told(check, { container: own, host: debian() })).toEqual(["blocked by user namespace: CAP_SYS_MODULE over its own user namespace, which loads nothing"]);
  const shut = debian({ "/proc/sys/kernel/modules_disabled": "1" });
  expect(told(check, { container: loader, host: shut })).toEqual(["blocked by kernel.modules_disabled: CAP_SYS_MODULE, and modules are shut off until the next boot"]);
  const filtered = capable(1n << 16n, denying("init_module", "finit_module"));
  expect(told(check, { container: filtered, host: debian() })).toEqual(["blocked by seccomp: CAP_SYS_MODULE, and the filter refuses the calls"]);
});

test("a user namespace that is not known counts as the host's", () => {
  const dark = containerFacts({ ...loader, container: container({ sharedWithHost: [], unknown: ["user"] }) });
  expect(told(check, { container: dark, host: debian() })).toEqual(["finding: PID 4711 has CAP_SYS_MODULE"]);
});
