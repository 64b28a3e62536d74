/** The order of Debian's package versions (deb-version(7)): [epoch:]upstream[-revision]. Pure and total. */

interface DebVersion {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

function parts(text: string): DebVersion {
  const colon = text.indexOf(":");
  const epoch = colon > 0 && /^[0-9]{1,9}$/.test(text.slice(0, colon)) ? Number(text.slice(0, colon)) : 0;
  const rest = colon > 0 && /^[0-9]{1,9}$/.test(text.slice(0, colon)) ? text.slice(colon + 1) : text;
  const dash = rest.lastIndexOf("-");
  return dash < 0 ? { epoch, upstream: rest, revision: "" } : { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

const isDigit = (c: string | undefined): boolean => c !== undefined && c >= "0" && c <= "9";
const isLetter = (c: string): boolean => (c >= "a" && c <= "z") || (c >= "A" && c <= "Z");

/** `~` before the end, the end before letters, letters before all else. */
function weight(c: string | undefined): number {
  if (c === undefined || isDigit(c)) return 0;
  if (c === "~") return -1;
  return isLetter(c) ? c.charCodeAt(0) : c.charCodeAt(0) + 256;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (isDigit(text[at])) at++;
  return at;
}

function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

function compareParts(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const order = weight(a[i]) - weight(b[j]);
      if (order !== 0) return order;
      i++;
      j++;
    }
    const [endA, endB] = [endOfDigits(a, i), endOfDigits(b, j)];
    const order = compareNumbers(a.slice(i, endA), b.slice(j, endB));
    if (order !== 0) return order;
    i = endA;
    j = endB;
  }
  return 0;
}

/** Negative, zero or positive as `a` is older than, the same as, or newer than `b`, as `dpkg --compare-versions` sees it. */
export function compareDebVersions(a: string, b: string): number {
  const [x, y] = [parts(a), parts(b)];
  return x.epoch - y.epoch || compareParts(x.upstream, y.upstream) || compareParts(x.revision, y.revision);
}

/** Without what a rebuild for an older release adds: `6.12.86-1~bpo12+1` and `6.8.0-117.117~22.04.1` have the fixes of what they were made from. */
export function withoutBackport(version: string): string {
  return version.replace(/~(bpo[0-9]+\+[0-9]+|[0-9]{2}\.[0-9]{2}(\.[0-9]+)?)$/, "");
}

/** The upstream part without epoch and what Debian did to the source: `5:27.1.1-1~debian.12` is 27.1.1, `1.1.5+ds1-1` is 1.1.5. */
export function upstreamOf(version: string): string {
  return parts(version).upstream.replace(/[+~](ds|dfsg|really|git).*$/, "");
}
