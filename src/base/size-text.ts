/** Sizes as docker's tables have them (go-units). */

const DECIMAL = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** A number of `digits` digits without trailing zeros, as Go's %.4g prints what is below 10000. */
function digitsOf(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let [value, unit] = [Math.max(bytes, 0), 0];
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${digitsOf(value, digits)}${units[unit] ?? ""}`;
}

/** Such as 1.5MiB. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, BINARY, 4);
}

/** Such as 1.2kB. */
export function decimalSize(bytes: number): string {
  return scaled(bytes, 1000, DECIMAL, 3);
}
