import { expect, test } from "bun:test";
import { RUN_CAPABILITIES } from "../plan/defaults.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { ownFilter } from "./own-filters.ts";
import type { ContainerState } from "./store.ts";

const state = (seccomp: string | undefined, bounding: readonly string[], filter?: string): Pick<ContainerState, "blueprint" | "kept"> => {
  const config = { ociVersion: "1.2.0", process: { cwd: "/", user: { uid: 0, gid: 0 }, capabilities: { bounding } } };
  const blueprint = { config, ...(seccomp === undefined ? {} : { seccomp }) } as unknown as ContainerState["blueprint"];
  const kept = { filter } as unknown as NonNullable<ContainerState["kept"]>;
  return { blueprint, ...(filter === undefined ? {} : { kept }) };
};

test("the built-in ones by name, and the default for the capabilities that it has", () => {
  expect(ownFilter(state("strict", []))).toEqual(builtinFilter("strict"));
  expect(ownFilter(state("default", RUN_CAPABILITIES))).toEqual(builtinFilter("default"));
  expect(ownFilter(state("default", [...RUN_CAPABILITIES, "CAP_SYS_PTRACE"]))).not.toEqual(builtinFilter("default"));
});

test("a file's where it was kept, else nothing", () => {
  expect(ownFilter(state("/profile.json", [], new Uint8Array([1, 2]).toBase64()))).toEqual(new Uint8Array([1, 2]));
  expect(ownFilter(state("/profile.json", []))).toBeUndefined();
  expect(ownFilter(state(undefined, []))).toBeUndefined();
});
