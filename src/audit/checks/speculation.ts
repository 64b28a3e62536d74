import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "S07",
  name: "speculation",
  title: "Its threads speculate past stores or indirect branches unmitigated",
  severity: "low",
  why: "A process that runs foreign code in itself, as browsers and plugin hosts do, can be read by that code; engines before Linux 5.16 switched this off with every seccomp filter.",
  references: ["CVE-2018-3639", "CVE-2017-5715"],
  remedy: {
    text: "For programs that run foreign code in their own process: switch speculation off with prctl(PR_SET_SPECULATION_CTRL), or by SECCOMP_FILTER_FLAG_SPEC_ALLOW left out and spec_store_bypass_disable=seccomp",
    host: "spec_store_bypass_disable=seccomp spectre_v2_user=seccomp   # on the kernel's command line",
  },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { storeBypass, indirectBranch } }) => {
      if (storeBypass === undefined || indirectBranch === undefined) return { verdict: "unknown", text: "this kernel does not tell", value: "" };
      const value = `Speculation_Store_Bypass: ${storeBypass}; SpeculationIndirectBranch: ${indirectBranch}`;
      const open = [storeBypass, indirectBranch].filter((word) => /^(thread )?vulnerable$|^always enabled$/.test(word));
      return open.length > 0 ? { verdict: "finding", text: [...new Set(open)].join(", "), value } : { verdict: "pass", text: "mitigated, off, or the CPU needs none", value };
    }),
};
