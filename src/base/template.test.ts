/** Templates as docker's documentation shows them; expected texts are what Go's text/template prints for the same data. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "./error.ts";
import { compileTemplate, goText } from "./template.ts";

const DATA = {
  Id: "abc", Name: "/web", Running: true, Pid: 42, Ratio: 0.5, Nothing: null, Empty: "", List: ["a", "b", "c"], None: [],
  Config: { Labels: { "com.example.x": "1", b: "2" }, Env: ["PATH=/bin", "A=b"] },
  Mounts: [{ Source: "/a", Destination: "/b", RW: true }, { Source: "/c", Destination: "/d", RW: false }],
};
const run = (template: string): string => compileTemplate(template)(DATA);

describe("compileTemplate()", () => {
  test.each([
    ["", ""], ["text", "text"], ["{{.Id}}", "abc"], ["{{ .Id }}-{{.Pid}}", "abc-42"], ["{{.Config.Labels.b}}", "2"], ["{{$.Id}}", "abc"], ["{{.}}", goText(DATA)],
    ["{{.List}}", "[a b c]"], ["{{.Config.Labels}}", "map[b:2 com.example.x:1]"], ["{{.Nothing}}", "<nil>"], ["{{.Ratio}}", "0.5"], ["{{.Running}}", "true"],
    ['{{index .Config.Labels "com.example.x"}}', "1"], ['{{index .Config.Labels "absent"}}', ""], ["{{index .List 1}}", "b"], ["{{index .Mounts 1 \"Source\"}}", "/c"],
    ["{{(index .Mounts 0).Source}}", "/a"], ["{{json .List}}", '["a","b","c"]'], ["{{.Config.Labels | json}}", '{"com.example.x":"1","b":"2"}'],
    ['{{join .List ","}}', "a,b,c"], ["{{.Name | upper}}", "/WEB"], ['{{split .Name "/"}}', "[ web]"], ["{{title \"two words\"}}", "Two Words"], ["{{truncate .Name 2}}", "/w"],
    ["{{pad .Id 1 2}}|", " abc  |"], ["{{println .Id .Pid}}", "abc 42\n"], ["{{print .Id .Pid}}", "abc42"], ["{{print 1 2}}", "1 2"], ["{{printf \"%s=%d %q %v%%\" .Id .Pid .Id .List}}", 'abc=42 "abc" [a b c]%'],
    ["{{printf \"%-5s|%5s|\" .Id .Id}}", "abc  |  abc|"], ["{{len .List}} {{len .Name}}", "3 4"], ["{{slice .Name 1}}", "web"], ["{{slice .List 1 2}}", "[b]"],
    ["{{if .Running}}yes{{else}}no{{end}}", "yes"], ["{{if .Empty}}yes{{else if .List}}list{{else}}no{{end}}", "list"], ["{{if not .None}}none{{end}}", "none"],
    ["{{if eq .Pid 42}}=={{end}}{{if ne .Id \"x\"}}!={{end}}{{if and (gt .Pid 1) (lt .Pid 100)}}in{{end}}", "==!=in"], ["{{or .Empty .Id}}", "abc"], ["{{eq .Pid 1 42}}", "true"],
    ["{{range .List}}{{.}};{{end}}", "a;b;c;"], ["{{range $i, $x := .List}}{{$i}}{{$x}} {{end}}", "0a 1b 2c "], ["{{range .None}}x{{else}}none{{end}}", "none"],
    ["{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "b=2 com.example.x=1 "], ["{{range .Mounts}}{{.Source}}:{{.Destination}}{{if not .RW}}:ro{{end}} {{end}}", "/a:/b /c:/d:ro "],
    ["{{with .Config}}{{range .Env}}{{.}} {{end}}{{end}}", "PATH=/bin A=b "], ["{{with .Empty}}x{{else}}none{{end}}", "none"], ["{{$x := .Id}}{{$x}}{{$x}}", "abcabc"],
    ["{{range .List}}{{$.Id}}{{end}}", "abcabcabc"], ["a {{- .Id -}} b", "aabcb"], ["{{/* nothing */}}x{{- /* of it */ -}} y", "xy"], ["{{`raw \"{{`}}{{\"\\n\"}}", 'raw "{{\n'],
    ["{{and .Nothing 1}}|{{and 1 .Nothing}}|{{or .Nothing .Empty}}|{{or nil .Id}}", "<nil>|<nil>||abc"],
    ["{{and .Running .Pid}}|{{1 | and .Empty}}|{{.Id | or .Empty}}", "42||abc"],
    ["{{if and .None (index .List 9)}}x{{else}}no{{end}}{{or .Id (index .List 9)}}", "noabc"],
    ["{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}{{if true}}{{$x := 3}}{{$x}}{{end}}{{$x}}", "232"],
    ["{{range $i, $x := .None}}{{else}}{{$x}}{{end}}{{$i := 7}}{{range $i, $x := .List}}{{$i}}{{end}}{{$i}}", "[]0127"],
    ["{{$last := \"\"}}{{range .List}}{{$last = .}}{{end}}{{$last}}{{range $last = .List}}{{end}}{{$last}}{{with $last = .Id}}{{end}}{{$last}}", "ccabc"],
    ["{{json .Nothing}}", "null"], ["{{.Id}} }} {{\"}}\"}}", "abc }} }}"],
  ])("%s", (template, text) => expect(run(template)).toBe(text));

  test.each([
    "{{", "{{.Id", "{{.Id}", "{{if .Id}}", "{{end}}", "{{else}}", "{{if .Id}}{{else}}{{else}}{{end}}", "{{nosuch .Id}}", "{{json}}", "{{json .Id .Id}}", "{{.Id .Pid}}", "{{(.Id}}",
    "{{.Id | }}", "{{range}}{{end}}", "{{\"open}}", "{{#}}", "{{$x}}", "{{.Absent}}", "{{.Id.Deeper}}", "{{index .List 7}}", "{{index .Id 0}}", "{{lt .Id 1}}", "{{join .Id \",\"}}",
    "{{range .Id}}{{end}}", "{{printf \"%z\" 1}}", "{{slice .Name 3 2}}", "{{template \"x\"}}", "{{define \"x\"}}{{end}}", "{{and}}", "{{$x = 1}}",
    "{{if true}}{{$x := 1}}{{end}}{{$x = 2}}", "{{range $x = .List}}{{end}}", "{{if .Id}}".repeat(70) + "{{end}}".repeat(70),
    `{{${"(".repeat(100)}.Id${")".repeat(100)}}}`,
  ])("refuses %s", (template) => {
    expect(() => run(template)).toThrow(PidboxError);
  });

  test("names the field that is meant, and what there is", () => {
    expect(() => run("{{.id}}")).toThrow("there is Id");
    expect(() => run("{{.Config.Nope}}")).toThrow("there are Labels, Env");
    expect(() => compileTemplate("{{.constructor}}")(DATA)).toThrow(PidboxError);
    expect(() => compileTemplate("{{range .l}}{{range $.l}}{{range $.l}}{{$.t}}{{end}}{{end}}{{end}}")({ l: Array(500).fill(1), t: "x".repeat(200) })).toThrow("16 MiB");
  });

  test("gives text or its own error for any template, in bounded time", () => {
    const part = fc.constantFrom(
      "{{", "}}", "{{- ", " -}}", ".Id", ".List", "if ", "else", "end", "range ", "with ", "$x", ":=", "|", "(", ")", "json ", "index ", "\"a\"", "`", "1", ".",
      " ", "text", "/*", "*/",
      "printf ", "%s", ",", "\n", "and ", "\\",
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(part, { maxLength: 40 }).map((parts) => parts.join(""))), (template) => {
      try {
        return typeof run(template) === "string";
      } catch (error) {
        return error instanceof PidboxError && error.code === "USAGE";
      }
    }), { numRuns: 2000 });
  });
});
