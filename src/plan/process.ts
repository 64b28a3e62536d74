/** Stage: the last steps before the program runs: terminal, limits, directory, Landlock, seccomp, exec. Pure. */
import {
  AT, ERRNO, FILE_TYPE, LANDLOCK, OPEN, PR, RLIMIT, SECCOMP_SET_MODE_FILTER, SIGNAL, SIG_BLOCK, SIG_SETMASK, STATX, TTY,
} from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { assertDirectory, assertSeccomp } from "./assertions.ts";
import { CLONE_ARGUMENTS, cloneArguments } from "./clone-arguments.ts";
import { assertProgram, awaitStart, surviveSupervisor } from "./creation.ts";
import type { Creation } from "./creation.ts";
import type { Console } from "./devices.ts";
import { capabilityMask, setCapabilities } from "./identity.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { programOf } from "./program.ts";
import { builtinFilter } from "./seccomp-compiled.ts";
import { hasListener, loadListening } from "./seccomp-listener.ts";
import { labelInit } from "./security-modules.ts";
import { components, ensureTarget } from "./target.ts";

/** Registers of the container's ends; without `in` there is no input. */
export interface PipeEnds {
  readonly in?: number;
  readonly out: number;
  readonly err: number;
}

/** Registers that the main child and the init need. */
export interface ProcessHandles {
  readonly page: number;
  readonly console: Console | undefined;
  /** The container's ends of its standard streams where they are pipes of the supervisor. */
  readonly pipes?: PipeEnds | undefined;
  /** Wait for the word of --verify before exec. */
  readonly gate: boolean;
  /** Register of the file for the init's own label. */
  readonly label: number | undefined;
  /** A container of pidbox-oci, and its end of the socket to the supervisor. */
  readonly creation?: Creation;
  readonly link?: number;
  /** The process joins a container: the built-in init is not PID 1 but a subreaper, and its end must be that of its child. */
  readonly joins?: boolean;
}

/**
 * The filter, as late as possible: with no_new_privs just before exec, else before capabilities are dropped (seccomp(2)). `link` is the end of the
 * supervisor's socket, which a filter with a listener needs; such a filter comes before the wait for `start`, when there is a supervisor still.
 */
export function loadSeccomp(c: Compilation, link?: number): void {
  const { writer: w, blueprint } = c;
  if (blueprint.seccomp === undefined) return;
  const { filter, name, flags = 0 } = blueprint.seccomp;
  const program = w.cells(filter.length / 8, w.bytes(filter));
  w.from("/linux/seccomp");
  if (hasListener(c) && link !== undefined) return loadListening(c, program, flags, link);
  w.call(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
  // Only the built-in filters are known to allow prctl(2).
  if (name === "strict" || name === "default") assertSeccomp(c);
}

/** Container's ops: built-in init as PID 1 with the main child below it, or the main child alone. */
export function startProcess(c: Compilation, handles: ProcessHandles): void {
  const { writer: w, blueprint } = c;
  surviveSupervisor(c);
  if (blueprint.init) {
    if (handles.joins === true) {
      // The init waits for signals, which only blocked ones are for; a supervisor that leaves blocks none. The main child sets its own mask.
      w.from("--init").call(SYSCALLS.rt_sigprocmask, SIG_BLOCK, w.cells(-1), 0, 8).call(SYSCALLS.prctl, PR.SET_CHILD_SUBREAPER, 1);
    }
    const [main, alone] = [w.label(), w.label()];
    const pid = w.register();
    const init = handles.joins === true ? w.register() : undefined;
    w.from("--init");
    if (init !== undefined) w.call(SYSCALLS.getpid).into(init);
    if (blueprint.config.process?.noNewPrivileges === true) {
      w.clone(cloneArguments(w), CLONE_ARGUMENTS.size, main, c.descriptors.report, 0).into(pid);
      if (handles.joins === true) w.tolerate(ERRNO.EAGAIN).jumpError(alone, pid);
    } else {
      // The filter is on already, and answers ENOSYS to clone3 because it cannot see that call's flags.
      const parent = w.label();
      w.call(SYSCALLS.clone, SIGNAL.CHLD).into(pid);
      if (handles.joins === true) w.tolerate(ERRNO.EAGAIN).jumpError(alone, pid);
      w.jumpSet(parent, pid).jump(main).place(parent);
    }
    becomeInit(c, pid, handles);
    if (init === undefined) {
      w.place(main);
    } else {
      const ready = w.label();
      // A container at its limit of processes takes one that joins, but not two: the program runs without an init then.
      w.place(alone).from("--init").call(SYSCALLS.prctl, PR.SET_CHILD_SUBREAPER, 0).jump(ready).place(main);
      dieWithInit(c, init);
      w.place(ready);
    }
  }
  becomeMain(c, handles);
}

/**
 * PID 1 keeps no descriptor, no capability but to signal its child, and a filter of a few calls.
 * INIT closes the report pipe, when nothing can fail any more.
 */
function becomeInit(c: Compilation, pid: number, handles: ProcessHandles): void {
  const { writer: w, blueprint } = c;
  labelInit(c, handles.label);
  w.from("--init");
  w.call(SYSCALLS.prctl, PR.SET_NAME, w.text("pidbox-init"));
  w.call(SYSCALLS.close_range, 0, c.descriptors.report - 1, 0).call(SYSCALLS.close_range, c.descriptors.report + 1, 2 ** 32 - 1, 0);
  const kill = capabilityMask((blueprint.config.process?.capabilities?.effective ?? []).filter((name) => name === "CAP_KILL"));
  setCapabilities(c, kill, kill, 0);
  // It is not dumpable, so that nobody inside can read the plan in its memory or behind its /proc/PID/exe. Only a rootless owner could not look into its
  // /proc entry then either: the memory belongs to the host's user namespace, from before the container had one.
  if (!c.facts.privileged) w.call(SYSCALLS.prctl, PR.SET_DUMPABLE, 1);
  // A filter needs CAP_SYS_ADMIN without it, and the init executes nothing (seccomp(2)).
  if (blueprint.config.process?.noNewPrivileges !== true) w.call(SYSCALLS.prctl, PR.SET_NO_NEW_PRIVS, 1);
  const filter = builtinFilter("init");
  w.call(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, 0, w.cells(filter.length / 8, w.bytes(filter)));
  w.init(pid, handles.page);
}

/** Main child's ops where the init is no PID 1 whose death would end it: SIGKILL then, unless it has died before (prctl(2)). */
function dieWithInit(c: Compilation, init: number): void {
  const { writer: w } = c;
  const parent = w.register();
  w.from("--init").call(SYSCALLS.prctl, PR.SET_PDEATHSIG, SIGNAL.KILL);
  w.call(SYSCALLS.getppid).into(parent).expect(parent, init).release(parent);
}

/** Signals, session and terminal, descriptors 0 to 2. */
function prepareStdio(c: Compilation, { console, pipes }: ProcessHandles): void {
  const { writer: w, blueprint } = c;
  w.from("signals");
  // struct kernel_sigaction of zeros: SIG_DFL. Bun ignores SIGPIPE and SIGXFSZ; the caller may ignore more.
  const blank = w.room(32);
  const all = w.register();
  // Bit n stands for signal n here: 0 is none, KILL and STOP cannot be set, 64 is out of reach and has a call of its own.
  w.load(all, w.words(~(1 | (1 << SIGNAL.KILL) | (1 << SIGNAL.STOP)), -1), 8);
  w.bits(SYSCALLS.rt_sigaction, all, blank, 0, 8).flags(FLAG.FIRST | FLAG.IGNORE).release(all);
  w.call(SYSCALLS.rt_sigaction, 64, blank, 0, 8);
  w.call(SYSCALLS.rt_sigprocmask, SIG_SETMASK, w.cells(0), 0, 8);
  // A session of its own: no controlling terminal to push input into (TIOCSTI, CVE-2017-5226), no job control of the caller's.
  w.from("/process/terminal").call(SYSCALLS.setsid).tolerate(ERRNO.EPERM);
  if (console !== undefined) {
    w.call(SYSCALLS.ioctl, console.slave, TTY.SCTTY, 0);
    for (const fd of [0, 1, 2]) w.call(SYSCALLS.dup3, console.slave, fd, 0);
    return;
  }
  if (pipes !== undefined) {
    w.call(SYSCALLS.dup3, pipes.out, 1, 0).call(SYSCALLS.dup3, pipes.err, 2, 0);
    if (pipes.in !== undefined) w.call(SYSCALLS.dup3, pipes.in, 0, 0);
  }
  const deaf = blueprint.stdio.kind === "no-input" || (pipes !== undefined && pipes.in === undefined);
  const none = blueprint.stdio.kind === "nothing" ? [0, 1, 2] : deaf ? [0] : [];
  if (none.length === 0) return;
  const nothing = w.register();
  const flags = (none.length === 1 ? OPEN.RDONLY : OPEN.RDWR) | OPEN.CLOEXEC;
  w.call(SYSCALLS.openat2, c.root, w.text("dev/null"), w.cells(flags, 0, 0x10 | 2 | 4), 24).into(nothing);
  for (const fd of none) w.call(SYSCALLS.dup3, nothing, fd, 0);
  w.close(nothing);
}

/** Descriptors 0 to 2 that are directories would be a way out (CVE-2024-21626). Missing ones were opened by the runtime. */
export function assertStdio(c: Compilation): void {
  const { writer: w } = c;
  const status = w.room(STATX.size);
  const mode = w.register();
  w.from("standard input and output");
  for (const fd of [0, 1, 2]) {
    w.call(SYSCALLS.statx, fd, c.empty, AT.EMPTY_PATH, STATX.TYPE, status);
    w.load(mode, status + STATX.modeAt, 2).expect(mode, FILE_TYPE.DIRECTORY, { mask: FILE_TYPE.MASK, differs: true });
  }
  w.release(mode);
}

function limitResources(c: Compilation): void {
  const { writer: w, blueprint } = c;
  (blueprint.config.process?.rlimits ?? []).forEach((limit, i) => {
    w.from(`/process/rlimits/${i}`);
    const low = (n: number | bigint): number => Number(BigInt.asIntN(32, BigInt(n)));
    const high = (n: number | bigint): number => Number(BigInt.asIntN(32, BigInt(n) >> 32n));
    const pair = w.words(low(limit.soft), high(limit.soft), low(limit.hard), high(limit.hard));
    w.call(SYSCALLS.prlimit64, 0, RLIMIT[limit.type] ?? -1, pair, 0);
  });
}

/** Landlock on top of everything else: no device nodes, no ioctl on devices outside /dev, no signals or abstract sockets across (landlock(7)). */
function landlock(c: Compilation): void {
  const { writer: w, facts, blueprint } = c;
  if (!blueprint.landlock || facts.landlockAbi === 0 || blueprint.config.process?.noNewPrivileges !== true) return;
  w.from("landlock");
  const abi = facts.landlockAbi;
  const anywhere = abi >= 2 ? LANDLOCK.FS_REFER : 0;
  const devices = abi >= 5 ? LANDLOCK.FS_IOCTL_DEV : 0;
  const handled = LANDLOCK.FS_MAKE_CHAR | LANDLOCK.FS_MAKE_BLOCK | anywhere | devices;
  const scoped = abi >= 6 ? LANDLOCK.SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK.SCOPE_SIGNAL : 0;
  const ruleset = w.register();
  // struct landlock_ruleset_attr: handled_access_fs, handled_access_net (ABI 4), scoped (ABI 6)
  const size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  w.call(SYSCALLS.landlock_create_ruleset, w.cells(handled, 0, scoped), size, 0).into(ruleset);
  const rule = (access: number, path: string): void => {
    if (access === 0) return;
    const place = w.register();
    w.call(SYSCALLS.openat2, c.root, w.text(path), c.how.directory, 24).into(place);
    // struct landlock_path_beneath_attr is packed: u64 access, s32 fd
    const block = w.cells(access, 0);
    w.store(block + 8, place, 4).call(SYSCALLS.landlock_add_rule, ruleset, LANDLOCK.RULE_PATH_BENEATH, block, 0).close(place);
  };
  rule(anywhere, ".");
  rule(devices, "dev");
  w.call(SYSCALLS.landlock_restrict_self, ruleset, 0).close(ruleset);
}

/** The working directory, made if it is not there (config.md, "process.cwd"). */
export function makeDirectory(c: Compilation): void {
  const cwd = c.blueprint.config.process?.cwd ?? "/";
  if (cwd === "/") return;
  c.writer.from("/process/cwd").close(ensureTarget(c, cwd));
}

function enterDirectory(c: Compilation): void {
  const { writer: w, blueprint } = c;
  w.from("/process/cwd").call(SYSCALLS.chdir, w.text(`/${components(blueprint.config.process?.cwd ?? "/").join("/")}`));
  assertDirectory(c);
}

/** All layers are on: says so, and goes on only if the answer is one byte and then the end, for the verifier has printed its table by then. */
function waitAtGate(c: Compilation): void {
  const { writer: w } = c;
  const answer = w.register();
  const byte = w.text("?");
  const gate = c.descriptors.extra;
  w.from("--verify").call(SYSCALLS.write, gate, byte, 1).flags(FLAG.FULL);
  w.call(SYSCALLS.read, gate, byte, 1).into(answer).expect(answer, 1);
  w.call(SYSCALLS.read, gate, byte, 1).into(answer).expect(answer, 0).release(answer);
}

function becomeMain(c: Compilation, handles: ProcessHandles): void {
  const { writer: w, blueprint } = c;
  const process = blueprint.config.process;
  const program = programOf(process);
  const listening = process?.noNewPrivileges === true && hasListener(c) && handles.link !== undefined;
  prepareStdio(c, handles);
  limitResources(c);
  enterDirectory(c);
  landlock(c);
  if (handles.creation !== undefined && handles.link !== undefined) {
    assertProgram(c, program.paths);
    if (listening) loadSeccomp(c, handles.link);
    awaitStart(c, handles.creation, handles.link);
  }
  w.from("descriptors");
  const { report, extra } = c.descriptors;
  if (handles.gate) w.call(SYSCALLS.close_range, report + 1, extra - 1, 0);
  w.call(SYSCALLS.close_range, (handles.gate ? extra : report) + 1, 2 ** 32 - 1, 0);
  // Ids were changed, so only root may look at this process; whoever verifies may be its rootless owner.
  if (handles.gate) w.from("--verify").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 1);
  if (process?.noNewPrivileges === true && !listening) loadSeccomp(c);
  if (handles.gate) waitAtGate(c);
  w.from("/process/args").program(program);
  w.exit(125);
}
