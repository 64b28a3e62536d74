/** Which checks are asked and how grave they are, by the name of a standard or by a list. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { Severity } from "../report/finding.ts";
import { SEVERITIES } from "../report/finding.ts";
import type { Check } from "./check.ts";

const refersTo = (...words: readonly string[]) => (check: Check): boolean =>
  check.references.some((reference) => words.some((word) => reference.startsWith(word)));

/** What a container of Docker has by default, weak or not. */
const DOCKERS_OWN = new Set([
  "C02", "C03", "G01", "G02", "G03", "G30", "G12", "G08", "N01", "N07", "S01", "S06", "S07", "V03", "L05", "L07", "L12", "L13", "P07", "P21",
]);

/** Each is a choice among all checks. */
export const PROFILES: Readonly<Record<string, { readonly text: string; readonly includes: (check: Check) => boolean }>> = {
  "pidbox-strict": { text: "every check", includes: () => true },
  "docker-default": { text: "what is weaker than Docker's own defaults", includes: ({ id, severity }) => severity !== "info" && !DOCKERS_OWN.has(id) },
  "cis-docker": { text: "what the CIS Docker Benchmark asks", includes: refersTo("CIS Docker") },
  "pss-baseline": { text: "the Pod Security Standard baseline", includes: refersTo("PSS baseline") },
  "pss-restricted": { text: "the Pod Security Standard restricted", includes: refersTo("PSS baseline", "PSS restricted") },
};

function bad(place: string, cause: string): PidboxError {
  return new PidboxError("CONFIG_INVALID", `Cannot use the profile at ${place}: ${cause}`, { hint: "A profile is a list of ids or names of checks, or of maps with check and severity." });
}

/** The checks of a profile that was YAML: a list of ids or names, or of `{ check, severity }`. Throws CONFIG_INVALID. */
export function parseProfile(document: unknown, checks: readonly Check[]): readonly Check[] {
  if (!Array.isArray(document) || document.length === 0) throw bad("/", "it is no list");
  return document.map((entry: unknown, i): Check => {
    const fields = (typeof entry === "object" && entry !== null ? entry : { check: entry }) as { readonly check?: unknown; readonly severity?: unknown };
    const check = checks.find(({ id, name }) => id === fields.check || name === fields.check);
    if (check === undefined) throw bad(`/${i}`, `there is no check ${quote(String(fields.check), 40)}`);
    const severity = SEVERITIES.find((one) => one === fields.severity);
    if (fields.severity !== undefined && severity === undefined) throw bad(`/${i}/severity`, `${quote(JSON.stringify(fields.severity), 40)} is not one of ${SEVERITIES.join(", ")}`);
    return severity === undefined ? check : graded(check, severity);
  });
}

/** A check that is as grave as a profile says, whatever it says itself of a case. */
function graded(check: Check, severity: Severity): Check {
  const again = <T extends readonly unknown[]>(evaluate: (...facts: T) => ReturnType<Check["evaluate"]>) => (...facts: T): ReturnType<Check["evaluate"]> => {
    const answers = [evaluate(...facts)].flat() as readonly Exclude<ReturnType<Check["evaluate"]>, readonly unknown[]>[];
    return answers.map(({ severity: _own, ...answer }) => answer);
  };
  return check.scope === "host" ? { ...check, severity, evaluate: again(check.evaluate) } : { ...check, severity, evaluate: again(check.evaluate) };
}
