import { expect, test } from "bun:test";
import { auditFacts } from "../../test/fixtures/audit/facts.ts";
import { evaluate } from "./evaluation.ts";

test("a report says how old its vulnerabilities are, and that they are too old", () => {
  expect(evaluate(auditFacts(), [], true).data).toEqual({ date: "2026-09-04", days: 81, stale: false });
  const old = evaluate(auditFacts({ taken: Date.UTC(2027, 2, 1) }), [], true);
  expect(old.data.stale).toBe(true);
  expect(old.limits).toEqual(["Vulnerabilities are those known on 2026-09-04, 178 days before: newer ones are not found. A newer file goes to --data."]);
});
