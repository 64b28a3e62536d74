import { finding, inapplicable, pass, saw } from "../check.ts";
import type { HostCheck } from "../check.ts";

export const check: HostCheck = {
  scope: "host",
  id: "K03",
  name: "live-patch",
  title: "A live patch of the kernel is not in force",
  severity: "low",
  why: "A live patch that is switched off protects nobody, and one in transition only the tasks that have passed a safe point. Until then a fix that seems to be there is not.",
  references: ["T1068"],
  remedy: { text: "Look which tasks hold the transition up, and let them go on or restart them", host: "cat /sys/kernel/livepatch/*/transition; grep -l 0 /proc/*/patch_state" },
  evaluate({ host: { kernel } }) {
    if (kernel.livepatches.length === 0) return inapplicable("there is none", saw("/sys/kernel/livepatch", ""));
    return kernel.livepatches.map(({ name, enabled, transition }) => {
      const evidence = saw(`/sys/kernel/livepatch/${name}`, `enabled ${enabled ? 1 : 0}, transition ${transition ? 1 : 0}`);
      if (!enabled) return finding(`${name} is switched off`, evidence);
      return transition ? finding(`${name} is in transition`, evidence) : pass(`${name} is in force`, evidence);
    });
  },
};
