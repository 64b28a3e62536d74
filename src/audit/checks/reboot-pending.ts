import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";
import { compareDebVersions } from "../cve/deb-version.ts";

const REQUIRED = "/run/reboot-required";
const BOOT = "/boot";
const MODULES = "/lib/modules";
const ENOENT = -2;

/** What follows the numbers of a release: kernels of one flavour replace each other. */
function flavourOf(release: string): string {
  return release.replace(/^[0-9][0-9.]*(-[0-9][0-9.]*)?/, "");
}

/** The newest installed kernel of the flavour that runs. */
function newest(release: string, names: readonly string[]): string | undefined {
  const flavour = flavourOf(release);
  return names.filter((name) => /^[0-9]/.test(name) && flavourOf(name) === flavour).toSorted(compareDebVersions).at(-1);
}

export const check: HostCheck = {
  scope: "host",
  id: "K02",
  name: "reboot-pending",
  title: "A newer kernel is installed than the one that runs",
  severity: "medium",
  why: "A kernel's fixes protect nobody before it runs. Until the reboot every container is exposed to what the update was made for.",
  references: ["CIS Docker 1.2.1", "T1068"],
  remedy: { text: "Reboot in the next window, containers first drained", host: "systemctl reboot" },
  reads: { paths: [REQUIRED], directories: [BOOT, MODULES] },
  evaluate({ host: { release, paths, directories } }) {
    const required = paths.get(REQUIRED);
    if (typeof required === "object") return finding("the distribution asks for a reboot", saw(REQUIRED, "there"));
    const [boot, modules] = [directories.get(BOOT), directories.get(MODULES)];
    const images = typeof boot === "object" ? boot.filter((name) => name.startsWith("vmlinuz-")).map((name) => name.slice("vmlinuz-".length)) : [];
    const installed = [...images, ...(typeof modules === "object" ? modules : [])];
    const last = newest(release, installed);
    if (last !== undefined && compareDebVersions(last, release) > 0) {
      return finding(`${release} runs, ${last} is installed`, saw("/proc/sys/kernel/osrelease", release), saw(images.includes(last) ? BOOT : MODULES, last));
    }
    if (last !== undefined) return pass(`the newest installed one runs: ${release}`, saw("/proc/sys/kernel/osrelease", release));
    const shown = typeof modules === "number" ? modules : (modules ?? []).join(" ");
    const evidence = [evidenceOf(BOOT, typeof boot === "number" ? boot : images.join(" ")), evidenceOf(MODULES, shown)];
    const empty = (names: typeof boot): boolean => names === undefined || names === ENOENT || (typeof names === "object" && names.length === 0);
    if (empty(boot) && empty(modules)) return unknown("this host keeps no kernels of its own: who boots it decides", ...evidence);
    return unknown("no installed kernel is of the flavour that runs", ...evidence);
  },
};
