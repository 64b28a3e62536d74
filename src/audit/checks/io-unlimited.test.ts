import { expect, test } from "bun:test";
import { containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./io-unlimited.ts";

const io = (content: string | number): ReturnType<typeof containerFacts> =>
  containerFacts({ cgroups: new Map([["unified", "/c/x"]]), cgroupFiles: new Map([["/c/x/io.max", content]]) });

test("a limit passes, none is told, and what cannot be read is unknown", () => {
  expect(told(check, { container: io("8:0 rbps=max wbps=1048576 riops=max wiops=max") })).toEqual(["pass: limited"]);
  expect(told(check, { container: io("") })).toEqual(["finding: none"]);
  expect(told(check, { container: io(-13) })).toEqual(["unknown: the limit could not be read"]);
});
