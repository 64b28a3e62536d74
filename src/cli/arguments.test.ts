import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { type Grammar, parseArguments, requestedFormat } from "./arguments.ts";

const RUN: Grammar = {
  name: "run",
  stopsAtOperand: true,
  options: [
    { name: "interactive", short: "i", help: "Keep stdin" },
    { name: "tty", short: "t", value: "MODE", valueOptional: true, choices: ["force"], help: "Terminal" },
    { name: "rm", help: "Remove" },
    { name: "env", short: "e", value: "NAME=VALUE", repeat: true, help: "Variable" },
    { name: "hostname", short: "h", value: "NAME", help: "Host name" },
    { name: "memory", short: "m", value: "SIZE", help: "Limit" },
    { name: "format", value: "FORMAT", choices: ["text", "json"], help: "Form" },
  ],
  operands: [{ name: "IMAGE", help: "What", required: true }, { name: "CMD", help: "Command", repeat: true }],
};
const PS: Grammar = { name: "ps", options: [{ name: "all", short: "a", help: "All" }], operands: [{ name: "ID", help: "Which" }] };

const GRAMMARS = { run: RUN, ps: PS };

function usageOf(grammar: Grammar, argv: readonly string[]): PidboxError {
  try {
    parseArguments(grammar, argv);
  } catch (error) {
    if (error instanceof PidboxError && error.code === "USAGE") return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("parseArguments() reads values", () => {
  test.each([
    [["--memory", "1g", "img"], "1g"],
    [["--memory=1g", "img"], "1g"],
    [["--memory=", "img"], ""],
    [["-m", "1g", "img"], "1g"],
    [["-m1g", "img"], "1g"],
    [["-m=1g", "img"], "1g"],
    [["-im", "1g", "img"], "1g"],
    [["-im1g", "img"], "1g"],
    [["-m", "-1", "img"], "-1"],
    [["--memory", "--rm", "img"], "--rm"],
    [["-m", "1g", "--memory=2g", "img"], "2g"],
    [["-m", "--", "img"], "--"],
  ])("%j", (argv, expected) => {
    const args = parseArguments(RUN, argv);
    expect(args.value("memory")).toBe(expected);
    expect(args.operands).toEqual(["img"]);
  });

  test("in the order given, for an option that repeats", () => {
    expect(parseArguments(RUN, ["-eA=B", "-e", "C=D", "-e=E=F", "--env=G=", "img"]).values("env")).toEqual(["A=B", "C=D", "E=F", "G="]);
  });

  test("as nothing when an option was not given or does not exist", () => {
    const args = parseArguments(RUN, ["img"]);
    expect([args.value("memory"), args.value("nonsense"), args.values("env")]).toEqual([undefined, undefined, []]);
    expect([args.flag("rm"), args.flag("rm", true)]).toEqual([false, true]);
  });

  test("of letters that a verb has for itself, not of the global option", () => {
    const args = parseArguments(RUN, ["-h", "box", "img"]);
    expect([args.value("hostname"), args.flag("help")]).toEqual(["box", false]);
    expect(parseArguments(PS, ["-h"]).flag("help")).toBe(true);
  });
});

describe("parseArguments() reads switches", () => {
  test.each([
    [["--rm", "img"], true], [["--rm=true", "img"], true], [["--rm=1", "img"], true], [["--rm=T", "img"], true],
    [["--rm=false", "img"], false], [["--rm=0", "img"], false], [["--rm", "--rm=false", "img"], false],
  ])("%j", (argv, expected) => expect(parseArguments(RUN, argv).flag("rm", !expected)).toBe(expected));

  test("in a cluster, with an optional value left out", () => {
    const args = parseArguments(RUN, ["-it", "img"]);
    expect([args.flag("interactive"), args.value("tty")]).toEqual([true, ""]);
    expect(parseArguments(RUN, ["--tty", "img"]).value("tty")).toBe("");
    expect(parseArguments(RUN, ["--tty=force", "img"]).value("tty")).toBe("force");
    expect(parseArguments(RUN, ["-it=force", "img"]).value("tty")).toBe("force");
  });
});

describe("parseArguments() ends options", () => {
  test.each([
    ["run", ["--rm", "img", "ls", "-la", "--memory", "x", "--"], ["img", "ls", "-la", "--memory", "x", "--"]],
    ["run", ["--", "--rm", "-x"], ["--rm", "-x"]],
    ["run", ["--rm", "--", "img", "--", "x"], ["img", "--", "x"]],
    ["run", ["-", "x"], ["-", "x"]],
    ["ps", ["abc", "-a"], ["abc"]],
    ["ps", ["-a", "--", "-abc"], ["-abc"]],
    ["ps", ["", "-a"], [""]],
  ] as const)("%s %j", (name, argv, operands) => expect(parseArguments(GRAMMARS[name], argv).operands).toEqual([...operands]));
});

describe("parseArguments() refuses", () => {
  const cases: readonly (readonly [keyof typeof GRAMMARS, readonly string[], string, string])[] = [
    ["run", ["--memry=1", "x"], 'run: unknown option "--memry"', "did you mean --memory?"],
    ["run", ["--memroy", "1", "x"], 'run: unknown option "--memroy"', "did you mean --memory?"],
    ["run", ["-rm", "x"], 'run: unknown option "-r" in "-rm"', "did you mean --rm?"],
    ["run", ["-ix", "x"], 'run: unknown option "-x" in "-ix"', "see pidbox run --help"],
    ["run", ["--"], "run: IMAGE is missing", "see pidbox run --help"],
    ["run", ["--memory"], "run: option --memory needs a value SIZE", "see pidbox run --help"],
    ["run", ["-im"], "run: option -m needs a value SIZE", "see pidbox run --help"],
    ["run", ["--rm=maybe", "x"], 'run: option --rm takes true or false, not "maybe"', "see pidbox run --help"],
    ["run", ["-i=", "x"], 'run: option -i takes true or false, not ""', "see pidbox run --help"],
    ["run", ["--format=jsn", "x"], 'run: option --format takes text, json, not "jsn"', "did you mean json?"],
    ["run", ["--tty=always", "x"], 'run: option --tty takes force, not "always"', "see pidbox run --help"],
    ["run", ["--\u001b[31m", "x"], 'run: unknown option "--\\x1b[31m"', "see pidbox run --help"],
    ["run", ["--=x", "x"], 'run: unknown option "--"', "see pidbox run --help"],
    ["run", ["--rm=constructor", "x"], "run: option --rm takes true or false", "see pidbox run --help"],
    ["ps", ["a", "b"], 'ps: unexpected operand "b"', "see pidbox ps --help"],
    ["ps", ["---all"], 'ps: unknown option "---all"', "did you mean --all?"],
  ];
  test.each(cases)("%s %j", (name, argv, message, hint) => {
    const error = usageOf(GRAMMARS[name], argv);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test("nothing for want of operands when help is asked for", () => {
    expect(parseArguments(RUN, ["--help"]).flag("help")).toBe(true);
  });
});

test("requestedFormat() is what was asked for before the mistake", () => {
  expect(requestedFormat(RUN, ["--format", "json", "--nonsense"])).toBe("json");
  expect(requestedFormat(RUN, ["--nonsense", "--format", "json"])).toBeUndefined();
  expect(requestedFormat(RUN, ["img", "--format", "json"])).toBeUndefined();
});
