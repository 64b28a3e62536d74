import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./perf-events.ts";

const FILE = "/proc/sys/kernel/perf_event_paranoid";

test("3 forbids it on Debian, and means 2 on a kernel of upstream", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["pass: kernel.perf_event_paranoid is 3, and it has no CAP_PERFMON"]);
  expect(told(check, { container: unfiltered(), host: debian({}, { build: "#1 SMP" }) })).toEqual(["finding: perf_event_open can be called"]);
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: "2" }) })).toEqual(["finding: perf_event_open can be called"]);
});

test("the filter refuses it, and without one that was read it is unknown where the sysctl lets it through", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian({ [FILE]: "2" }) })).toEqual(["pass: the seccomp filter refuses it"]);
  expect(told(check, { host: debian({ [FILE]: "2" }) })[0]).toStartWith("unknown: what its seccomp filter");
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: -2 }) })).toEqual(["pass: this kernel has no perf events"]);
});
