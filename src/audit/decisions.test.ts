import { describe, expect, test } from "bun:test";
import { auditFacts } from "../../test/fixtures/audit/facts.ts";
import { PidboxError } from "../base/error.ts";
import type { AuditReport } from "../report/finding.ts";
import { isOpen } from "../report/finding.ts";
import { applyBaseline, parseBaseline } from "./baseline.ts";
import { CHECKS } from "./catalog.ts";
import { evaluate } from "./evaluation.ts";
import { parseProfile, PROFILES } from "./profile.ts";
import { applyWaivers, parseWaivers } from "./waiver.ts";

const facts = auditFacts();
const report: AuditReport = evaluate(facts, CHECKS, true);
const NOW = facts.taken;
const rule = { check: "C02", reason: "known", owner: "ops", expires: "2027-01-31" };
const openOf = (one: AuditReport, id: string): number => one.results.filter((result) => result.check === id && isOpen(result)).length;

describe("waivers", () => {
  test("take a finding by id or name, for the containers that they name", () => {
    expect(openOf(report, "C02")).toBe(1);
    for (const fields of [rule, { ...rule, check: "default-capabilities" }, { ...rule, container: "c0ffee*" }]) {
      const waived = applyWaivers(report, parseWaivers([fields]), NOW);
      expect(openOf(waived, "C02")).toBe(0);
      expect(openOf(waived, "S01")).toBe(1);
    }
    expect(openOf(applyWaivers(report, parseWaivers([{ ...rule, container: "web" }]), NOW), "C02")).toBe(1);
    expect(openOf(applyWaivers(report, parseWaivers([{ ...rule, container: "." }]), NOW), "C02")).toBe(1);
  });

  test("that have expired take nothing, and are findings", () => {
    const late = applyWaivers(report, parseWaivers([{ ...rule, expires: "2026-11-20" }]), NOW);
    expect(openOf(late, "C02")).toBe(1);
    expect(openOf(late, "O31")).toBe(1);
    // The last day itself still counts.
    expect(openOf(applyWaivers(report, parseWaivers([{ ...rule, expires: "2026-11-24" }]), NOW), "C02")).toBe(0);
  });

  test("that say less than they must are refused", () => {
    const { owner: _owner, ...without } = rule;
    const changes = [{ expires: "tomorrow" }, { expires: "2026-13-01" }, { contaner: "web" }, { reason: " " }];
    const wrong = [without, ...changes.map((change) => ({ ...rule, ...change })), "C02", null, [rule]];
    for (const one of wrong) expect(() => parseWaivers([one])).toThrow(PidboxError);
    expect(() => parseWaivers({})).toThrow(PidboxError);
    expect(parseWaivers(null)).toEqual([]);
  });
});

describe("a baseline", () => {
  test("makes the same findings known, whatever their PIDs", () => {
    const known = parseBaseline(JSON.parse(JSON.stringify(report)));
    expect(applyBaseline(report, known).results.filter(isOpen)).toEqual([]);
    const other = applyBaseline(evaluate({ ...facts, host: { ...facts.host, programs: [] } }, CHECKS, true), new Set());
    expect(other.results.filter(isOpen).length).toBe(report.results.filter(isOpen).length);
  });

  test("that is none is refused", () => {
    for (const wrong of [null, {}, [], { results: {} }, { results: [{}] }, { results: [null] }]) expect(() => parseBaseline(wrong)).toThrow(PidboxError);
  });
});

describe("profiles", () => {
  test("each has checks, and those of Docker's defaults find nothing in a container of Docker", () => {
    for (const { includes } of Object.values(PROFILES)) expect(CHECKS.filter(includes).length).toBeGreaterThan(0);
    const plain = evaluate(facts, CHECKS.filter(PROFILES["docker-default"]?.includes ?? (() => false)), false);
    expect(plain.results.filter(isOpen).map(({ check, text }) => `${check} ${text}`)).toEqual([]);
  });

  test("a list chooses and grades", () => {
    const checks = parseProfile(["C02", { check: "user-namespace", severity: "critical" }], CHECKS);
    expect(checks.map(({ id }) => id)).toEqual(["C02", "S01"]);
    expect(evaluate(facts, checks, false).results.find(({ check }) => check === "S01")?.severity).toBe("critical");
    for (const wrong of [[], {}, ["nothing"], [{ check: "C02", severity: "bad" }], [7]]) expect(() => parseProfile(wrong, CHECKS)).toThrow(PidboxError);
  });
});
