/** Evaluates what template-syntax.ts parses, over plain data, and prints values as Go's fmt does. Pure. */
import { PidboxError } from "./error.ts";
import { parseTemplate } from "./template-syntax.ts";
import type { Expression, Node, Pipeline } from "./template-syntax.ts";
import { quote } from "./text.ts";

type Data = unknown;

function wrong(why: string): PidboxError {
  return new PidboxError("USAGE", `Cannot use the template: ${why}`, { hint: "{{json .}} shows all there is", context: { from: "--format" } });
}

function isRecord(value: Data): value is Readonly<Record<string, Data>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as fmt's %v prints it. */
export function goText(value: Data): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (isRecord(value)) return `map[${Object.keys(value).sort().map((key) => `${key}:${goText(value[key])}`).join(" ")}]`;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return value.toString();
  return "<function>";
}

/** Go's truth: not the zero value of its type. */
function truth(value: Data): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: Data, name: string): string {
  if (typeof value === "string") return value;
  throw wrong(`${name} takes text, not ${quote(goText(value), 40)}`);
}

function countOf(value: Data, name: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 1e6) return value;
  throw wrong(`${name} takes a number from 0 to 1000000, not ${quote(goText(value), 40)}`);
}

function field(value: Data, name: string): Data {
  if (isRecord(value) && Object.hasOwn(value, name)) return value[name];
  if (!isRecord(value)) throw wrong(`there is no ${quote(name, 60)} in ${quote(goText(value), 60)}`);
  const near = Object.keys(value).find((key) => key.toLowerCase() === name.toLowerCase());
  const known = near === undefined ? `there are ${Object.keys(value).slice(0, 40).join(", ")}` : `there is ${near}`;
  throw wrong(`there is no field ${quote(name, 60)}: ${known}`);
}

function index(value: Data, key: Data): Data {
  if (Array.isArray(value)) {
    const at = countOf(key, "index");
    if (at >= value.length) throw wrong(`there is no element ${at} of ${value.length}`);
    return value[at] as Data;
  }
  if (!isRecord(value)) throw wrong(`index takes a list or a map, not ${quote(goText(value), 40)}`);
  // As in Go, what is not in a map is the zero value: nothing.
  const name = goText(key);
  return Object.hasOwn(value, name) ? value[name] : "";
}

function compare(a: Data, b: Data, name: string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw wrong(`${name} compares two numbers or two texts`);
}

/** printf with the verbs that make sense of plain data. */
function printf(format: string, values: readonly Data[]): string {
  let next = 0;
  const shown = format.replace(/%(-?\d{0,3})([%a-zA-Z])/g, (_all, width: string, verb: string) => {
    if (verb === "%") return "%";
    const value = values[next++];
    const text = verb === "q" ? JSON.stringify(goText(value)) : ["v", "s", "d", "t", "f", "x"].includes(verb) ? formatted(value, verb) : undefined;
    if (text === undefined) throw wrong(`printf has no %${verb}`);
    const wide = Math.abs(Number(width === "-" ? 0 : width));
    return width.startsWith("-") ? text.padEnd(wide) : text.padStart(wide);
  });
  return shown;
}

function formatted(value: Data, verb: string): string {
  if (verb === "x" && typeof value === "number") return value.toString(16);
  return verb === "f" && typeof value === "number" ? value.toFixed(6) : goText(value);
}

function title(text: string): string {
  return text.replace(/(^|\s)(\p{L})/gu, (_all, space: string, letter: string) => space + letter.toUpperCase());
}

/** As fmt.Sprint: a space between operands when neither is text. */
function print(values: readonly Data[]): string {
  return values.map((value, i) => (i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string" ? " " : "") + goText(value)).join("");
}

function slice(value: Data, begin: Data, end: Data): Data {
  if (typeof value !== "string" && !Array.isArray(value)) throw wrong("slice takes text or a list");
  const [from, to] = [begin === undefined ? 0 : countOf(begin, "slice"), end === undefined ? value.length : countOf(end, "slice")];
  if (from > to || to > value.length) throw wrong(`slice: ${from} to ${to} is not within ${value.length}`);
  return value.slice(from, to);
}

function length(value: Data): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  throw wrong("len takes text, a list or a map");
}

function lists(value: Data, separator: string): string {
  if (!Array.isArray(value)) throw wrong("join takes a list");
  return value.map(goText).join(separator);
}

const FUNCTIONS: Readonly<Record<string, (...values: Data[]) => Data>> = {
  json: (value) => JSON.stringify(value) ?? "null",
  join: (value, separator) => lists(value, textOf(separator, "join")),
  split: (value, separator) => textOf(value, "split").split(textOf(separator, "split")),
  upper: (value) => textOf(value, "upper").toUpperCase(), lower: (value) => textOf(value, "lower").toLowerCase(),
  title: (value) => title(textOf(value, "title")),
  truncate: (value, most) => textOf(value, "truncate").slice(0, countOf(most, "truncate")),
  pad: (value, before, behind) => " ".repeat(countOf(before, "pad")) + textOf(value, "pad") + " ".repeat(countOf(behind, "pad")),
  print: (...values) => print(values), println: (...values) => `${values.map(goText).join(" ")}\n`,
  printf: (format, ...values) => printf(textOf(format, "printf"), values),
  index: (value, ...keys) => keys.reduce(index, value), slice, len: length,
  eq: (value, ...others) => others.some((other) => value === other), ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b, "lt") < 0, le: (a, b) => compare(a, b, "le") <= 0, gt: (a, b) => compare(a, b, "gt") > 0, ge: (a, b) => compare(a, b, "ge") >= 0,
  not: (value) => !truth(value),
};

/** Variables by name. Blocks within share those that they do not declare anew. */
type Scope = Map<string, { value: Data }>;

/** The variable that is meant. */
function variable(scope: Scope, name: string): { value: Data } {
  const found = scope.get(name);
  if (found === undefined) throw wrong(`there is no variable ${name}`);
  return found;
}

/** Gives the variables of a pipeline their values: those that are there, or new ones of this scope. */
function give(scope: Scope, { assigns }: Pipeline, values: readonly (readonly [string, Data])[]): void {
  for (const [name, value] of values) {
    if (assigns) variable(scope, name).value = value;
    else scope.set(name, { value });
  }
}

/** What a template may print at most: loops in loops over much data are no use to anybody. */
const MOST = 16 << 20;

class Run {
  #out: string[] = [];
  #size = 0;

  get text(): string {
    return this.#out.join("");
  }

  #put(text: string): void {
    this.#size += text.length;
    if (this.#size > MOST) throw wrong("it prints more than 16 MiB");
    this.#out.push(text);
  }

  #value(expression: Expression, dot: Data, scope: Scope, piped: readonly Data[]): Data {
    switch (expression.kind) {
      case "literal": return expression.value;
      case "call":
        if (expression.name === "and" || expression.name === "or") return this.#logic(expression.name === "or", expression.args, dot, scope, piped);
        return FUNCTIONS[expression.name]?.(...expression.args.map((arg) => this.#value(arg, dot, scope, [])), ...piped);
      case "chain": return expression.names.reduce(field, this.#start(expression.from, dot, scope));
    }
  }

  /** The first value whose truth is `decides`, or the last one; those behind it are not evaluated (text/template since Go 1.18). */
  #logic(decides: boolean, args: readonly Expression[], dot: Data, scope: Scope, piped: readonly Data[]): Data {
    let value: Data;
    for (const arg of args) {
      value = this.#value(arg, dot, scope, []);
      if (truth(value) === decides) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #start(from: "dot" | { readonly variable: string } | Pipeline, dot: Data, scope: Scope): Data {
    if (from === "dot") return dot;
    if (!("variable" in from)) return this.#pipe(from, dot, scope);
    return variable(scope, from.variable).value;
  }

  #pipe(pipeline: Pipeline, dot: Data, scope: Scope): Data {
    let [value, piped]: [Data, readonly Data[]] = [undefined, []];
    for (const command of pipeline.commands) {
      value = this.#value(command, dot, scope, piped);
      piped = [value];
    }
    return value;
  }

  #range(node: Extract<Node, { kind: "if" | "range" | "with" }>, value: Data, dot: Data, scope: Scope): void {
    if (value !== null && value !== undefined && !Array.isArray(value) && !isRecord(value)) throw wrong(`range takes a list or a map, not ${quote(goText(value), 40)}`);
    const sorted = (record: Readonly<Record<string, Data>>): [Data, Data][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
    const entries: [Data, Data][] = Array.isArray(value) ? value.map((one, i): [Data, Data] => [i, one]) : isRecord(value) ? sorted(value) : [];
    const [first, second] = node.pipeline.declares;
    for (const [key, one] of entries) {
      const inner = new Map(scope);
      give(inner, node.pipeline, second !== undefined ? [[first ?? "", key], [second, one]] : first !== undefined ? [[first, one]] : []);
      this.nodes(node.shown, one, inner);
    }
    if (entries.length === 0) this.nodes(node.otherwise, dot, scope);
  }

  nodes(nodes: readonly Node[], dot: Data, outer: Scope): void {
    // A variable lives from its declaration to the end of its block.
    const scope = new Map(outer);
    for (const node of nodes) {
      if (node.kind === "text") {
        this.#put(node.text);
      } else {
        const value = this.#pipe(node.pipeline, dot, scope);
        const { declares } = node.pipeline;
        const own = node.kind === "print" ? scope : new Map(scope);
        give(own, node.pipeline, declares.map((name) => [name, value]));
        if (node.kind === "range") this.#range(node, value, dot, own);
        else if (node.kind !== "print") this.nodes(truth(value) ? node.shown : node.otherwise, truth(value) && node.kind === "with" ? value : dot, own);
        else if (declares.length === 0) this.#put(goText(value));
      }
    }
  }
}

/** A function from data to text. Throws USAGE now for a template that is none, later for fields that are not there. */
export function compileTemplate(template: string): (data: unknown) => string {
  const nodes = parseTemplate(template);
  return (data) => {
    const run = new Run();
    run.nodes(nodes, data, new Map([["$", { value: data }]]));
    return run.text;
  };
}
