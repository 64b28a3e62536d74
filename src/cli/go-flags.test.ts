import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OCI_GLOBAL_OPTIONS } from "../verbs/oci/global-options.ts";
import { CREATE_OPTIONS, EXEC_OPTIONS, RUN_OPTIONS } from "../verbs/oci/process-options.ts";
import type { OciOption } from "../verbs/oci/verb.ts";
import { GoFlagError, parseGoBoolean, parseGoDuration, parseGoFlags, parseGoInteger } from "./go-flags.ts";

const DELETE: readonly OciOption[] = [{ name: "force", short: "f", help: "Force" }];
const LIST: readonly OciOption[] = [{ name: "format", short: "f", kind: "text", initial: "table", help: "Form" }, { name: "quiet", short: "q", help: "Ids" }];

function errorOf(table: readonly OciOption[], argv: readonly string[], optionsFirst = false): string {
  try {
    parseGoFlags(table, argv, optionsFirst);
  } catch (error) {
    if (error instanceof GoFlagError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("parseGoFlags() reads", () => {
  test.each([["-f"], ["--f"], ["-force"], ["--force"], ["-f=true"], ["--force=T"], ["--force=1"]])("switch %s", (word) => {
    expect(parseGoFlags(DELETE, [word, "id"], false).flag("force")).toBe(true);
  });
  test.each([["-f=false"], ["--force=0"], ["--force=F"]])("switch %s", (word) => {
    expect(parseGoFlags(DELETE, [word, "id"], false).flag("force", true)).toBe(false);
  });
  test.each([[["-f", "json"]], [["-f=json"]], [["--format", "json"]], [["-format=json"]], [["--f", "json"]]])("value %j", (argv) => {
    expect(parseGoFlags(LIST, argv, false).value("format")).toBe("json");
  });
  test("the initial value of an option that was not given, and the last of one that was given twice", () => {
    expect(parseGoFlags(LIST, [], false).value("format")).toBe("table");
    expect(parseGoFlags(LIST, ["-f", "json", "-f", "table"], false).value("format")).toBe("table");
  });
  test("an initial value in the form of one that was given", () => {
    const table: readonly OciOption[] = [{ name: "interval", kind: "duration", initial: "5s", help: "Time" }];
    expect(parseGoFlags(table, [], false).value("interval")).toBe("5000000000");
  });
  test("help anywhere as an option that every table has", () => {
    for (const word of ["-h", "--help", "--h", "-help"]) expect(parseGoFlags(DELETE, [word], false).flag("help")).toBe(true);
  });
  test("numbers as decimal digits", () => {
    expect(parseGoFlags(CREATE_OPTIONS, ["--preserve-fds", "0x10", "id"], false).value("preserve-fds")).toBe("16");
    expect(parseGoFlags(EXEC_OPTIONS, ["-g", "1", "-g", "010", "id"], true).values("additional-gids")).toEqual(["1", "8"]);
  });
  test("what begins with a dash as the value that is asked for", () => {
    expect(parseGoFlags(RUN_OPTIONS, ["--bundle", "-x", "id"], true).value("bundle")).toBe("-x");
  });
});

describe("parseGoFlags() finds options among operands", () => {
  test.each([
    [["id", "-f"], true, ["id"]],
    [["id", "--force"], true, ["id"]],
    // What follows a known option may be its value, so it goes with it, even where a switch takes none.
    [["id", "-f", "x"], true, ["x", "id"]],
    [["id", "--", "-f"], false, ["id", "-f"]],
    [["-f", "-", "id"], true, ["-", "id"]],
    [["--", "-f"], false, ["-f"]],
    [["id", "-x"], false, ["id", "-x"]],
    [["-"], false, ["-"]],
  ])("%j", (argv, force, operands) => {
    const args = parseGoFlags(DELETE, argv, false);
    expect([args.flag("force"), args.operands]).toEqual([force, operands]);
  });
  test("unless options come first", () => {
    const args = parseGoFlags(EXEC_OPTIONS, ["-t", "id", "ls", "-t", "-l"], true);
    expect([args.flag("tty"), args.operands]).toEqual([true, ["id", "ls", "-t", "-l"]]);
  });
});

// Every message here is what runc 1.1.5 said to the same words; test/oci/grammar.test.ts asks the one that is installed.
describe("parseGoFlags() refuses in Go's words", () => {
  test.each([
    [["-x"], "flag provided but not defined: -x"],
    [["--bogus=1"], "flag provided but not defined: -bogus"],
    [["-qf", "json"], "flag provided but not defined: -qf"],
    [["---q"], "bad flag syntax: ---q"],
    [["--=x"], "bad flag syntax: --=x"],
    [["-=x"], "bad flag syntax: -=x"],
    [["-f"], "flag needs an argument: -f"],
    [["--quiet=banana"], 'invalid boolean value "banana" for -quiet: parse error'],
    [["-f", "json", "--format", "table"], "Cannot use two forms of the same flag: f format"],
  ])("%j", (argv, message) => expect(errorOf(LIST, argv)).toBe(message));
  test("numbers", () => {
    expect(errorOf(CREATE_OPTIONS, ["--preserve-fds", "x", "id"])).toBe('invalid value "x" for flag -preserve-fds: parse error');
    expect(errorOf(CREATE_OPTIONS, ["--preserve-fds=99999999999999999999"])).toBe('invalid value "99999999999999999999" for flag -preserve-fds: value out of range');
  });
});

describe("Go's numbers", () => {
  test.each([
    ["10", 10n], ["-0x1f", -31n], ["+0b101", 5n], ["0o17", 15n], ["017", 15n], ["1_000", 1000n], ["0", 0n], ["-9223372036854775808", -(1n << 63n)],
    ["9223372036854775808", null], ["", undefined], ["1.5", undefined], ["09", undefined], ["_1", undefined], ["1__0", undefined], ["0x", undefined], ["--1", undefined],
  ])("integer %j is %p", (text, value) => expect(parseGoInteger(text)).toBe(value as bigint));
  test.each([
    ["5s", 5e9], ["1m30s", 90e9], ["1.5h", 5400e9], ["-2ms", -2e6], ["0", 0], ["100us", 1e5], [".5s", 5e8], ["+1ns", 1],
    ["5", undefined], ["", undefined], ["s", undefined], ["1 s", undefined], [".s", undefined], ["1d", undefined], ["9999999999h", undefined],
  ])("duration %j is %p", (text, value) => expect(parseGoDuration(text)).toBe(value as number));
  test("booleans are those of strconv.ParseBool", () => {
    for (const text of ["1", "t", "T", "TRUE", "true", "True"]) expect(parseGoBoolean(text)).toBe(true);
    for (const text of ["0", "f", "F", "FALSE", "false", "False"]) expect(parseGoBoolean(text)).toBe(false);
    for (const text of ["yes", "", "tRUE", "2"]) expect(parseGoBoolean(text)).toBeUndefined();
  });
});

test("parseGoFlags() gives arguments or GoFlagError for any words", () => {
  const word = fc.oneof(fc.string(), fc.constantFrom("-", "--", "-d", "--bundle", "-b", "--preserve-fds", "--root", "--log=", "-v=x", "id", "\0", "-e"));
  const tables = [CREATE_OPTIONS, RUN_OPTIONS, EXEC_OPTIONS, OCI_GLOBAL_OPTIONS];
  fc.assert(fc.property(fc.array(word), fc.constantFrom(...tables), fc.boolean(), (argv, table, first) => {
    try {
      const args = parseGoFlags(table, argv, first);
      // No word is lost: each operand is one of those given.
      for (const operand of args.operands) expect(argv).toContain(operand);
    } catch (error) {
      expect(error).toBeInstanceOf(GoFlagError);
    }
  }));
});
