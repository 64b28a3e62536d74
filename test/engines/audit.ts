/** What `pidbox audit` says of one container of an engine, in the form in which tests compare it. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditReport, Severity } from "../../src/report/finding.ts";
import { has } from "../parts.ts";
import { run, type World } from "./world.ts";

export const PIDBOX = join(import.meta.dir, "../../dist/pidbox");

/** Ids of checks, divided by spaces. */
export interface Expected {
  /** All findings that are critical, and all that are high. */
  readonly critical?: string;
  readonly high?: string;
  /** Some of those that are less grave. */
  readonly less?: string;
}

/** Findings that only some hosts can have. */
const HOSTS: Readonly<Record<string, () => boolean>> = {
  G07: () => has("cgroup2"), K09: () => readFileSync("/proc/sys/kernel/io_uring_disabled", "utf8").trim() === "0",
};

function ids(text = ""): string[] {
  return text.split(" ").filter((id) => id !== "" && (HOSTS[id]?.() ?? true)).toSorted();
}

/**
 * Audits the container that `target` names and compares all that is grave. With `world`, pidbox runs there: the mounts, the network and the files of
 * the engine are the world's, and what a container shares with its host it shares with the world.
 */
export async function expectFindings(target: string, expected: Expected, world?: World): Promise<void> {
  const command = [PIDBOX, "audit", target, "--format=json"];
  const { out, err } = await run(world?.command(command) ?? command);
  if (out === "") throw new Error(err);
  const { results, subjects } = JSON.parse(out) as AuditReport;
  expect(subjects).toHaveLength(1);
  const findings = results.filter(({ verdict }) => verdict === "finding");
  const found = (...severities: readonly Severity[]): string[] => {
    const those = findings.filter(({ severity }) => severities.includes(severity));
    return [...new Set(those.map(({ check }) => check))].toSorted();
  };
  const less = found("medium", "low", "info");
  const told = findings.filter(({ severity }) => severity === "critical" || severity === "high").map(({ check, text }) => `${check} ${text}`).join("\n");
  expect({ critical: found("critical"), high: found("high"), less: ids(expected.less).filter((id) => less.includes(id)) }, told).toEqual({
    critical: ids(expected.critical), high: ids(expected.high), less: ids(expected.less),
  });
}
