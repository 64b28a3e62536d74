/** Decoders of `process`, its parts, and hooks (config.md#process, #posix-process, #linux-process, #posix-platform-hooks). */
import { quote } from "../base/text.ts";
import { CAPABILITIES } from "../kernel/abi/capabilities.ts";
import {
  absolutePath, also, cpuList, type Decoder, duplicates, flag, id, list, object, optionalText, type Report, step, text, uint32, uint64, whole, word,
} from "./decode.ts";
import type { Capabilities, Hook, Hooks, IoPriority, Process, Rlimit, RlimitType, Scheduler, User } from "./runtime-config.ts";

const PROCESS = "config.md#process";
const POSIX = "config.md#posix-process";
const LINUX = "config.md#linux-process";
const USER = "config.md#posix-platform-user";
const HOOKS = "config.md#posix-platform-hooks";

/** getrlimit(2). */
export const RLIMIT_TYPES: readonly RlimitType[] = [
  "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK",
  "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
];

// setgroups(2): NGROUPS_MAX since Linux 2.6.4.
const MAX_GROUPS = 65536;

const groups = also(list(id), (gids, pointer, report) => {
  if (gids.length > MAX_GROUPS) report.must("too-many", pointer, USER, `More than ${MAX_GROUPS} additional groups`);
});

const user = object<User>(USER, { uid: id, gid: id, umask: whole(0, 0o777), additionalGids: groups }, ["uid", "gid"]);

const environment: Decoder<readonly string[]> = also(list(text), (variables, pointer, report) => {
  variables.forEach((variable, i) => {
    if (variable.indexOf("=") <= 0) report.should("value", step(pointer, i), PROCESS, `The variable ${quote(variable, 60)} is not NAME=VALUE`);
  });
});

const commandLine: Decoder<readonly string[]> = also(list(text), (args, pointer, report) => {
  if (args.length === 0) report.must("empty", pointer, PROCESS, "At least one argument, the program, is required");
});

// An unknown name is a warning by the specification ("MUST be logged as a warning", "SHOULD NOT fail"): it stays in the set for whoever grants and warns.
const capability: Decoder<string> = (value, pointer, report) => {
  const name = text(value, pointer, report);
  if (name !== undefined && !KNOWN.has(name)) report.should("ungrantable", pointer, LINUX, `The capability ${quote(name, 60)} is not known and is left out`);
  return name;
};
const KNOWN: ReadonlySet<string> = new Set(CAPABILITIES);

const capabilitySet = list(capability);
const capabilities = also(
  object<Capabilities>(LINUX, {
    bounding: capabilitySet, effective: capabilitySet, inheritable: capabilitySet, permitted: capabilitySet, ambient: capabilitySet,
  }),
  (sets, pointer, report) => {
    const beyond = (name: "effective" | "ambient", of: "permitted" | "inheritable"): void => {
      const extra = (sets[name] ?? []).filter((c) => !(sets[of] ?? []).includes(c));
      if (extra.length > 0) report.should("ungrantable", step(pointer, name), LINUX, `Not in the ${of} set, so the kernel refuses it: ${extra.slice(0, 5).join(", ")}`);
    };
    beyond("effective", "permitted");
    beyond("ambient", "permitted");
    beyond("ambient", "inheritable");
  },
);

const rlimit = also(
  object<Rlimit>(POSIX, { type: word(RLIMIT_TYPES, POSIX), soft: uint64, hard: uint64 }, ["type", "soft", "hard"]),
  (limit, pointer, report) => {
    if (limit.soft > limit.hard) {
      report.must("conflict", step(pointer, "soft"), POSIX, `The soft limit ${limit.soft} is above the hard limit ${limit.hard}`);
    }
  },
);
const rlimits = also(list(rlimit), (limits, pointer, report) => {
  duplicates(limits, (l) => l.type, (i, type) => report.must("duplicate", step(pointer, i), POSIX, `${type} occurs more than once`));
});

const scheduler = also(
  object<Scheduler>(LINUX, {
    policy: word(["SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"], LINUX),
    nice: whole(-20, 19),
    priority: whole(0, 99),
    flags: list(word([
      "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_KEEP_PARAMS",
      "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX",
    ], LINUX)),
    runtime: uint64, deadline: uint64, period: uint64,
  }, ["policy"]),
  (value, pointer, report) => {
    const only = (name: "nice" | "priority" | "runtime" | "deadline" | "period", policies: readonly string[]): void => {
      if (value[name] !== undefined && value[name] !== 0 && !policies.includes(value.policy)) {
        report.must("conflict", step(pointer, name), LINUX, `${name} has no meaning with ${value.policy}, only with ${policies.join(" or ")}`);
      }
    };
    only("nice", ["SCHED_OTHER", "SCHED_BATCH"]);
    only("priority", ["SCHED_FIFO", "SCHED_RR"]);
    for (const name of ["runtime", "deadline", "period"] as const) only(name, ["SCHED_DEADLINE"]);
  },
);

const ioPriority = object<IoPriority>(LINUX, { class: word(["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"], LINUX), priority: whole(0, 7) }, ["class"]);

/** `process`, and the process.json of `exec`. */
export const process: Decoder<Process> = also(
  object<Process>(PROCESS, {
    terminal: flag,
    consoleSize: object<{ height: number; width: number }>(PROCESS, { height: uint32, width: uint32 }, ["height", "width"]),
    user, args: commandLine, env: environment, cwd: absolutePath(PROCESS), capabilities, rlimits,
    noNewPrivileges: flag, apparmorProfile: optionalText, oomScoreAdj: whole(-1000, 1000), selinuxLabel: optionalText,
    scheduler, ioPriority,
    execCPUAffinity: object<{ initial?: string; final?: string }>(LINUX, { initial: cpuList(LINUX), final: cpuList(LINUX) }),
  }, ["cwd"]),
  (value, pointer, report) => {
    // "Runtimes MUST ignore consoleSize if terminal is false or unset"; struct winsize holds 16 bits.
    if (value.terminal !== true || value.consoleSize === undefined) return;
    for (const side of ["height", "width"] as const) {
      if (value.consoleSize[side] > 0xffff) report.must("range", `${pointer}/consoleSize/${side}`, PROCESS, `The ${side} ${value.consoleSize[side]} is above 65535`);
    }
  },
);

const hook = object<Hook>(HOOKS, { path: absolutePath(HOOKS), args: list(text), env: environment, timeout: whole(1, 0x7fffffff) }, ["path"]);
const hookList = list(hook);

/** In the order in which they run (runtime.md, "Lifecycle"). */
export const HOOK_PHASES: readonly (keyof Hooks)[] = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

export const hooks: Decoder<Hooks> = object<Hooks>(HOOKS, {
  prestart: also(hookList, (found, pointer, report: Report) => {
    if (found.length > 0) report.should("deprecated", pointer, HOOKS, "prestart is deprecated: use createRuntime, createContainer or startContainer");
  }),
  createRuntime: hookList, createContainer: hookList, startContainer: hookList, poststart: hookList, poststop: hookList,
});
