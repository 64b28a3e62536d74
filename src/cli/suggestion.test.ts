import { expect, test } from "bun:test";
import { suggest } from "./suggestion.ts";

const WORDS = ["ps", "tree", "top", "run", "verify", "version"];

test.each([
  ["pss", "ps"], ["tere", "tree"], ["tpo", "top"], ["verfiy", "verify"], ["versio", "version"], ["rn", "run"], ["ps", "ps"],
  ["docker", undefined], ["", undefined], ["x", undefined], ["completely-different", undefined], ["v".repeat(10_000), undefined],
])("suggest() for %j is %p", (word, expected) => expect(suggest(word, WORDS)).toBe(expected));
