/** A profile document in docker's form, with each of its features: names of several ABIs, conditions on capabilities, architecture and kernel, archMap. */
import { CAPABILITY_GROUPS, COMMON_GROUPS, DEFAULT_GROUPS } from "../../src/plan/seccomp-groups.ts";

const NAMESPACES = 0x7e02_0000;
const allow = (names: readonly string[], rest: object = {}): object => ({ names, action: "SCMP_ACT_ALLOW", ...rest });

export const DOCKER_LIKE = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 1,
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [
    allow([...COMMON_GROUPS, ...DEFAULT_GROUPS].flatMap((group) => group.names)),
    allow(["_llseek", "chown32", "fcntl64", "fstat64", "ipc", "mmap2", "socketcall", "stat64", "waitpid", "ioctl", "socketpair", "no_such_call"]),
    allow(["ptrace"], { includes: { minKernel: "4.8" } }),
    allow(["socket"], { args: [{ index: 0, value: 40, op: "SCMP_CMP_NE" }] }),
    ...[0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) => allow(["personality"], { args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] })),
    allow(["arch_prctl"], { includes: { arches: ["amd64", "x32"] } }),
    allow(["cacheflush", "sync_file_range2"], { includes: { arches: ["arm", "arm64"] } }),
    ...Object.entries(CAPABILITY_GROUPS).map(([name, names]) => allow(names, { includes: { caps: [name] } })),
    allow(["clone"], { args: [{ index: 0, value: NAMESPACES, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }], excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["s390"] } }),
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: { caps: ["CAP_SYS_ADMIN"] } },
    { name: "uname", action: "SCMP_ACT_LOG", excludes: { minKernel: "3.0" } },
  ],
};
