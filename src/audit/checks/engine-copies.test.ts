import { expect, test } from "bun:test";
import { engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-copies.ts";

const runc = (path: string, deleted = false): { name: string; path: string; pids: number[]; deleted: boolean } => ({ name: "runc", path, pids: [], deleted });
const of = (...programs: ReturnType<typeof runc>[]): string[] => told(check, { host: hostFacts({ engines: engineFacts({ programs }) }) });

test("two files of one name are found, one and a deleted one are not", () => {
  expect(of(runc("/usr/bin/runc"), runc("/usr/local/bin/runc"))).toEqual(["finding: runc: /usr/bin/runc, /usr/local/bin/runc"]);
  expect(of(runc("/usr/bin/runc"), runc("/opt/bin/runc", true))).toEqual(["pass: one of each: runc"]);
  expect(of()).toEqual(["not-applicable: no program of an engine was found"]);
});
