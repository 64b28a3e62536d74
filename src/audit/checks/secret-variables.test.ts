import { expect, test } from "bun:test";
import { containerFacts, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./secret-variables.ts";

const having = (variables: readonly string[] | number): ReturnType<typeof containerFacts> => containerFacts({ processes: [processFacts({ variables })] });

test("names of secrets are found, names of files with secrets are not", () => {
  expect(told(check)).toEqual(["pass: no name that sounds like one"]);
  expect(told(check, { container: having(["DB_PASSWORD", "GITHUB_TOKEN", "HOME"]) })).toEqual(["finding: DB_PASSWORD, GITHUB_TOKEN"]);
  expect(told(check, { container: having(["POSTGRES_PASSWORD_FILE", "TOKENIZERS_PARALLELISM", "KEYBOARD"]) })).toEqual(["pass: no name that sounds like one"]);
  expect(told(check, { container: having(-13) })).toEqual(["unknown: an environment could not be read"]);
});
