import type { Mount } from "../../kernel/mountinfo.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { ContainerFacts } from "../facts.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** The layers below a container's root, as the kernel names them; without overlay the directory that is its root. */
function layersOf(mounts: readonly Mount[]): readonly string[] {
  const root = mounts.find(({ mountPoint }) => mountPoint === "/");
  if (root === undefined) return [];
  if (root.type !== "overlay") return [`${root.device.major}:${root.device.minor}:${root.root}`];
  const layers = root.superOptions.filter((option) => /^lowerdir\+?=/.test(option)).flatMap((option) => option.slice(option.indexOf("=") + 1).split(":"));
  return layers.filter((layer) => layer !== "");
}

/** A container that would give an attacker more than the one he has: root of the host, with all of its capabilities. */
function isPowerful({ container, first }: ContainerFacts, last: number): boolean {
  const all = (1n << BigInt(last + 1)) - 1n;
  return mayHaveHostUsers(container) && first !== undefined && (first.status.capabilities.effective & all) === all;
}

export const check: ContainerCheck = {
  scope: "container",
  id: "S08",
  name: "shared-page-cache",
  title: "It shares files in memory with a container that has all privileges",
  severity: "low",
  why: "Layers of an image are one set of pages for all containers. A bug that writes to the page cache (Dirty Pipe, CVE-2026-31431 and its like) then changes what the privileged one executes.",
  references: ["T1611", "CVE-2022-0847"],
  remedy: {
    text: "Give privileged containers an image of their own, or none at all",
    docker: "docker run   # without --privileged; build privileged tools FROM scratch",
    podman: "podman run   # without --privileged",
    kubernetes: "securityContext:\n  privileged: false",
  },
  evaluate(container, { containers, host }) {
    const source = `/proc/${container.container.initPid ?? 0}/mountinfo`;
    const { mounts } = container;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    const own = new Set(layersOf(mounts));
    if (own.size === 0) return inapplicable("its root has no layers", saw(source, ""));
    const powerful = containers.filter((other) => other !== container && isPowerful(other, host.lastCapability));
    const sharing = powerful.filter((other) => typeof other.mounts === "object" && layersOf(other.mounts).some((layer) => own.has(layer)));
    const [first] = sharing;
    const layers = saw(source, [...own].slice(0, 3).join(":"));
    if (first === undefined) return pass("with none", layers);
    const { name, id, initPid } = first.container;
    const more = sharing.length > 1 ? ` and ${sharing.length - 1} more` : "";
    return finding(`with ${name ?? id.slice(0, 12)}${more}`, layers, saw(`/proc/${initPid ?? 0}/mountinfo`, ""));
  },
};
