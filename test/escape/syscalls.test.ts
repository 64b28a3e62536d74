/** System calls that a container has no business with answer an errno, in both verbs, as root and rootless. */
import { describe, expect } from "bun:test";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import { installProbe, probe, probeArguments } from "./probe.ts";
import type { Attempt } from "./probe.ts";

const scene = openScene();
installProbe(scene);

const [AF_ALG, AF_VSOCK, AF_PACKET, AF_KEY, SOCK_RAW] = [38, 40, 17, 15, 3];
const CLONE = { NEWNS: 0x20000, NEWUSER: 0x10000000, NEWPID: 0x20000000, NEWNET: 0x40000000, NEWTIME: 0x80 };

/** What is attempted, and the answers that are a refusal. */
const ATTEMPTS: Readonly<Record<string, readonly [attempts: readonly Attempt[], refusals: readonly string[]]>> = {
  "AF_ALG (CVE-2026-31431: page cache write)": [[["socket", AF_ALG, 5, 0]], ["EPERM", "EACCES", "EAFNOSUPPORT"]],
  "AF_VSOCK: the hypervisor's back door": [[["socket", AF_VSOCK, 1, 0]], ["EPERM", "EACCES", "EAFNOSUPPORT"]],
  "raw, packet and key sockets": [[["socket", AF_PACKET, SOCK_RAW, 0], ["socket", 2, SOCK_RAW, 1], ["socket", AF_KEY, SOCK_RAW, 2]], ["EPERM", "EACCES", "EAFNOSUPPORT"]],
  "io_uring": [[["io_uring_setup", 4, "z:120"], ["io_uring_enter", 0, 0, 0, 0, 0], ["io_uring_register", 0, 0, 0, 0]], ["EPERM", "ENOSYS"]],
  "keyrings": [[["keyctl", 0, -3, 0], ["add_key", "s:user", "s:pidbox", "s:x", 1, -3], ["request_key", "s:user", "s:pidbox", 0, 0]], ["EPERM", "ENOSYS"]],
  "user namespaces": [[["unshare", CLONE.NEWUSER], ["clone", CLONE.NEWUSER | 17, 0, 0, 0, 0]], ["EPERM"]],
  "clone3, whose flags a filter cannot see": [[["clone3", `x:${"00000010000000".padEnd(176, "0")}`, 88]], ["ENOSYS", "EPERM"]],
  "other namespaces": [[["unshare", CLONE.NEWNS], ["unshare", CLONE.NEWPID], ["unshare", CLONE.NEWNET], ["setns", 0, 0]], ["EPERM"]],
  "mount, old and new": [
    [
      ["mount", "s:none", "s:/tmp", "s:tmpfs", 0, 0], ["mount", "s:none", "s:/proc", 0, 0x20, 0], ["umount2", "s:/proc", 2], ["pivot_root", "s:.", "s:."], ["fsopen", "s:tmpfs", 0],
      ["open_tree", -100, "s:/", 1], ["move_mount", 0, "s:", 0, "s:", 4], ["mount_setattr", -100, "s:/", 0, "z:32", 32], ["fspick", -100, "s:/", 0],
    ],
    ["EPERM", "ENOSYS"],
  ],
  "bpf, perf, userfaultfd": [[["bpf", 0, "z:120", 120], ["perf_event_open", "z:128", 0, -1, -1, 0], ["userfaultfd", 0]], ["EPERM", "ENOSYS", "EACCES"]],
  "kernel modules and kexec": [[["init_module", "s:x", 1, "s:"], ["finit_module", 0, "s:", 0], ["delete_module", "s:x", 0], ["kexec_load", 0, 0, 0, 0]], ["EPERM", "ENOSYS"]],
  "the machine: reboot, swap, clock, accounting, ports": [
    [["reboot", 0xfee1dead, 672274793, 0, 0], ["swapon", "s:/x", 0], ["settimeofday", "z:16", 0], ["clock_settime", 0, "z:16"], ["acct", "s:/x"], ["iopl", 3], ["ioperm", 0, 1, 1]], ["EPERM", "ENOSYS"],
  ],
  "files by handle (the shocker exploit)": [[["open_by_handle_at", -100, "z:64", 0]], ["EPERM", "ENOSYS"]],
  "other processes' memory and descriptors": [[["ptrace", 16, 1, 0, 0], ["process_vm_readv", 1, 0, 0, 0, 0, 0], ["pidfd_getfd", 0, 0, 0], ["kcmp", 1, 1, 0, 0, 0]], ["EPERM", "ENOSYS", "EBADF"]],
  "the kernel's log and quotas": [[["syslog", 3, "z:64", 64], ["quotactl", 0, 0, 0, 0], ["lookup_dcookie", 0, 0, 0], ["nfsservctl", 0, 0, 0]], ["EPERM", "ENOSYS"]],
  "x32: the second numbering of the same calls": [[["x32 getpid"], ["x32 mount", 0, 0, 0, 0, 0]], ["EPERM", "ENOSYS"]],
};

for (const caller of CALLERS) {
  describe(`run as ${caller}`, () => {
    for (const [name, [attempts, refusals]] of Object.entries(ATTEMPTS)) {
      needs("busybox")(`refuses ${name}`, async () => {
        const answers = await probe(scene, caller, [], attempts);
        expect(answers).toHaveLength(attempts.length);
        expect(answers.filter((answer) => !refusals.includes(answer))).toEqual([]);
      });
    }
    needs("busybox")("refuses the 32-bit entry, where socket families hide behind socketcall", async () => {
      const { code, out } = await scene.run(["run", "@", "probe", ...probeArguments([["int80 20"], ["int80 102", 1, 0]])], { caller });
      // A kernel without the 32-bit entry kills by SIGSEGV; the filter answers an errno or kills by SIGSYS.
      expect(out.split("\n").filter((line) => Number(line) > 0)).toEqual([]);
      expect([0, 139, 159]).toContain(code);
    });
  });
}
