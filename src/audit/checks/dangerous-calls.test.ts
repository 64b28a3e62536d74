import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, denying, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./dangerous-calls.ts";

test("a list of what is denied allows them", () => {
  const answers = told(check, { container: withFilter(denying("mount", "kexec_load")), host: debian() });
  expect(answers[0]).toStartWith("finding: init_module, finit_module, delete_module, kexec_file_load");
  expect(answers[1]).toStartWith("finding: umount2, fsopen");
  expect(answers).toHaveLength(3);
});

test("Docker's allows ptrace, pidbox's none", () => {
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual(["finding: ptrace, process_vm_readv, process_vm_writev"]);
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: none of them"]);
});

test("no filter is another check's, and one that was not read is unknown", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["not-applicable: a thread has no filter at all"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter");
});
