import { VERDICTS } from "../../report/finding.ts";
import type { ContainerCheck } from "../check.ts";
import { pass } from "../check.ts";
import { judgeWritable, writableReads } from "../obstacles.ts";

/** Each names a program that the kernel starts, by type of filesystem and path in it. */
const HELPERS: Readonly<Record<string, readonly string[]>> = {
  proc: ["/sys/kernel/modprobe", "/sys/kernel/hotplug", "/sys/kernel/poweroff_cmd"], sysfs: ["/kernel/uevent_helper"], binfmt_misc: ["/register"],
};

export const check: ContainerCheck = {
  scope: "container",
  id: "P10",
  name: "kernel-helpers",
  title: "Programs that the kernel starts can be chosen",
  severity: "critical",
  why:
    "The kernel starts modprobe, the uevent helper, the poweroff command and interpreters of binfmt_misc as root in the host's own namespaces. " +
    "Their paths are in files; who writes them has the kernel run a program of his own.",
  references: ["PSS baseline (procMount)", "T1611"],
  remedy: {
    text: "Keep /proc/sys and /sys read-only, as engines do, and map root in the container to another user",
    docker: "docker run   # without --privileged; register binfmt interpreters on the host",
    podman: "podman run   # without --privileged",
    kubernetes: "securityContext:\n  privileged: false",
    host: "echo 1 > /proc/sys/kernel/modules_disabled   # where no module is needed any more",
  },
  reads: writableReads(HELPERS),
  evaluate(container, facts) {
    const answers = Object.entries(HELPERS).map(([type, names]) => judgeWritable(container, facts, type, names));
    const grave = answers.filter(({ verdict }) => verdict !== "pass");
    if (grave.length === 0) return pass("read-only, covered or not there", ...answers.flatMap(({ evidence }) => evidence));
    const [worst] = grave.toSorted((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict));
    const same = grave.filter(({ verdict }) => verdict === worst?.verdict);
    return { ...(worst ?? pass("")), text: [...new Set(same.map(({ text }) => text))].join("; "), evidence: same.flatMap(({ evidence }) => evidence) };
  },
};
