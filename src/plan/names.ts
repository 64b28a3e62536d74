/** The values that stages of the compiler hand to each other: registers and shared data blocks of one plan. Pure. */
import type { Blueprint } from "./blueprint.ts";
import type { HostFacts } from "./host-facts.ts";
import type { PlanWriter } from "./writer.ts";
import { OPEN, RESOLVE } from "../kernel/abi/constants.ts";

/** Numbers of the descriptors that plan and launcher keep, above those that the caller gives to the program. */
export interface OwnDescriptors {
  /** Where reports of failed ops go: it closes when exec succeeds, which is how the supervisor knows. */
  readonly report: number;
  /** The memfd with launcher and plan, for the explanation of a failure. */
  readonly self: number;
  /** One more that the starter of the plan hands in: the gate of --verify, the pidfd of the container to join. */
  readonly extra: number;
  /** The status file of a container whose starter holds its lock. */
  readonly charge: number;
  /** A first client of a container that nobody waits for. */
  readonly client: number;
}

/** `charge` of a container of `run`, for the pidbox that its supervisor becomes. */
export const CHARGE_DESCRIPTOR = 6;

export interface Compilation {
  readonly writer: PlanWriter;
  readonly blueprint: Blueprint;
  readonly facts: HostFacts;
  readonly descriptors: OwnDescriptors;
  /** Register of the container's root directory (O_PATH). */
  readonly root: number;
  /** An empty path, and `struct open_how` blocks that many ops share. */
  readonly empty: number;
  readonly how: { readonly target: number; readonly directory: number; readonly strict: number; readonly child: number; readonly entry: number };
}

export const HOW_SIZE = 24;

export function compilation(writer: PlanWriter, blueprint: Blueprint, facts: HostFacts): Compilation {
  const path = OPEN.PATH | OPEN.CLOEXEC;
  const inRoot = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
  const first = 3 + (blueprint.runtime?.preserved ?? 0);
  return {
    writer, blueprint, facts,
    descriptors: { report: first, self: first + 1, extra: first + 2, charge: first + 3, client: first + 4 },
    root: writer.register(),
    empty: writer.text(""),
    how: {
      target: writer.cells(path, 0, inRoot),
      directory: writer.cells(path | OPEN.DIRECTORY, 0, inRoot),
      strict: writer.cells(path | OPEN.DIRECTORY, 0, inRoot | RESOLVE.NO_SYMLINKS),
      child: writer.cells(path | OPEN.DIRECTORY | OPEN.NOFOLLOW, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS),
      entry: writer.cells(path, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS),
    },
  };
}

/** Whether the config asks for a new namespace of this type (listed without a path). */
export function createsNamespace(blueprint: Blueprint, type: string): boolean {
  return blueprint.config.linux?.namespaces?.some((n) => n.type === type && n.path === undefined) ?? false;
}

/** The path of the namespace of this type that the config joins. */
export function joinedNamespace(blueprint: Blueprint, type: string): string | undefined {
  return blueprint.config.linux?.namespaces?.find((n) => n.type === type)?.path;
}
