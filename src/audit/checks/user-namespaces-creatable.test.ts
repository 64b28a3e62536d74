import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian, denying, DOCKER, filterOf, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./user-namespaces-creatable.ts";

test("without a filter it may, and one of clone, clone3 and unshare is enough", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["finding: it may make user namespaces"]);
  expect(told(check, { container: withFilter(denying("unshare", "clone")), host: debian() })).toEqual(["finding: it may make user namespaces"]);
  expect(told(check, { container: withFilter(denying("unshare", "clone", "clone3")), host: debian() })).toEqual(["pass: the seccomp filter refuses it"]);
});

test("the filters of pidbox and Docker refuse it", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: the seccomp filter refuses it"]);
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual(["pass: the seccomp filter refuses it"]);
});

test("a sysctl of the host refuses it whatever the filter is, unless root passes it by", () => {
  const off = { "/proc/sys/user/max_user_namespaces": "0" };
  expect(told(check, { container: unfiltered(), host: debian(off) })).toEqual(["pass: user.max_user_namespaces is 0"]);
  const clone = { "/proc/sys/kernel/unprivileged_userns_clone": "0" };
  expect(told(check, { container: unfiltered(), host: debian(clone) })).toEqual(["pass: kernel.unprivileged_userns_clone is 0"]);
  expect(told(check, { container: unfiltered(1n << 21n), host: debian(clone) })).toEqual(["finding: it may make user namespaces"]);
});

test("a filter that nobody has read is unknown", () => {
  const [answer] = told(check, { host: debian() });
  expect(answer).toBe("unknown: what its seccomp filter allows is not known: nobody asked");
});

test("AppArmor's restriction of Ubuntu takes the capabilities away from who is unconfined", () => {
  const host = debian({ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1" });
  const free = { status: status({ seccomp: 0 }), label: "unconfined" };
  expect(told(check, { container: containerFacts({ task: task(free) }), host })).toEqual(["pass: AppArmor leaves no capability in a new user namespace"]);
  const [confined] = told(check, { container: containerFacts({ task: task({ ...free, label: "other (enforce)" }) }), host });
  expect(confined).toStartWith("unknown: AppArmor restricts user namespaces");
});

test("a supervisor of the filter leaves it unknown", () => {
  const filters = filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names: ["unshare"], action: "SCMP_ACT_NOTIFY" }] });
  expect(told(check, { container: withFilter(filters), host: debian() })).toEqual(["unknown: a supervisor of its seccomp filter decides"]);
});
