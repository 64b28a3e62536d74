import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./socketcall.ts";

test("Docker's filter denies AF_VSOCK to 64-bit calls alone", () => {
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual(["finding: AF_VSOCK: denied to 64-bit calls alone"]);
});

test("pidbox's denies the i386 ABI as a whole", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: AF_ALG and AF_VSOCK: denied to 32-bit calls too"]);
});

test("it does not matter without a filter, without the ABI or without the families, and is unknown where the filter is", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["not-applicable: socket(2) itself makes them"]);
  expect(told(check, { container: withFilter(DOCKER), host: debian({}, { config: new Map() }) })).toEqual(["pass: the kernel runs no 32-bit programs"]);
  expect(told(check, { container: withFilter(DOCKER), host: debian({ "/proc/cmdline": "quiet ia32_emulation=0" }) })).toEqual(["pass: the kernel runs no 32-bit programs"]);
  const none = debian({}, { modules: new Map([["af_alg", "absent"], ["vsock", "disabled"]]) });
  expect(told(check, { container: withFilter(DOCKER), host: none })).toEqual(["pass: the kernel has neither AF_ALG nor AF_VSOCK"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter allows is not known");
  expect(told(check, { container: withFilter(DOCKER), host: debian({}, { machine: "arm64" }) })).toEqual(["not-applicable: the i386 ABI is x86-64's"]);
});
