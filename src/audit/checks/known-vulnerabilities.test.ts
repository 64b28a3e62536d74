import { expect, test } from "bun:test";
import { answersOf, auditFacts, containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { capable, debian, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import type { CveRecord } from "../cve/data.ts";
import type { ContainerFacts, HostFacts } from "../facts.ts";
import { check } from "./known-vulnerabilities.ts";

const record = (changes: Partial<CveRecord>): CveRecord => {
  return { id: "CVE-2030-0001", name: "thing", component: "linux", severity: "high", fixed: ["7.0"], ...changes };
};
const COPY_FAIL = record({
  id: "CVE-2030-0002", name: "algebra", severity: "critical", exploited: true, introduced: "4.14", fixed: ["6.18.50"], needs: ["af-alg"],
});
const upstream = (release: string, files = {}): HostFacts => {
  return { ...debian(files, { build: "#1 SMP", distribution: "arch", codename: "", securityModules: ["capability"] }), release };
};

function answers(records: readonly CveRecord[], host: HostFacts, container: ContainerFacts): string[] {
  return told(check, { container, facts: auditFacts({ host, containers: [container], cves: { date: "2030-01-01", records, branches: [] } }) });
}

test("one that is open and in reach is found with how it is reached", () => {
  const [found] = answers([COPY_FAIL], upstream("6.18.44"), unfiltered());
  expect(found).toBe("finding: CVE-2030-0002 (algebra), which is exploited: upstream fixed it in 6.18.50; AF_ALG sockets can be made");
  expect(answers([record({ fixed: ["6.18.50"], needs: [] })], upstream("6.18.44"), withFilter(STRICT))[0]).toStartWith("finding: CVE-2030-0001 (thing): upstream fixed it");
});

test("one that is kept away is blocked, with the name of what does it", () => {
  const [first, second] = answers([COPY_FAIL], upstream("6.18.44"), withFilter(STRICT));
  expect(first).toBe("blocked by seccomp: CVE-2030-0002 (algebra), which is exploited: the seccomp filter refuses it");
  expect(second).toBe("pass: 0 of 1 known until 2030-01-01 are fixed, and the others are out of reach");
  const netfilter = record({ fixed: ["6.18.50"], needs: ["net-admin"] });
  expect(answers([netfilter], upstream("6.18.44"), withFilter(DOCKER))[0]).toStartWith("blocked by seccomp: CVE-2030-0001 (thing): it has no CAP_NET_ADMIN");
  expect(answers([netfilter], upstream("6.18.44"), capable(1n << 12n, DOCKER))[0]).toStartWith("finding: CVE-2030-0001 (thing)");
  expect(answers([netfilter], upstream("6.18.44", { "/proc/sys/user/max_user_namespaces": "0" }), unfiltered())[0]).toStartWith("blocked by user.max_user_namespaces: ");
});

test("a fixed kernel passes, and a part that the kernel does not have is nothing to reach", () => {
  const pass = "pass: 1 of 1 known until 2030-01-01 are fixed, and the others are out of reach";
  expect(answers([COPY_FAIL], upstream("6.18.50"), unfiltered())).toEqual([pass]);
  const without = { ...upstream("6.18.44"), kernel: { ...upstream("").kernel, modules: new Map([["af_alg", "absent"]] as const) } };
  expect(answers([COPY_FAIL], without, unfiltered())).toEqual(["pass: 0 of 1 known until 2030-01-01 are fixed, and the others are out of reach"]);
});

test("what is not known of the kernel is one answer for all, never a finding", () => {
  const many = Array.from({ length: 8 }, (_, i) => record({ id: `CVE-2030-100${i}`, fixed: ["6.18.50"] }));
  const host = { ...upstream(""), release: "5.14.0-427.el9.x86_64" };
  const facts = auditFacts({ host, cves: { date: "2030-01-01", records: many, branches: [] } });
  const answer = answersOf(check, { container: unfiltered(), facts });
  expect(answer.map(({ verdict }) => verdict)).toEqual(["unknown"]);
  expect(answer[0]?.text).toBe(
    "whether this kernel has the fixes of CVE-2030-1000, CVE-2030-1001, CVE-2030-1002, CVE-2030-1003, CVE-2030-1004, CVE-2030-1005 and 2 more: its builder's fixes are not known",
  );
});

test("those whose filter nobody has read are one unknown", () => {
  const two = [record({ fixed: ["6.18.50"], needs: ["io-uring"] }), record({ id: "CVE-2030-0003", fixed: ["6.18.50"], needs: ["bpf", "io-uring"] })];
  const files = { "/proc/sys/kernel/unprivileged_bpf_disabled": "0" };
  expect(answers(two, upstream("6.18.44", files), containerFacts())).toEqual([
    "unknown: CVE-2030-0001, CVE-2030-0003 are not fixed, and whether the container reaches what they need is not known: what its seccomp filter allows is not known: nobody asked",
  ]);
});
