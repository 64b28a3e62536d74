import { expect, test } from "bun:test";
import { formatEntry } from "./oci-log.ts";

const TIME = "2026-11-24T14:27:17Z";

test("formatEntry() writes logrus' text form", () => {
  expect(formatEntry("text", "error", 'container "x" does not exist', TIME)).toBe(`time="${TIME}" level=error msg="container \\"x\\" does not exist"\n`);
  expect(formatEntry("text", "warning", "a\\nb", TIME)).toBe(`time="${TIME}" level=warning msg="a\\\\nb"\n`);
});

test("formatEntry() writes one JSON object a line, with keys in the order of logrus", () => {
  const line = formatEntry("json", "error", 'container "x" does not exist', TIME);
  expect(line).toBe(`{"level":"error","msg":"container \\"x\\" does not exist","time":"${TIME}"}\n`);
  expect(JSON.parse(line)).toEqual({ level: "error", msg: 'container "x" does not exist', time: TIME });
});
