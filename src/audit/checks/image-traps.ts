import type { Answer } from "../../report/finding.ts";
import { cannotJudge, mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { ContainerFacts } from "../facts.ts";

const PRELOAD = "/etc/ld.so.preload";
/** Variables by which the dynamic loader takes in code before a program's own; hooks of an engine that inherit them run it on the host (CVE-2025-23266). */
const LOADER = ["LD_PRELOAD", "LD_AUDIT", "LD_DEBUG_OUTPUT", "GLIBC_TUNABLES", "GCONV_PATH"];
const ENOENT = -2;
const ENOTDIR = -20;

/** A filesystem that engines mount at `path`, found elsewhere and not there: the image has a link in its place. */
function moved(container: ContainerFacts, type: string, path: string): Answer[] {
  const mounts = mountsOf(container);
  const elsewhere = mounts.find((mount) => mount.type === type && mount.root === "/" && mount.mountPoint !== path);
  if (elsewhere === undefined || mounts.some(({ mountPoint }) => mountPoint === path)) return [];
  return [{ ...finding(`what belongs on ${path} is on ${elsewhere.mountPoint}: the image has a link there`, saw(mountSource(container), `${type} on ${elsewhere.mountPoint}`)), severity: "high" }];
}

export const check: ContainerCheck = {
  scope: "container",
  id: "I02",
  name: "image-traps",
  title: "The image holds a trap for engines or programs",
  severity: "medium",
  why:
    "An image whose /proc or /dev is a link sends an engine's mounts to another place, and masks with them; a preloaded library runs in every program of the container, and in hooks of the host that inherit its variables. " +
    "What is told from outside are links that were followed, variables and /etc/ld.so.preload.",
  references: ["CVE-2019-19921", "CVE-2025-23266", "CVE-2024-21626", "T1574.006"],
  remedy: {
    text: "Build the image without the link, variable or file; say which library is preloaded where it is meant",
    docker: "docker run -e LD_PRELOAD= IMAGE",
    podman: "podman run --unsetenv LD_PRELOAD IMAGE",
    compose: "environment:\n  LD_PRELOAD: ''",
    kubernetes: "env:\n- name: LD_PRELOAD\n  value: ''",
  },
  reads: { inside: [PRELOAD] },
  evaluate(container, facts): Answer | readonly Answer[] {
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const answers: Answer[] = [...moved(container, "proc", "/proc"), ...moved(container, "sysfs", "/sys")];
    const first = container.processes.find(({ pid }) => pid === container.container.initPid);
    const variables = first?.variables ?? ENOENT;
    const set = typeof variables === "number" ? [] : LOADER.filter((name) => variables.includes(name));
    const source = `/proc/${container.container.initPid ?? 0}/environ`;
    if (set.length > 0) answers.push({ ...finding(`${set.join(", ")} in the environment of its first process`, saw(source, set.join(" "))), severity: "low" });
    const preload = container.paths.get(PRELOAD)?.object ?? ENOENT;
    if (typeof preload === "object" && preload.size > 0) answers.push(finding(`${PRELOAD} has ${preload.size} bytes`, saw(PRELOAD, `${preload.size} bytes, inode ${preload.inode}`)));
    if (typeof variables === "number") answers.push(unknown("the environment of its first process could not be read", evidenceOf(source, variables)));
    if (typeof preload === "number" && preload !== ENOENT && preload !== ENOTDIR) answers.push(unknown(`${PRELOAD} could not be looked at`, evidenceOf(PRELOAD, preload)));
    return answers.length > 0 ? answers : pass("none of those that can be told from outside");
  },
};
