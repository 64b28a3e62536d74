import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./bpf-call.ts";

const FILE = "/proc/sys/kernel/unprivileged_bpf_disabled";

test("with CAP_BPF of the host it is in reach, else the sysctl refuses it", () => {
  expect(told(check, { container: unfiltered(1n << 39n), host: debian() })).toEqual(["finding: bpf can be called"]);
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["pass: kernel.unprivileged_bpf_disabled is 2, and it has no CAP_BPF"]);
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: "0" }) })).toEqual(["finding: bpf can be called"]);
});

test("the filter refuses it, and a sysctl that cannot be read is unknown", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian({ [FILE]: "0" }) })).toEqual(["pass: the seccomp filter refuses it"]);
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: -13 }) })).toEqual(["unknown: kernel.unprivileged_bpf_disabled could not be read"]);
});
