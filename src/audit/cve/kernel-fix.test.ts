import { expect, test } from "bun:test";
import { auditFacts } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import type { HostFacts } from "../facts.ts";
import type { CveRecord } from "./data.ts";
import { isUpstream, kernelFixes, kernelPackage } from "./kernel-fix.ts";
import { CVE_DATA } from "./records.ts";

const DIRTY_FRAG = CVE_DATA.records.filter(({ id }) => id === "CVE-2026-43284");
const IPV6 = CVE_DATA.records.filter(({ id }) => id === "CVE-2026-53362");

function told(host: HostFacts, records: readonly CveRecord[] = DIRTY_FRAG): string {
  const [first] = kernelFixes(auditFacts({ host, cves: { ...CVE_DATA, records } }));
  return `${first?.fix.state ?? ""}: ${first?.fix.why ?? ""}`;
}

const build = (version: string, codename = "bookworm"): HostFacts => debian({}, { build: `#1 SMP PREEMPT_DYNAMIC Debian ${version} (2026-05-12)`, codename });

test("Debian's own data counts, though its version is below upstream's", () => {
  expect(told(build("6.1.170-3"))).toBe("fixed: fixed in 6.1.170-3");
  expect(told(build("6.1.170-2"))).toBe("affected: debian fixed it in 6.1.170-3");
});

test("a kernel of a newer release on an older host is compared with that release's fix", () => {
  expect(told(build("6.12.86-1~bpo12+1"))).toBe("fixed: fixed in 6.12.86-1");
  expect(told(build("6.12.85-1~bpo12+1"))).toBe("affected: debian fixed it in 6.12.86-1");
});

test("what the package is made from has the fix, or nothing is known", () => {
  expect(told(build("6.6.138-1"))).toBe("fixed: it is made from 6.6.138");
  expect(told(build("6.6.137-1"))).toBe("unknown: the data does not name the fix of this package");
});

test("the changelog of the package that runs counts", () => {
  const host = build("6.6.137-1");
  expect(told({ ...host, kernel: { ...host.kernel, changelog: ["CVE-2026-43284"] } })).toBe("fixed: the changelog of its package names it");
});

test("Ubuntu says its version and what it is made from", () => {
  const ubuntu = (signature: string, codename: string): HostFacts => {
    return debian({ "/proc/version_signature": signature }, { build: "#117-Ubuntu SMP", distribution: "ubuntu", codename });
  };
  expect(told(ubuntu("Ubuntu 6.8.0-124.124-generic 6.8.12", "noble"))).toBe("fixed: fixed in 6.8.0-124.124");
  expect(told(ubuntu("Ubuntu 6.8.0-124.124~22.04.1-generic 6.8.12", "jammy"))).toBe("fixed: fixed in 6.8.0-124.124");
  expect(told(ubuntu("Ubuntu 6.8.0-117.117-generic 6.8.12", "noble"))).toBe("affected: ubuntu fixed it in 6.8.0-124.124");
  expect(told(ubuntu("Ubuntu 6.8.0-1030.32-aws 6.8.12", "noble"))).toBe("unknown: the data does not name the fix of this package");
  expect(told(ubuntu("Ubuntu 6.8.0-124.124-generic 6.8.12", "noble"), IPV6)).toBe("affected: ubuntu noble had no fix when the data was made");
});

test("a release that was never affected is fixed", () => {
  expect(told(build("5.10.209-2", "bullseye"), IPV6)).toBe("fixed: debian bullseye was never affected");
});

test("upstream's ranges are for upstream's kernels alone", () => {
  const host = (release: string): HostFacts => ({ ...debian({}, { build: "#1 SMP", distribution: "", codename: "" }), release });
  expect(told(host("6.18.44-fc-v669"))).toBe("fixed: by upstream's version");
  expect(told(host("6.18.27"))).toStartWith("affected: upstream fixed it in ");
  expect(told(host("6.13.1-arch1-1"))).toBe("unknown: the data does not name the fix of this branch");
  expect(told(host("5.14.0-427.el9.x86_64"))).toBe("unknown: its builder's fixes are not known");
  const changed = ["6.12.9-200.fc41.x86_64", "6.6.50-0-lts", "6.4.0-150600-default", "6.1.0-42-amd64", "6.6.36.3-microsoft-standard-WSL2"];
  for (const release of changed) expect(isUpstream(host(release))).toBe(false);
});

test("a live patch makes an open one unknown, or fixed where its name has the number", () => {
  const patch = (name: string, transition = false): HostFacts => {
    const host = build("6.1.170-2");
    return { ...host, kernel: { ...host.kernel, livepatches: [{ name, enabled: true, transition }] } };
  };
  expect(told(patch("lkp_1"))).toBe("unknown: the live patch lkp_1 may have fixed it");
  expect(told(patch("fix_cve_2026_43284"))).toBe("fixed: the live patch fix_cve_2026_43284");
  expect(told(patch("fix-CVE-2026-43284", true))).toStartWith("unknown: ");
});

test("a hole of Ubuntu's own is no hole of others", () => {
  expect(told(build("6.1.1-1"), CVE_DATA.records.filter(({ id }) => id === "CVE-2023-2640"))).toBe("fixed: only kernels of ubuntu had it");
});

test("what is no package is none", () => {
  expect(kernelPackage(debian({ "/proc/version_signature": "Ubuntu nonsense" }, { build: "#1 SMP" }))).toBeUndefined();
});
