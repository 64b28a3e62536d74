/** The values that stages of the compiler hand to each other: registers and shared data blocks of one plan. Pure. */
import type { Blueprint } from "./blueprint.ts";
import type { HostFacts } from "./host-facts.ts";
import type { PlanWriter } from "./writer.ts";
import { OPEN, RESOLVE } from "../kernel/abi/constants.ts";

/** A mount that the supervisor opens on the host and hands to the container. */
export interface Transfer {
  /** Register of the supervisor. */
  readonly sent: number;
  /** Register of the container. */
  readonly received: number;
}

export interface Compilation {
  readonly writer: PlanWriter;
  readonly blueprint: Blueprint;
  readonly facts: HostFacts;
  readonly transfers: Transfer[];
  /** Mounts made by the supervisor, by config pointer. */
  readonly prepared: Map<string, number>;
  /** Register of the container's root directory (O_PATH). */
  readonly root: number;
  /** An empty path, and `struct open_how` blocks that many ops share. */
  readonly empty: number;
  readonly how: { readonly target: number; readonly directory: number; readonly strict: number; readonly child: number };
}

export const HOW_SIZE = 24;

export function compilation(writer: PlanWriter, blueprint: Blueprint, facts: HostFacts): Compilation {
  const path = OPEN.PATH | OPEN.CLOEXEC;
  const inRoot = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
  return {
    writer, blueprint, facts, transfers: [], prepared: new Map(),
    root: writer.register(),
    empty: writer.text(""),
    how: {
      target: writer.cells(path, 0, inRoot),
      directory: writer.cells(path | OPEN.DIRECTORY, 0, inRoot),
      strict: writer.cells(path | OPEN.DIRECTORY, 0, inRoot | RESOLVE.NO_SYMLINKS),
      child: writer.cells(path | OPEN.DIRECTORY | OPEN.NOFOLLOW, 0, RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS),
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
