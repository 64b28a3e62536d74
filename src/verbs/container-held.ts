/**
 * A look at the files of a container. Of one that does not run, all is put in place as for its next start, and its first process held before the program: it
 * is pidbox's own, and ends with the look. Nothing of the container is executed.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { spawnGated } from "../engine/launch.ts";
import type { Gated } from "../engine/launch.ts";
import { looksOf } from "../engine/looks.ts";
import { settleLost } from "../engine/lost.ts";
import { takeChargeOfEnded } from "../engine/stopping.ts";
import { isSupervised, readStatus } from "../engine/store.ts";
import { POLLIN } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, O, open } from "../kernel/file.ts";
import { pollOne } from "../kernel/wait.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import { compile } from "../plan/compile.ts";
import type { UserMapping } from "../plan/host-facts.ts";
import { giveUp, revive } from "./container-revive.ts";
import type { Revival, Starter } from "./container-revive.ts";
import type { FoundContainer } from "./stored-containers.ts";
import { findInit, openGate } from "./verified-start.ts";
import type { Gate } from "./verified-start.ts";

/** The root of a container while it is looked at. */
export interface View extends AsyncDisposable {
  /** O_PATH descriptor. */
  readonly root: number;
  /** Absent: ids are those of the host. */
  readonly mapping: UserMapping | undefined;
}

const SHUT_RDWR = 2;
/** Milliseconds for a start that is not under way for long. */
const PATIENCE = 60_000;

function openRoot(pid: number, name: string): number {
  const root = open(`/proc/${pid}/root`, O.PATH | O.DIRECTORY);
  if (root >= 0) return root;
  throw new PidboxError("PERMISSION", `Cannot open the root directory of the container ${quote(name, 60)}: ${errnoName(root)}`, { context: { errno: errnoName(root) } });
}

function viewRunning({ directory, name, state }: FoundContainer): View {
  const pid = readStatus(directory)?.pid ?? 0;
  const root = openRoot(pid, name);
  const again = readStatus(directory);
  // The PID was the container's when it was opened, for it still is.
  if (again?.state !== "running" || again.pid !== pid || !isSupervised(directory)) {
    close(root);
    throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} has just ended`, { hint: "Try again" });
  }
  return { root, mapping: state.blueprint.mapping, [Symbol.asyncDispose]: () => Promise.resolve(close(root)) };
}

/** The container up to where its program would start: alone, with state of its own that the plan takes away again. */
function heldBlueprint({ blueprint, state: { id } }: Revival, directory: string): Blueprint {
  const { config, pidFile: _pidFile, keeping: _keeping, stop: _stop, seccomp: _seccomp, published: _published, ...rest } = blueprint;
  // Profiles are for programs, and may not be loaded yet.
  const { apparmorProfile: _profile, selinuxLabel: _label, ...own } = config.process ?? { cwd: "/" };
  const process = { ...own, args: ["/nothing is executed"], cwd: "/", terminal: false };
  return {
    ...rest, id, config: { ...config, process }, init: false, stdio: { kind: "nothing" },
    state: { directory, files: ["status"], names: [], reservations: blueprint.state.reservations, keep: false },
  };
}

/** Waits until the container is held, or fails on its way: then its launcher says why. */
async function awaitHeld(outside: number, child: Gated, name: string): Promise<number> {
  const byte = new Uint8Array(1);
  pollOne(outside, POLLIN, PATIENCE);
  if (syscall(SYSCALLS.read, outside, address(byte), 1) === 1) return findInit(child.pid, 0);
  await child.exited;
  const why = (await new Response(child.stderr).text()).replace(/^pidbox: /, "").split("\n")[0];
  throw new PidboxError("IO", `Cannot look into the container ${quote(name, 60)}: ${why ?? "its root cannot be made"}`);
}

/** Starts the container up to the gate. `revival` has what must be given up if this fails. */
async function startHeld(revival: Revival, directory: string, { inside, outside }: Gate): Promise<{ readonly root: number; readonly child: Gated }> {
  const { facts, state: { name } } = revival;
  const blueprint = heldBlueprint(revival, directory);
  let child: Gated;
  try {
    child = spawnGated((options) => compile(blueprint, facts, options), name, inside);
  } finally {
    close(inside);
  }
  try {
    return { root: openRoot(await awaitHeld(outside, child, name), name), child };
  } catch (error) {
    // Nobody answers at the gate: it gives up.
    syscall(SYSCALLS.shutdown, outside, SHUT_RDWR);
    await child.exited;
    throw error;
  }
}

async function hold({ directory, name, id }: FoundContainer, starter: Starter): Promise<View> {
  const charge = takeChargeOfEnded(directory);
  if (charge === undefined) throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is in use by another command`, { hint: "Try again" });
  let revival: Revival | undefined;
  let gate: Gate | undefined;
  try {
    revival = revive(directory, starter, true);
    const place = looksOf(starter.root);
    for (const path of [place, `${place}/${id}`]) syscall(SYSCALLS.mkdirat, AT_FDCWD, address(cString(path)), 0o700);
    gate = openGate();
    const { outside } = gate;
    const { root, child } = await startHeld(revival, `${place}/${id}`, gate);
    return {
      root, mapping: revival.blueprint.mapping,
      async [Symbol.asyncDispose]() {
        close(root);
        close(outside);
        await child.exited;
        close(charge);
      },
    };
  } catch (error) {
    giveUp(revival);
    if (gate !== undefined) close(gate.outside);
    close(charge);
    throw error;
  }
}

/** Looks into a container. Throws CONFLICT, PERMISSION, IO. */
export function viewOf(found: FoundContainer, starter: Starter): Promise<View> {
  if (found.life === "lost") settleLost(found.directory, Date.now());
  if (found.life === "running") return Promise.resolve(viewRunning(found));
  if (found.life === "restarting" || found.life === "starting") {
    throw new PidboxError("CONFLICT", `The container ${quote(found.name, 60)} is being started`, { hint: "Try again, or stop it" });
  }
  return hold(found, starter);
}
