/** From facts to results: every check is asked of what it is about. Pure. */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import type { Answer, AuditReport, CheckInfo, Result, Subject } from "../report/finding.ts";
import { byUrgency, HOST } from "../report/finding.ts";
import type { Check } from "./check.ts";
import { unknown } from "./check.ts";
import { ageOf, STALE_DAYS } from "./cve/data.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";

function subjectOf({ container }: ContainerFacts): Subject {
  const { id, name, engine, initPid } = container;
  return { id, name, engine, initPid };
}

/** A container that ended, or that hides, answers nothing: what a check makes of the rest would be a guess. */
function unreadable(container: ContainerFacts): Answer | undefined {
  if (container.first !== undefined) return undefined;
  const errno = container.unreadable.find(({ pid }) => pid === container.container.initPid)?.errno;
  const source = `/proc/${container.container.initPid ?? 0}`;
  if (errno === undefined) return unknown("its first process ended while it was read", { source, value: "" });
  return unknown("the kernel does not show its first process to this user", { source, value: "", errno: errnoName(errno) });
}

function ask(evaluate: () => Answer | readonly Answer[]): readonly Answer[] {
  try {
    const answer = evaluate();
    return Array.isArray(answer) ? (answer as readonly Answer[]) : [answer as Answer];
  } catch (error) {
    // Facts that came from an attacker, or from a kernel of the future: one check must not take the others down, and must not pass.
    if (!(error instanceof PidboxError)) throw error;
    return [unknown(error.message)];
  }
}

function infoOf({ id, name, title, severity, why, references, remedy }: Check): CheckInfo {
  return { id, name, title, severity, why, references, remedy };
}

/** Asks `checks` of the facts; `hosts` says whether those about the host are asked too. */
export function evaluate(facts: AuditFacts, checks: readonly Check[], hosts: boolean): AuditReport {
  const results: Result[] = [];
  for (const check of checks) {
    const add = (subject: Subject, answers: readonly Answer[]): void => {
      for (const answer of answers) results.push({ ...answer, severity: answer.severity ?? check.severity, check: check.id, subject });
    };
    if (check.scope === "host") {
      if (hosts) add(HOST, ask(() => check.evaluate(facts)));
      continue;
    }
    for (const container of facts.containers) {
      const dark = unreadable(container);
      add(subjectOf(container), dark === undefined ? ask(() => check.evaluate(container, facts)) : [dark]);
    }
  }
  const days = ageOf(facts.cves, facts.taken);
  const stale = days > STALE_DAYS;
  const age = `Vulnerabilities are those known on ${facts.cves.date}, ${days} days before: newer ones are not found. A newer file goes to --data.`;
  return {
    data: { date: facts.cves.date, days, stale },
    taken: facts.taken, version: facts.version, kernel: facts.host.release, checks: checks.map(infoOf), limits: [...facts.limits, ...(stale ? [age] : [])],
    subjects: [...(hosts ? [HOST] : []), ...facts.containers.map(subjectOf)], results: results.toSorted(byUrgency),
  };
}
