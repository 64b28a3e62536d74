import { expect, test } from "bun:test";
import { auditFacts } from "../../test/fixtures/audit/facts.ts";
import { PidboxError } from "../base/error.ts";
import { formatRecording, parseRecording } from "./recording.ts";

test("facts come back as they were", () => {
  const facts = auditFacts();
  expect(parseRecording(formatRecording(facts))).toEqual(facts);
});

test("what is no recording is refused", () => {
  const texts = [
    "", "{}", "null", '{"recording":2}', '{"recording":1,"facts":{}}', '{"recording":1,"facts":{"host":{"$map":[1]}}}',
    '{"recording":1,"facts":{"taken":1,"containers":[],"host":{}}}', '{"recording":1,"facts":{"taken":1,"containers":[],"host":{"kernel":{},"engines":{}}}}',
  ];
  for (const text of texts) {
    expect(() => parseRecording(text)).toThrow(PidboxError);
  }
});
