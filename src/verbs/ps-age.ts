/** Ages as people say them. Pure. */

const UNITS: readonly { readonly name: string; readonly seconds: number }[] = [
  { name: "day", seconds: 86_400 },
  { name: "hour", seconds: 3600 },
  { name: "minute", seconds: 60 },
  { name: "second", seconds: 1 },
];

/** How long before `now` the time `since` was, both in milliseconds, in the largest unit of which there are two or more: `90 minutes ago`. */
export function ageText(since: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - since) / 1000));
  const unit = UNITS.find((u) => seconds >= 2 * u.seconds) ?? { name: "second", seconds: 1 };
  const count = Math.floor(seconds / unit.seconds);
  return `${count} ${unit.name}${count === 1 ? "" : "s"} ago`;
}
