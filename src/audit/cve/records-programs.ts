/** Vulnerabilities of engines and runtimes. Data only. */
import type { CveRecord, PackageFix } from "./data.ts";

type Extra = Partial<Pick<CveRecord, "severity" | "exploited" | "packages" | "complete" | "introduced" | "setting">>;

function program(component: string, id: string, name: string, fixed: readonly string[], extra: Extra = {}): CveRecord {
  return { id, name, component, severity: "high", complete: true, fixed, ...extra };
}

const fix = (distribution: PackageFix["distribution"], release: string, source: string, fixed: string): PackageFix => ({ distribution, release, source, fixed });
const RUNC_2025 = [
  fix("ubuntu", "jammy", "runc-app", "1.3.3-0ubuntu1~22.04.2"), fix("ubuntu", "noble", "runc-app", "1.3.3-0ubuntu1~24.04.2"),
] as const;
const AUTHORIZATION = "authorization-plugins";
/** The batch of September 2026; the fixed versions are those of its first advisory. */
const CONTAINERD_LABELS = ["1.7.33", "2.0.10", "2.1.9", "2.2.5", "2.3.2"] as const;

export const PROGRAM_RECORDS: readonly CveRecord[] = [
  program("runc", "CVE-2019-5736", "overwrites the runtime through /proc/self/exe", ["1.0.0-rc7"], { severity: "critical" }),
  program("runc", "CVE-2021-30465", "symbolic links swapped under mounts", ["1.0.0-rc95"]),
  program("runc", "CVE-2022-29162", "inheritable capabilities", ["1.1.2"], { severity: "medium" }),
  program("runc", "CVE-2023-25809", "rootless cgroup mounts writable", ["1.1.5"], { severity: "medium" }),
  program("runc", "CVE-2023-27561", "symbolic link of /proc", ["1.1.5"]),
  program("runc", "CVE-2023-28642", "AppArmor bypassed by a symbolic link of /proc", ["1.1.5"], { severity: "medium" }),
  program("runc", "CVE-2024-21626", "leaked descriptor (Leaky Vessels)", ["1.1.12"], {
    introduced: "1.0.0-rc93", severity: "critical", packages: [fix("debian", "bookworm", "runc", "1.1.5+ds1-1+deb12u1")],
  }),
  program("runc", "CVE-2024-45310", "empty files made on the host", ["1.1.14", "1.2.0-rc.3"], { severity: "low" }),
  program("runc", "CVE-2025-31133", "masked paths replaced", ["1.2.8", "1.3.3", "1.4.0-rc.3"], { packages: RUNC_2025 }),
  program("runc", "CVE-2025-52565", "/dev/console replaced", ["1.2.8", "1.3.3", "1.4.0-rc.3"], { packages: RUNC_2025 }),
  program("runc", "CVE-2025-52881", "writes to /proc redirected", ["1.2.8", "1.3.3", "1.4.0-rc.3"], { packages: RUNC_2025 }),
  program("runc", "CVE-2026-41579", "symbolic links in an image", ["1.3.6", "1.4.3", "1.5.0-rc.3"]),
  program("crun", "CVE-2026-47766", "symbolic links in an image", ["1.28"]),
  program("crun", "CVE-2026-30892", "exec -u", ["1.27"], { introduced: "1.19" }),
  program("containerd", "CVE-2020-15257", "the shim's abstract socket", ["1.3.9", "1.4.3"]),
  program("containerd", "CVE-2022-23648", "volumes of an image read the host", ["1.4.13", "1.5.10", "1.6.1"]),
  program("containerd", "CVE-2024-25621", "directories that others may enter", ["1.7.29", "2.0.7", "2.1.5", "2.2.0"], { severity: "medium" }),
  program("containerd", "CVE-2026-46680", "privileges of an image", ["1.7.32", "2.2.4", "2.3.1"]),
  program("containerd", "CVE-2026-53488", "labels of an image lead to root of the host", CONTAINERD_LABELS, { severity: "critical" }),
  program("containerd", "CVE-2026-53489", "labels of an image", CONTAINERD_LABELS),
  program("containerd", "CVE-2026-53492", "labels of an image", CONTAINERD_LABELS),
  program("containerd", "CVE-2026-53495", "images and snapshots", ["1.7.35", "2.0.12", "2.2.8", "2.3.5"]),
  program("dockerd", "CVE-2019-14271", "docker cp loads libraries of the container", ["18.09.8", "19.03.1"], { introduced: "19.03.0" }),
  program("dockerd", "CVE-2021-41091", "directories that others may enter", ["20.10.9"], { severity: "medium" }),
  program("dockerd", "CVE-2024-41110", "authorization plugins passed by", ["23.0.15", "25.0.6", "26.0.3", "26.1.5", "27.0.4", "27.1.1"], {
    introduced: "19.03", setting: AUTHORIZATION,
  }),
  program("dockerd", "CVE-2026-34040", "authorization plugins passed by, again", ["29.3.1"], { setting: AUTHORIZATION }),
  program("dockerd", "CVE-2026-41567", "docker cp with a hostile image", ["29.5.1"]),
  program("dockerd", "CVE-2026-42306", "docker cp with a hostile image", ["29.5.1"]),
  program("buildkitd", "CVE-2024-23651", "race of cache mounts", ["0.12.5"]),
  program("buildkitd", "CVE-2024-23652", "removes files of the host", ["0.12.5"], { severity: "critical" }),
  program("buildkitd", "CVE-2024-23653", "privileges of a frontend", ["0.12.5"], { severity: "critical" }),
  program("buildkitd", "CVE-2026-33747", "foreign frontends", ["0.28.1"]),
  program("crio", "CVE-2022-0811", "sysctls set by a pod (cr8escape)", ["1.19.6", "1.20.7", "1.21.6", "1.22.3", "1.23.2", "1.24.0"], { introduced: "1.19", severity: "critical" }),
  program("nvidia-container-toolkit", "CVE-2024-0132", "host files mounted by an image", ["1.16.2"], { severity: "critical" }),
  program("nvidia-container-toolkit", "CVE-2025-23266", "libraries of an image run by a hook", ["1.17.8"], { severity: "critical" }),
  program("podman", "CVE-2025-9566", "kube play overwrites files of the host", ["5.6.1"], { introduced: "4.0" }),
  program("incusd", "CVE-2026-23953", "configuration keys", ["6.21.0"]),
  program("incusd", "CVE-2026-23954", "templates of an image", ["6.21.0"]),
];
