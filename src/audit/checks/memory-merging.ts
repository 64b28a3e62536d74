import type { HostCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";

const RUN = "/sys/kernel/mm/ksm/run";

export const check: HostCheck = {
  scope: "host",
  id: "L20",
  name: "memory-merging",
  title: "Equal pages of different containers are merged",
  severity: "low",
  why: "A write to a merged page is slower: a container that guesses a page of another's memory can time whether it is there, and Rowhammer then reaches it (Flip Feng Shui).",
  references: ["T1082"],
  remedy: { text: "Switch same-page merging off where containers do not trust each other", host: "echo 2 > /sys/kernel/mm/ksm/run" },
  reads: { files: [RUN, "/sys/kernel/mm/ksm/pages_shared"] },
  evaluate({ host }) {
    const run = host.files.get(RUN) ?? -2;
    if (run === -2) return inapplicable("this kernel has none", evidenceOf(RUN, run));
    if (typeof run === "number") return unknown("whether it runs could not be read", evidenceOf(RUN, run));
    const shared = host.files.get("/sys/kernel/mm/ksm/pages_shared") ?? -2;
    return run.trim() === "1" ? finding(`it runs; ${String(shared)} pages are shared`, saw(RUN, run)) : pass("it does not run", saw(RUN, run));
  },
};
