import { finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";
import { isUpstream, kernelPackage, VERSION_SIGNATURE } from "../cve/kernel-fix.ts";
import { compareVersions, parseVersion } from "../cve/version.ts";

export const check: HostCheck = {
  scope: "host",
  id: "K18",
  name: "kernel-branch",
  title: "The kernel's branch gets no fixes any more",
  severity: "high",
  why: "Fixes go to the branches that kernel.org still maintains. On another one every hole that is found from now on stays open, and becomes public with the fix of the others.",
  references: ["T1068"],
  remedy: { text: "Move to a long-term branch that is maintained, or to the distribution's kernel" },
  reads: { files: [VERSION_SIGNATURE] },
  evaluate({ host, cves, taken }) {
    const evidence = saw("/proc/sys/kernel/osrelease", host.release);
    const own = kernelPackage(host);
    if (own !== undefined) return inapplicable(`${own.distribution} maintains it`, evidence, saw("/proc/sys/kernel/version", host.kernel.build));
    const version = parseVersion(host.release);
    if (version === undefined || !isUpstream(host)) return unknown("who maintains this kernel is not known", evidence, saw("/proc/sys/kernel/version", host.kernel.build));
    const branch = version.numbers.slice(0, 2).join(".");
    const known = cves.branches.filter(({ component }) => component === "linux");
    const end = known.find((one) => one.branch === branch)?.end;
    if (end !== undefined) {
      const ended = Date.parse(`${end}T23:59:59Z`) < taken;
      return ended ? finding(`${branch} was maintained until ${end}`, evidence) : pass(`${branch} is maintained until ${end}`, evidence);
    }
    const newest = known.map((one) => parseVersion(one.branch)).filter((one) => one !== undefined).toSorted(compareVersions).at(-1);
    if (newest === undefined || compareVersions(version, newest) > 0) return unknown(`the data of ${cves.date} does not say how long ${branch} is maintained`, evidence);
    return finding(`${branch} was no long-term branch, and is maintained no more`, evidence);
  },
};
