/**
 * The part of Go's text/template that --format takes, as docker and podman document it: fields, index, variables, if, range, with, pipes and a few functions.
 * Parsing only; template.ts evaluates. Pure: any text gives a tree or a USAGE error that says where and why.
 */
import { PidboxError } from "./error.ts";
import { quote } from "./text.ts";

export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  /** A chain of names from a start: the dot, a variable (`$` or `$x`), or another expression. */
  | { readonly kind: "chain"; readonly from: "dot" | { readonly variable: string } | Pipeline; readonly names: readonly string[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] };

/** Each command's value is the last argument of the next. */
export interface Pipeline {
  readonly kind: "pipeline";
  readonly commands: readonly Expression[];
  /** `$x := ...` or, of range, `$i, $x := ...`. */
  readonly declares: readonly string[];
  /** It is `=`: the variables are there already. */
  readonly assigns: boolean;
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipeline: Pipeline }
  | { readonly kind: "if" | "range" | "with"; readonly pipeline: Pipeline; readonly shown: readonly Node[]; readonly otherwise: readonly Node[] };

/** Functions by name, with how many arguments they take. */
export const ARITY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  json: [1, 1], join: [2, 2], split: [2, 2], upper: [1, 1], lower: [1, 1], title: [1, 1], truncate: [2, 2], pad: [3, 3], println: [0, 64], print: [0, 64],
  printf: [1, 64], index: [1, 64], slice: [1, 3], len: [1, 1], eq: [2, 64], ne: [2, 2], lt: [2, 2], le: [2, 2], gt: [2, 2], ge: [2, 2], and: [1, 64],
  or: [1, 64], not: [1, 1],
};

/** Nested blocks and parentheses. */
const DEEPEST = 64;

function wrong(why: string, near: string): PidboxError {
  return new PidboxError("USAGE", `Cannot use the template: ${why} in ${quote(near, 80)}`, {
    hint: "It is the part of Go's templates that docker documents: {{.Field}}, {{json .}}, {{range .List}}...{{end}}", context: { from: "--format" },
  });
}

interface Action {
  readonly code: string;
}

const TOKEN = new RegExp([
  String.raw`\s*(?:("(?:[^"\\\n]|\\.)*"|` + "`[^`]*`)", String.raw`(-?\d+(?:\.\d+)?)`, String.raw`(\$[A-Za-z0-9_]*)`, String.raw`((?:\.[A-Za-z_][A-Za-z0-9_-]*)+|\.)`,
  "([A-Za-z_][A-Za-z0-9_]*)", "(:=|[(),|=]))",
].join("|"), "y");

interface Token {
  readonly kind: "string" | "number" | "variable" | "names" | "word" | "sign";
  readonly text: string;
  /** Spaces stand before it. */
  readonly apart: boolean;
}

function tokens(code: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  for (const end = code.trimEnd().length; TOKEN.lastIndex < end; ) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(code);
    if (m === null) throw wrong(`there is something that is no part of a template`, code.slice(at).trim());
    const kinds = ["string", "number", "variable", "names", "word", "sign"] as const;
    const i = m.slice(1).findIndex((text) => text !== undefined);
    found.push({ kind: kinds[i] ?? "sign", text: m[i + 1] ?? "", apart: /^\s/.test(m[0]) });
  }
  return found;
}

function unquote(text: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\" };
  return text.slice(1, -1).replace(/\\(.)/gs, (all, c: string) => ESCAPES[c] ?? all);
}

/** Reads one action's tokens. */
class Reader {
  #at = 0;
  #depth = 0;
  readonly #tokens: readonly Token[];
  readonly #code: string;

  constructor(code: string) {
    this.#code = code;
    this.#tokens = tokens(code);
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #sign(text: string): boolean {
    const next = this.#peek();
    if (next?.kind !== "sign" || next.text !== text) return false;
    this.#at += 1;
    return true;
  }

  fail(why: string): PidboxError {
    return wrong(why, `{{${this.#code.trim()}}}`);
  }

  /** The first word, if it is one of these. */
  keyword(...words: readonly string[]): string | undefined {
    const next = this.#peek();
    if (next?.kind !== "word" || !words.includes(next.text)) return undefined;
    this.#at += 1;
    return next.text;
  }

  end(): void {
    const next = this.#peek();
    if (next !== undefined) throw this.fail(`${quote(next.text, 20)} is not expected there`);
  }

  get done(): boolean {
    return this.#peek() === undefined;
  }

  #declarations(): Pick<Pipeline, "declares" | "assigns"> {
    const [first, second, third, fourth] = this.#tokens.slice(this.#at, this.#at + 4);
    const gives = (token: Token | undefined): boolean => token?.text === ":=" || token?.text === "=";
    if (first?.kind === "variable" && gives(second)) {
      this.#at += 2;
      return { declares: [first.text], assigns: second?.text === "=" };
    }
    if (first?.kind !== "variable" || second?.text !== "," || third?.kind !== "variable" || !gives(fourth)) return { declares: [], assigns: false };
    this.#at += 4;
    return { declares: [first.text, third.text], assigns: fourth?.text === "=" };
  }

  pipeline(): Pipeline {
    if (++this.#depth > DEEPEST) throw this.fail("parentheses are nested too deep");
    const { declares, assigns } = this.#declarations();
    const commands = [this.#command(0)];
    while (this.#sign("|")) commands.push(this.#command(1));
    this.#depth -= 1;
    return { kind: "pipeline", commands, declares, assigns };
  }

  /** A call with its arguments, or one value. `piped` arguments come from the command before. */
  #command(piped: number): Expression {
    const next = this.#peek();
    if (next === undefined) throw this.fail("a value is missing");
    if (next.kind !== "word" || ["true", "false", "nil"].includes(next.text)) return this.#operand();
    this.#at += 1;
    return this.#call(next.text, piped);
  }

  #call(name: string, piped: number): Expression {
    const arity = Object.hasOwn(ARITY, name) ? ARITY[name] : undefined;
    if (arity === undefined) throw this.fail(`there is no function ${quote(name, 40)}`);
    const args: Expression[] = [];
    for (let token = this.#peek(); token !== undefined && token.text !== ")" && token.text !== "|"; token = this.#peek()) args.push(this.#operand());
    const count = args.length + piped;
    if (count < arity[0] || count > arity[1]) throw this.fail(`${name} does not take ${count} ${count === 1 ? "argument" : "arguments"}`);
    return { kind: "call", name, args };
  }

  /** `.a.b` right behind a value. */
  #names(): string[] {
    const next = this.#peek();
    if (next?.kind !== "names" || next.apart || next.text === ".") return [];
    this.#at += 1;
    return next.text.slice(1).split(".");
  }

  #operand(): Expression {
    const token = this.#peek();
    if (token === undefined) throw this.fail("a value is missing");
    this.#at += 1;
    switch (token.kind) {
      case "string": return { kind: "literal", value: unquote(token.text) };
      case "number": return { kind: "literal", value: Number(token.text) };
      case "variable": return { kind: "chain", from: { variable: token.text }, names: this.#names() };
      case "names": return { kind: "chain", from: "dot", names: token.text === "." ? [] : token.text.slice(1).split(".") };
      case "word":
        if (token.text === "true" || token.text === "false") return { kind: "literal", value: token.text === "true" };
        if (token.text === "nil") return { kind: "literal", value: null };
        // A function without arguments stands for itself.
        return this.#lonely(token.text);
      case "sign": {
        if (token.text !== "(") throw this.fail(`${quote(token.text, 20)} is not expected there`);
        const inner = this.pipeline();
        if (!this.#sign(")")) throw this.fail("a parenthesis is not closed");
        return { kind: "chain", from: inner, names: this.#names() };
      }
    }
  }

  #lonely(name: string): Expression {
    const arity = Object.hasOwn(ARITY, name) ? ARITY[name] : undefined;
    if (arity?.[0] === 0) return { kind: "call", name, args: [] };
    throw this.fail(arity === undefined ? `there is no function ${quote(name, 40)}` : `${name} needs arguments: put it in parentheses`);
  }
}

/** Where the action that begins at `open` ends: the index of its `}}`. Texts in it may hold any sign, comments too. */
function actionEnd(template: string, open: number): number {
  for (let at = open + 2; at < template.length; at++) {
    const c = template[at];
    if (c === "}" && template[at + 1] === "}") return at;
    if (template.startsWith("/*", at)) {
      const end = template.indexOf("*/", at + 2);
      if (end < 0) break;
      at = end + 1;
    } else if (c === "`") {
      const end = template.indexOf("`", at + 1);
      if (end < 0) break;
      at = end;
    } else if (c === '"') {
      for (at += 1; at < template.length && template[at] !== '"' && template[at] !== "\n"; at++) if (template[at] === "\\") at += 1;
      if (template[at] !== '"') break;
    }
  }
  throw wrong("an action is not closed", template.slice(open));
}

const COMMENT = /^\s*\/\*/;

/** Text and actions in turns; `{{-` and `-}}` take the white space before and behind, comments nothing else. */
function pieces(template: string): (string | Action)[] {
  const found: (string | Action)[] = [];
  let trim = false;
  const put = (text: string): void => {
    if (text !== "") found.push(text);
  };
  for (let at = 0; ; ) {
    const open = template.indexOf("{{", at);
    const before = template.slice(at, open < 0 ? template.length : open);
    const text = trim ? before.trimStart() : before;
    if (open < 0) {
      put(text);
      return found;
    }
    const end = actionEnd(template, open);
    const inside = template.slice(open + 2, end);
    const [left, right] = [/^-\s/.test(inside), /\s-$/.test(inside)];
    put(left ? text.trimEnd() : text);
    const code = inside.slice(left ? 1 : 0, right ? -1 : undefined);
    if (!COMMENT.test(code)) found.push({ code });
    trim = right;
    at = end + 2;
  }
}

interface Block {
  readonly kind: "if" | "range" | "with";
  readonly pipeline: Pipeline;
  readonly shown: Node[];
  readonly otherwise: Node[];
  inElse: boolean;
  /** It stands for `else if`: the end of the one around it is its own. */
  readonly chained: boolean;
}

/** Parses a template. Throws USAGE. */
export function parseTemplate(template: string): readonly Node[] {
  const root: Node[] = [];
  const open: Block[] = [];
  const put = (node: Node): void => {
    const block = open.at(-1);
    (block === undefined ? root : block.inElse ? block.otherwise : block.shown).push(node);
  };
  const close = (reader: Reader): void => {
    for (;;) {
      const block = open.pop();
      if (block === undefined) throw reader.fail("there is nothing to end");
      const { kind, pipeline, shown, otherwise } = block;
      put({ kind, pipeline, shown, otherwise });
      if (!block.chained) return;
    }
  };
  const begin = (kind: Block["kind"], reader: Reader, chained: boolean): void => {
    if (open.length >= DEEPEST) throw reader.fail("blocks are nested too deep");
    open.push({ kind, pipeline: reader.pipeline(), shown: [], otherwise: [], inElse: false, chained });
  };
  for (const piece of pieces(template)) {
    if (typeof piece === "string") {
      put({ kind: "text", text: piece });
      continue;
    }
    const reader = new Reader(piece.code);
    const word = reader.keyword("if", "range", "with", "else", "end");
    if (word === undefined) {
      put({ kind: "print", pipeline: reader.pipeline() });
    } else if (word === "end") {
      close(reader);
    } else if (word === "else") {
      const block = open.at(-1);
      if (block === undefined || block.inElse) throw reader.fail("else belongs to no block");
      block.inElse = true;
      const next = reader.keyword("if", "with");
      if (next !== undefined) begin(next === "if" ? "if" : "with", reader, true);
    } else {
      begin(word as Block["kind"], reader, false);
    }
    reader.end();
  }
  if (open.length > 0) throw wrong(`a block has no {{end}}`, template);
  return root;
}
