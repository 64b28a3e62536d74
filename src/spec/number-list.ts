/** Lists of CPUs and memory nodes such as `0-3,7` (cpuset(7), "List format"). Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** The ranges of a list, in its order, with both ends; undefined for other text, the empty one too. Numbers have six digits at most. */
export function parseRanges(text: string): (readonly [first: number, last: number])[] | undefined {
  const ranges: (readonly [number, number])[] = [];
  for (const part of text.split(",")) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || first > last) return undefined;
    ranges.push([first, last]);
  }
  return ranges;
}

/** As parseRanges; throws CONFIG_INVALID for other text. */
export function rangesOf(text: string, from: string): (readonly [first: number, last: number])[] {
  const ranges = parseRanges(text);
  if (ranges !== undefined) return ranges;
  throw new PidboxError("CONFIG_INVALID", `Cannot use ${quote(text, 60)}: it is not numbers and ranges such as 0-3,7`, { context: { from } });
}
