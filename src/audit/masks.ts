/** Whether paths of /proc and /sys are covered in a container. Pure. */
import { maskFault } from "../engine/compare-mounts.ts";
import type { Answer } from "../report/finding.ts";
import { finding, pass, saw, unknown } from "./check.ts";
import type { ContainerFacts } from "./facts.ts";

/** One answer for all of `paths`: those that are open, by name. A path that this kernel does not have is as good as covered. */
export function maskAnswer({ container, mounts, paths }: ContainerFacts, wanted: readonly string[]): Answer {
  const root = `/proc/${container.initPid ?? 0}/root`;
  if (typeof mounts === "number") return unknown("its mount table could not be read", saw(`/proc/${container.initPid ?? 0}/mountinfo`, mounts));
  const faults = wanted.flatMap((path) => {
    const fault = maskFault(path, paths.get(path), mounts);
    return fault === undefined ? [] : [{ path, fault }];
  });
  const open = faults.filter(({ fault }) => fault.ok === "no").map(({ path }) => path);
  const shown = open.slice(0, 5);
  const more = open.length > shown.length ? ` and ${open.length - shown.length} more` : "";
  if (open.length > 0) return finding(shown.join(", ") + more, ...shown.map((path) => saw(`${root}${path}`, "not covered")));
  const [dark] = faults;
  if (dark !== undefined) return unknown(dark.fault.text, saw(`${root}${dark.path}`, ""));
  return pass("covered, or not there", saw(root, wanted.join(" ")));
}
