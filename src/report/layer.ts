/** One line of the table that `verify` prints, the verdict over all of them, and their text. Pure. */
import { columns, printable } from "../base/text.ts";

/** `unknown` is a layer that could not be read. It is never taken for one that holds. */
export type LayerState = "yes" | "no" | "unknown";

export interface Layer {
  readonly name: string;
  readonly promised: string;
  readonly found: string;
  readonly ok: LayerState;
  /** Where to look: a path of the host, usually below /proc or the cgroup tree. */
  readonly evidence: string;
  /** The flag that gave this layer up when the container was started. */
  readonly waived?: string;
}

export interface LayerCount {
  readonly hold: number;
  /** Do not hold, and nobody asked for that. */
  readonly broken: number;
  readonly waived: number;
  readonly unknown: number;
}

export function countLayers(layers: readonly Layer[]): LayerCount {
  const of = (test: (layer: Layer) => boolean): number => layers.filter(test).length;
  return {
    hold: of((l) => l.ok === "yes"), broken: of((l) => l.ok === "no" && l.waived === undefined), waived: of((l) => l.ok === "no" && l.waived !== undefined),
    unknown: of((l) => l.ok === "unknown"),
  };
}

/** The verdict in one sentence without a full stop. An empty table proves nothing and says so. */
export function verdictText(layers: readonly Layer[]): string {
  const { hold, broken, waived, unknown } = countLayers(layers);
  const total = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  if (layers.length === 0) return "0 layers: nothing was verified";
  if (hold === layers.length) return `${total}, all hold`;
  const parts = [
    ...(broken === 0 ? [] : [`${broken} ${broken === 1 ? "does" : "do"} not hold`]),
    ...(waived === 0 ? [] : [`${waived} given up at the start by name`]),
    ...(unknown === 0 ? [] : [`${unknown} could not be read`]),
  ];
  return `${total}, ${parts.join(", ")}`;
}

/** Order of attention: what does not hold, what is not known, the rest in the order given. */
function byUrgency(layers: readonly Layer[]): readonly Layer[] {
  const rank = { no: 0, unknown: 1, yes: 2 };
  return layers.toSorted((a, b) => rank[a.ok] - rank[b.ok]);
}

const WIDEST = 96;

function cell(text: string): string {
  const shown = printable(text);
  return shown.length <= WIDEST ? shown : `${shown.slice(0, WIDEST - 3)}...`;
}

/** The table; what came from a container is made printable here. */
export function layerTable(layers: readonly Layer[]): string {
  const rows = byUrgency(layers).map((l) => [
    printable(l.name), l.ok === "no" && l.waived !== undefined ? "no (waived)" : l.ok, cell(l.promised), cell(l.found), printable(l.evidence),
  ]);
  return columns([["LAYER", "OK", "PROMISED", "FOUND", "EVIDENCE"], ...rows]);
}
