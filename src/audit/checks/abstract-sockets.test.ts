import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, networkFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./abstract-sockets.ts";

const seeing = (abstractNames: readonly string[] | number): ReturnType<typeof containerFacts> =>
  containerFacts({ container: container({ sharedWithHost: ["net"] }), network: networkFacts({ abstractNames }) });

test("names of the host are found, those of engines and desktops graver", () => {
  expect(told(check)).toEqual(["pass: its network namespace is not the host's"]);
  expect(told(check, { container: seeing([]) })).toEqual(["pass: the host has none"]);
  expect(answersOf(check, { container: seeing(["@x"]) })).toMatchObject([{ verdict: "finding", severity: "medium", text: "1: @x" }]);
  expect(told(check, { container: seeing(["@x", "@/containerd-shim/a.sock@"]) })).toEqual(["finding: 2: @/containerd-shim/a.sock@"]);
  expect(told(check, { container: seeing(-13) })).toEqual(["unknown: they could not be read"]);
});
