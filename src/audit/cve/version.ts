/** Upstream versions of kernels and engines: order, and whether a version has a fix that each branch got at a point of its own. Pure. */

/** `6.18.44-fc-v669`: numbers, and a release candidate that comes before them; what else follows is the builder's. */
export interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  /** Infinity: a release. */
  readonly candidate: number;
}

/** The version at the beginning of `text`, `v` or not; undefined: there is none. */
export function parseVersion(text: string): Version | undefined {
  const match = /^v?([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?(?:[-~+.]?rc[.-]?([0-9]{1,4}))?/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, candidate] = match;
  return { numbers: [Number(major), Number(minor), Number(patch ?? 0)], candidate: candidate === undefined ? Number.POSITIVE_INFINITY : Number(candidate) };
}

function branchOrder(a: Version, b: Version): number {
  return a.numbers[0] - b.numbers[0] || a.numbers[1] - b.numbers[1];
}

export function compareVersions(a: Version, b: Version): number {
  const order = branchOrder(a, b) || a.numbers[2] - b.numbers[2];
  return order !== 0 || a.candidate === b.candidate ? order : a.candidate - b.candidate;
}

/** When a mistake came and where it was mended. */
export interface FixPoints {
  readonly introduced?: string;
  /** First version with the fix, of each branch that got it; the greatest is that of the main line. */
  readonly fixed: readonly string[];
  /** `fixed` names every branch that got it, so that the others never did. */
  readonly complete?: boolean;
}

export type FixState = "fixed" | "affected" | "unknown";

/** Whether `version` has the fix, as its makers count. A branch that the record does not name is unknown, unless the record is complete. */
export function fixState(version: Version, { introduced, fixed, complete }: FixPoints): FixState {
  const since = introduced === undefined ? undefined : parseVersion(introduced);
  if (since !== undefined && compareVersions(version, since) < 0) return "fixed";
  const points = fixed.map(parseVersion).filter((point) => point !== undefined);
  const own = points.filter((point) => branchOrder(point, version) === 0).toSorted(compareVersions).at(-1);
  // Two points on one branch mean that the first was not all of it.
  if (own !== undefined) return compareVersions(version, own) >= 0 ? "fixed" : "affected";
  const newest = points.toSorted(compareVersions).at(-1);
  if (newest === undefined) return "unknown";
  if (branchOrder(version, newest) > 0) return "fixed";
  return complete === true ? "affected" : "unknown";
}
