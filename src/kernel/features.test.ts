import { describe, expect, test } from "bun:test";
import { BLIND, DEBIAN_12, HYBRID_NOBODY, HYBRID_ROOT, RUNC_NESTED, UBUNTU_2404, V2_DELEGATED, V2_SESSION, changed } from "../../test/fixtures/doctor/hosts.ts";
import type { HostChange } from "../../test/fixtures/doctor/hosts.ts";
import type { Feature, FeatureAnswer, FeatureFacts } from "./feature-facts.ts";
import { judgeFeatures } from "./features.ts";

function feature(facts: FeatureFacts, name: string): Feature {
  const found = judgeFeatures(facts).find((f) => f.name === name);
  if (found === undefined) throw new Error(`no feature ${name}`);
  return found;
}

function missing(facts: FeatureFacts): string[] {
  return judgeFeatures(facts).filter((f) => f.need === "main" && f.answer === "no").map((f) => f.name);
}

describe("judgeFeatures() on captured hosts", () => {
  test("root on a hybrid cgroup host has everything", () => {
    expect(judgeFeatures(HYBRID_ROOT).filter((f) => f.need === "main" && f.answer !== "yes")).toEqual([]);
    expect(feature(HYBRID_ROOT, "cgroup-v2")).toMatchObject({ answer: "no", reason: "hybrid: v1 controllers beside a v2 tree" });
    expect(feature(HYBRID_ROOT, "capabilities-extra").reason).toBe("missing: CAP_SYS_RESOURCE");
    expect(feature(HYBRID_ROOT, "nested").answer).toBe("no");
    expect(feature(HYBRID_ROOT, "proc-pidns").answer).toBe("yes");
  });

  test("nobody on the same host has no limits, for v1 is not delegated", () => {
    expect(missing(HYBRID_NOBODY)).toEqual(["cgroup-pids", "cgroup-memory"]);
    expect(feature(HYBRID_NOBODY, "subuid")).toMatchObject({ answer: "no", remedy: "sudo usermod --add-subuids 100000-165535 nobody" });
    expect(feature(HYBRID_NOBODY, "proc-subset")).toMatchObject({ answer: "yes", reason: "told from the version: Linux 5.8 brought it" });
  });

  test("inside runc: masked /proc is named, user namespaces still work", () => {
    expect(missing(RUNC_NESTED)).toEqual(["fresh-proc", "cgroup-pids", "cgroup-memory", "capabilities"]);
    expect(feature(RUNC_NESTED, "user-namespace").answer).toBe("yes");
    expect(feature(RUNC_NESTED, "nested")).toMatchObject({ answer: "yes", reason: "the pid, uts, ipc namespace is not the initial one" });
    const proc = feature(RUNC_NESTED, "fresh-proc");
    expect(proc.evidence[0]?.value).toContain("/proc/bus");
    expect(proc.remedy).toContain("systempaths=unconfined");
    expect(feature(RUNC_NESTED, "selinux").answer).toBe("unknown");
  });
});

describe("judgeFeatures() on documented hosts", () => {
  test("Ubuntu 24.04 names its AppArmor restriction and prints the profile for the binary", () => {
    const found = feature(UBUNTU_2404, "user-namespace");
    expect(found.answer).toBe("no");
    expect(found.remedy).toContain("profile pidbox \"/usr/local/bin/pidbox\" flags=(unconfined) {\n  userns,");
    expect(found.remedy).toContain("apparmor_parser -r /etc/apparmor.d/pidbox");
    expect(found.evidence.map((e) => e.value)).toEqual(["1", "unconfined", "EINVAL"]);
  });

  test("Ubuntu 24.04 with the profile loaded: whether it allows cannot be read", () => {
    expect(feature(changed(UBUNTU_2404, { files: { "/proc/self/attr/apparmor/current": "pidbox (unconfined)\n" } }), "user-namespace").answer).toBe("unknown");
  });

  test("Ubuntu 24.04 as root is not restricted", () => {
    const root = changed(UBUNTU_2404, { effectiveUid: 0, files: { "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t0\n" } });
    expect(feature(root, "user-namespace").answer).toBe("yes");
  });

  test("Debian 12: what came after 6.1 is absent or not told, the module list comes from securityfs", () => {
    const answers = Object.fromEntries(judgeFeatures(DEBIAN_12).map((f) => [f.name, f.answer]));
    expect(answers).toMatchObject({
      "user-namespace": "yes", "memfd-seal-exec": "no", "pidfd-info": "no", "tmpfs-user-xattr": "no", "proc-pidns": "unknown", "overlay-idmapped": "yes",
      landlock: "yes", apparmor: "yes", selinux: "no", yama: "no", "idmapped-mount:/": "yes", "fresh-proc": "yes", "tiocsti-off": "no",
    });
  });

  test("a session without delegation names the command that delegates", () => {
    expect(missing(V2_SESSION)).toEqual(["cgroup-pids", "cgroup-memory"]);
    expect(feature(V2_SESSION, "cgroup-pids").remedy).toContain("systemd-run --user --scope -p Delegate=yes");
    expect(missing(V2_DELEGATED)).toEqual([]);
    const part = changed(V2_DELEGATED, { cgroups: [{ version: 2, directory: "/sys/fs/cgroup/x", controllers: ["pids"], writable: 0 }] });
    expect(feature(part, "cgroup-memory")).toMatchObject({ answer: "no", reason: "the memory controller is not delegated to this user" });
    expect(feature(part, "cgroup-memory").remedy).toContain("Delegate=cpu cpuset io memory pids");
  });

  test("what cannot be learned is unknown, and nothing is yes by default", () => {
    const known = judgeFeatures(BLIND).filter((f) => f.answer === "yes").map((f) => f.name);
    expect(known).toEqual(["kernel", "overlay-idmapped", "proc-subset", "proc-hidepid", "proc-pidns"]);
  });
});

test.each<[string, HostChange, string, FeatureAnswer, string | undefined]>([
  ["user.max_user_namespaces=0", { files: { "/proc/sys/user/max_user_namespaces": "0\n" }, calls: { "clone3-new-user": -28 } }, "user-namespace", "no", "sudo sysctl -w user.max_user_namespaces=15000"],
  ["Debian's switch", { files: { "/proc/sys/kernel/unprivileged_userns_clone": "0\n" }, calls: { "clone3-new-user": -1 } }, "user-namespace", "no", "sudo sysctl -w kernel.unprivileged_userns_clone=1"],
  ["a chroot", { calls: { "clone3-new-user": -1 } }, "user-namespace", "no", undefined],
  ["a kernel without clone3 set_tid", { calls: { "clone3-new-user": -7 } }, "user-namespace", "unknown", undefined],
  ["32 levels", { calls: { "clone3-new-user": -28 } }, "user-namespace", "no", "sudo sysctl -w user.max_user_namespaces=15000"],
  ["vm.memfd_noexec=2", { files: { "/proc/sys/vm/memfd_noexec": "2\n" }, calls: { memfd: -13 } }, "memfd-exec", "no", "sysctl -w vm.memfd_noexec=1"],
  ["an old kernel", { release: "5.4.0-200-generic", calls: { openat2: -38 } }, "openat2", "no", undefined],
  ["ENOSYS without a filter on a new kernel", { calls: { openat2: -38 } }, "openat2", "no", undefined],
  ["EPERM without a filter", { calls: { openat2: -1 } }, "openat2", "unknown", undefined],
  ["the floor", { release: "5.13.19" }, "kernel", "no", "Boot a newer kernel of your distribution"],
  ["nfs root", { files: { "/proc/self/mountinfo": "27 1 0:40 / / rw - nfs4 srv:/ rw\n" } }, "idmapped-mount:/", "no", "Keep the root filesystem on ext4, xfs, btrfs or another filesystem with id-mapped mounts"],
  ["fuse root", { files: { "/proc/self/mountinfo": "27 1 0:40 / / rw - fuse.sshfs x rw\n" } }, "idmapped-mount:/", "unknown", undefined],
  ["a malformed mount table", { files: { "/proc/self/mountinfo": "nonsense\n" } }, "fresh-proc", "unknown", undefined],
  ["no overlay", { files: { "/proc/filesystems": "nodev\ttmpfs\n\text4\n" } }, "overlay", "unknown", "sudo modprobe overlay"],
  ["a name that only contains overlay", { files: { "/proc/filesystems": "nodev\toverlayfs2\n" } }, "overlay", "unknown", "sudo modprobe overlay"],
  ["Landlock disabled at boot", { calls: { landlock: -95 } }, "landlock", "no", "Add landlock to the lsm= list on the kernel's command line"],
  ["permissive SELinux", { files: { "/sys/fs/selinux/enforce": "0" } }, "selinux", "yes", "sudo setenforce 1"],
  ["no SMT", { calls: { "core-scheduling": -19 } }, "core-scheduling", "no", undefined],
  ["an unknown CPU state", { rest: { vulnerabilities: { gather_data_sampling: "Unknown: Dependent on hypervisor status" } } }, "cpu-mitigations", "unknown", undefined],
  ["SMT vulnerable behind a mitigation", { rest: { vulnerabilities: { mds: "Mitigation: Clear CPU buffers; SMT vulnerable" } } }, "cpu-mitigations", "no", "Update microcode and kernel, and remove mitigations=off and nosmt exceptions from the kernel's command line"],
  ["newuidmap under no_new_privs", { files: { "/proc/self/status": "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n" } }, "newuidmap", "no", undefined],
  ["newuidmap without privilege", { rest: { newuidmap: { path: "/opt/my tools/newuidmap", setuid: false, fileCapabilities: false } } }, "newuidmap", "no", "sudo setcap cap_setuid=ep '/opt/my tools/newuidmap'"],
  ["no newuidmap", { rest: { newuidmap: undefined } }, "newuidmap", "no", "sudo apt install uidmap # Fedora: sudo dnf install shadow-utils"],
  ["a read-only cgroup tree", { cgroups: [{ version: 2, directory: "/sys/fs/cgroup", controllers: ["pids"], writable: -30 }] }, "cgroup-pids", "no", "Run pidbox outside this container, or give it a writable cgroup namespace: docker run --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw"],
])("judgeFeatures() with %s", (_, change, name, answer, remedy) => {
  const found = feature(changed(V2_SESSION, change), name);
  expect(found.answer).toBe(answer);
  expect(found.remedy).toBe(remedy);
});

test("judgeFeatures() tells a filter's refusal from the kernel's", () => {
  const status = "CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
  const docker = changed(V2_SESSION, { files: { "/proc/self/status": status }, calls: { clone3: -38, "clone3-new-user": -38, "clone3-into-cgroup": -38, unshare: -1, mount: -1 } });
  expect(feature(docker, "clone3")).toMatchObject({ answer: "no", reason: "the seccomp filter on this process hides it" });
  expect(feature(docker, "container-calls")).toMatchObject({ answer: "no", reason: "the seccomp filter on this process refuses mount, unshare" });
  expect(feature(docker, "user-namespace").answer).toBe("unknown");
});

test("feature names are unique, and every feature has evidence", () => {
  for (const facts of [HYBRID_ROOT, HYBRID_NOBODY, RUNC_NESTED, UBUNTU_2404, DEBIAN_12, BLIND]) {
    const features = judgeFeatures(facts);
    expect(new Set(features.map((f) => f.name)).size).toBe(features.length);
    expect(features.filter((f) => f.evidence.length === 0)).toEqual([]);
  }
});
