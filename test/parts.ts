/**
 * Parts of a host that some tests need. `needs("runc", "root")` gives bun's `test` or its skipping form, and puts `[needs runc root]` into the
 * test's name; tools/test.ts turns such a skip into a failure when PIDBOX_REQUIRE (a list of parts, or "all") names the part.
 */
import { test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { readLandlockAbi } from "../src/kernel/host-features.ts";

function program(...names: readonly string[]): boolean {
  return names.every((name) => Bun.which(name) !== null || existsSync(`/usr/sbin/${name}`));
}

/** How each part is recognised. */
const PARTS = {
  root: () => process.getuid?.() === 0,
  /** The machine that has launcher/front.c, and other tables of system calls beside its own. */
  x64: () => process.arch === "x64",
  /** The hierarchies of version 1 that containers are limited in; of hybrid hosts too. */
  cgroup1: () => ["memory", "cpu", "pids", "cpuset", "freezer", "devices", "blkio"].every((name) => existsSync(`/sys/fs/cgroup/${name}/cgroup.procs`)),
  /** The tree of version 2; of hybrid hosts too. */
  cgroup2: () => ["", "/unified"].some((place) => existsSync(`/sys/fs/cgroup${place}/cgroup.controllers`)),
  /** No systemd manages this host. */
  unmanaged: () => !existsSync("/run/systemd/system"),
  landlock: () => readLandlockAbi() > 0,
  noapparmor: () => !existsSync("/sys/kernel/security/apparmor"),
  noselinux: () => !existsSync("/sys/fs/selinux/enforce"),
  cc: () => program("cc"),
  make: () => program("make", "cc"),
  git: () => program("git"),
  node: () => program("node"),
  python: () => program("python3"),
  go: () => program("go"),
  java: () => program("java"),
  apt: () => program("apt-get", "dpkg"),
  runc: () => program("runc"),
  crun: () => program("crun"),
  bubblewrap: () => program("bwrap"),
  podman: () => program("podman"),
  docker: () => program("docker", "dockerd"),
  compose: () => program("docker-compose"),
  iptables: () => program("iptables"),
  /** Plugins of the container network interface. */
  cni: () => existsSync("/usr/lib/cni/bridge"),
  containerd: () => program("containerd", "ctr"),
  nspawn: () => program("systemd-nspawn"),
  busybox: () => program("busybox"),
  strace: () => program("strace"),
  clang: () => program("clang"),
  libfuzzer: () => program("clang") && new Bun.Glob("/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a").scanSync({ absolute: true }).next().done !== true,
  hyperfine: () => program("hyperfine"),
  fuse: () => existsSync("/dev/fuse"),
  /** ::1 on the host. */
  ipv6: () => existsSync("/proc/net/if_inet6") && readFileSync("/proc/net/if_inet6", "utf8").includes(`${"0".repeat(31)}1`),
  iproute: () => program("ip"),
  uidmap: () => program("newuidmap", "newgidmap"),
  libseccomp: () => existsSync("/usr/include/seccomp.h"),
  man: () => program("man", "groff"),
  zsh: () => program("zsh"),
  fish: () => program("fish"),
  /** Debian as a guest: see test/guest. */
  guest: () => program("qemu-system-x86_64", "debootstrap", "mke2fs"),
} as const;

export type Part = keyof typeof PARTS;

export function has(...parts: readonly Part[]): boolean {
  return parts.every((part) => PARTS[part]());
}

type Register = (name: string, body: () => void | Promise<void>, timeout?: number) => void;

function register(run: Register, parts: readonly Part[]): Register {
  return (name, body, timeout) => run(parts.length === 0 ? name : `${name} [needs ${parts.join(" ")}]`, body, timeout);
}

/** A `test(name, body, timeout)` that is skipped unless the host has all `parts`. */
export function needs(...parts: readonly Part[]): Register {
  return register(test.skipIf(!has(...parts)), parts);
}

/** The same for tests that may run at the same time as others of their kind. */
export function needsBeside(...parts: readonly Part[]): Register {
  return register(test.concurrent.skipIf(!has(...parts)), parts);
}
