/**
 * Which capabilities of a config can be granted here. Others are left out with a warning: "Runtimes SHOULD NOT fail if the container configuration requests
 * capabilities that cannot be granted" (config.md, "Linux Process"). Pure.
 */
import { CAPABILITIES } from "../../kernel/abi/capabilities.ts";
import type { Capabilities } from "../../spec/runtime-config.ts";

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

export interface Granted {
  readonly sets: Capabilities;
  /** Names that no set has any more. */
  readonly refused: readonly string[];
}

/** `owned`: bit n for each capability n that the container can have: those of the caller, or all that the kernel knows in a new user namespace. */
export function grantCapabilities(wanted: Capabilities, owned: number): Granted {
  const refused = new Set<string>();
  const can = (name: string): boolean => {
    const bit = CAPABILITIES.indexOf(name as (typeof CAPABILITIES)[number]);
    const granted = bit >= 0 && Math.floor(owned / 2 ** bit) % 2 === 1;
    if (!granted) refused.add(name);
    return granted;
  };
  const sets: Record<string, readonly string[]> = Object.fromEntries(SETS.map((set) => [set, (wanted[set] ?? []).filter(can)]));
  const { permitted = [], inheritable = [], bounding = [], effective = [] } = sets;
  // capset(2): effective is a subset of permitted; inheritable one of bounding and permitted. PR_CAP_AMBIENT_RAISE needs both permitted and inheritable.
  return {
    refused: [...refused],
    sets: {
      bounding, permitted, effective: effective.filter((name) => permitted.includes(name)), inheritable,
      ambient: (sets["ambient"] ?? []).filter((name) => permitted.includes(name) && inheritable.includes(name)),
    },
  };
}
