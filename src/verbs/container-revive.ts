/** A stored container made ready for its next start: ids, cgroups and what it shares are those of now. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readHost } from "../engine/host.ts";
import { planFor } from "../engine/plan-cache.ts";
import { readPublished } from "../engine/published-ports.ts";
import { createImageFile, replaceProcess, spawnLauncher } from "../engine/launch.ts";
import { clearLook } from "../engine/looks.ts";
import { changeState, isSupervised, readState, readStatus, release } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import { F } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, unlink } from "../kernel/file.ts";
import type { Blueprint, SeccompFilter } from "../plan/blueprint.ts";
import type { CompileOptions } from "../plan/compile.ts";
import type { HostFacts, UserMapping } from "../plan/host-facts.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { DEFAULT_PROFILE } from "../plan/security-modules.ts";
import { keptBlueprint, makeLogs } from "./container-kept.ts";
import { claimRange } from "./container-user.ts";

/** Who starts a container again. */
export interface Starter {
  /** The state root. */
  readonly root: string;
  readonly executable: string;
}

/** A container that can be started now. */
export interface Revival {
  readonly root: string;
  readonly state: ContainerState;
  readonly facts: HostFacts;
  readonly blueprint: Blueprint;
}

/** The filter that the container was made with. */
export function filterOf({ blueprint, kept }: ContainerState): SeccompFilter | undefined {
  const name = blueprint.seccomp;
  if (name === undefined) return undefined;
  if (kept?.filter !== undefined) return { name, filter: Uint8Array.fromBase64(kept.filter) };
  return { name, filter: builtinFilter(name === "strict" ? "strict" : "default") };
}

type Shared = Pick<ContainerState["blueprint"], "config" | "mapping">;

/** Namespaces of the container that this one shares with, which must run. Throws NOT_FOUND. */
function sharedWith(root: string, id: string, blueprint: ContainerState["blueprint"]): Shared {
  const directory = `${root}/containers/${id}`;
  const [status, other] = [readStatus(directory), readState(directory)];
  if (status?.state !== "running" || other === undefined || !isSupervised(directory)) {
    throw new PidboxError("NOT_FOUND", `Cannot share the PID namespace of ${quote(id.slice(0, 12))}: it does not run`, { hint: `pidbox start ${id.slice(0, 12)}`, context: { from: "--pid" } });
  }
  const { linux } = blueprint.config;
  const namespaces = (linux?.namespaces ?? []).map((one) => (one.path === undefined ? one : { ...one, path: `/proc/${status.pid}/ns/${one.type}` }));
  const { mapping } = other.blueprint;
  return { config: { ...blueprint.config, linux: { ...linux, namespaces } }, ...(mapping === undefined ? {} : { mapping }) };
}

/** With a PID namespace of its own. */
function unshared({ config, ...rest }: Shared): Shared {
  const namespaces = (config.linux?.namespaces ?? []).map(({ type }) => ({ type }));
  return { ...rest, config: { ...config, linux: { ...config.linux, namespaces } } };
}

/** With the id range that the container had, or another if that is taken. */
function ranged(root: string, { id, reservations }: ContainerState, shared: Shared): Shared & { readonly reservations: readonly string[] } {
  const { config, mapping } = shared;
  if (reservations.length === 0) return { ...shared, reservations };
  const range = claimRange(root, id, reservations[0]);
  const map = [{ containerID: 0, hostID: range.start, size: mapping?.uid[0]?.size ?? 65536 }];
  const renewed: UserMapping = { uid: map, gid: map, writer: { kind: "direct" } };
  return { config: { ...config, linux: { ...config.linux, uidMappings: map, gidMappings: map } }, mapping: renewed, reservations: [range.link] };
}

/**
 * Makes the container ready, which the caller is in charge of. `alone`: even if the one that it shares a PID namespace with does not run, for it is to be
 * looked at only. Throws NOT_FOUND, CONFLICT, IO.
 */
export function revive(directory: string, { root, executable }: Starter, alone = false): Revival {
  const stored = readState(directory);
  if (stored?.kept === undefined) {
    throw new PidboxError("CONFLICT", "The container cannot be started again: it was made to be gone at its end", { hint: "pidbox run without --rm, or pidbox create" });
  }
  const { facts } = readHost();
  clearLook(root, stored.id, facts.cgroups);
  const { seccomp: _seccomp, ...blueprint } = stored.blueprint;
  const kin: Shared = stored.kept.shares === undefined ? blueprint : alone ? unshared(blueprint) : sharedWith(root, stored.kept.shares, blueprint);
  const filter = filterOf(stored);
  if (!alone) makeLogs(stored, directory, facts.uid);
  // Last: whoever gets no revival cannot give the range up.
  const { reservations, ...shared } = ranged(root, stored, kin);
  const whole: Blueprint = {
    ...blueprint, ...shared, ...(filter === undefined ? {} : { seccomp: filter }), executable,
    state: { directory, files: [], names: stored.names, reservations, keep: true },
  };
  const state: ContainerState = { ...stored, reservations, blueprint: { ...stored.blueprint, ...shared } };
  return { root, state, facts, blueprint: whole };
}

/** What is stored now, with what the next start has of its own. Limits stay those of now: `update` may have changed them meanwhile. */
function readied(now: ContainerState, { reservations, blueprint }: ContainerState, cgroups: readonly string[]): ContainerState {
  const { config: { linux = {} }, mapping } = blueprint;
  const ids = Object.fromEntries(Object.entries(linux).filter(([key]) => key === "namespaces" || key === "uidMappings" || key === "gidMappings"));
  const config = { ...now.blueprint.config, linux: { ...now.blueprint.config.linux, ...ids } };
  return { ...now, reservations, cgroups, blueprint: { ...now.blueprint, config, ...(mapping === undefined ? {} : { mapping }) } };
}

/** The plan; what has changed of the container is stored first. */
async function planOf({ root, blueprint, state, facts }: Revival, options: CompileOptions): Promise<Uint8Array> {
  if (blueprint.config.process?.apparmorProfile === DEFAULT_PROFILE && facts.privileged) (await import("../engine/apparmor.ts")).loadDefaultProfile();
  const range = state.reservations.length === 0 ? undefined : blueprint.mapping?.uid[0]?.hostID;
  const names = { id: state.id, ...(range === undefined ? {} : { range }) };
  const { plan, cgroups } = await planFor(root, { blueprint: keptBlueprint(blueprint, state, "keep"), facts, options, names });
  changeState(blueprint.state.directory, (now) => readied(now, state, cgroups));
  return plan;
}

/** Takes back what a start would have used. The launcher may have done so before it failed. */
export function giveUp(revival: Revival | undefined): void {
  for (const link of revival?.state.reservations ?? []) release(link, revival?.state.id ?? "");
}

/** With the ports of the host that it had: whoever knows them finds it there again. */
function samePorts(directory: string, revival: Revival): Revival {
  const published = readPublished(directory, revival.state);
  return published === undefined ? revival : { ...revival, blueprint: { ...revival.blueprint, published } };
}

/** Starts a container after `delay` ms in the place of this process, which is its supervisor already and in charge of it by `charge`. Throws. */
export async function restartInPlace(directory: string, starter: Starter, charge: number, delay: number): Promise<never> {
  const revival = samePorts(directory, revive(directory, starter));
  try {
    const file = createImageFile();
    // Bun marks what it inherits to be closed at exec.
    syscall(SYSCALLS.fcntl, charge, F.SETFD, 0);
    return replaceProcess(file, await planOf(revival, { self: file, charge, delay }), revival.state.name);
  } catch (error) {
    giveUp(revival);
    throw error;
  }
}

/** The container's terminal begins as large as its first client's. */
function sized(revival: Revival, window: Beside["window"]): Revival {
  const { config } = revival.blueprint;
  if (window === undefined || config.process === undefined) return revival;
  return { ...revival, blueprint: { ...revival.blueprint, config: { ...config, process: { ...config.process, consoleSize: window } } } };
}

/** What a start in the background has of its caller's. */
export interface Beside {
  /** What the launcher prints once the program runs; empty is nothing. */
  readonly announce: string;
  /** Socket of a client that is there from the first byte on. The caller keeps it. */
  readonly client?: number;
  /** The window of that client. */
  readonly window?: { readonly height: number; readonly width: number };
}

/**
 * Starts a stored container in the background and waits until it runs; the caller is in charge of it by `charge`, which is closed. Returns the launcher's exit
 * code: 0, or that of the failure that it has explained on standard error.
 */
export async function startStored(directory: string, starter: Starter, charge: number, beside: Beside): Promise<number> {
  let revival: Revival | undefined;
  try {
    revival = sized(revive(directory, starter), beside.window);
    for (const file of ["stop", "end.json"]) unlink(`${directory}/${file}`);
    const { client, announce } = beside;
    const ready = revival;
    return await spawnLauncher((self) => planOf(ready, { ...self, announce }), ready.state.name, { charge, ...(client === undefined ? {} : { client }) });
  } catch (error) {
    giveUp(revival);
    throw error;
  } finally {
    close(charge);
  }
}
