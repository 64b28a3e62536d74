import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { compileTemplate } from "../base/template.ts";
import { eventDocument, EventSource, eventTest, eventText } from "./event-rows.ts";
import type { Event } from "./event-rows.ts";

const AT = 1_795_544_602_003_456_780n;
const ID = "ab".repeat(32);
const entry = (actions: readonly string[], attributes: Record<string, string> = { name: "web" }) =>
  ({ at: AT, code: 0, signal: 0, actions, id: ID, attributes });
const event = (action: string, attributes: Record<string, string> = {}): Event => ({ at: AT, action, id: ID, attributes: { name: "web", ...attributes } });

describe("EventSource", () => {
  test("makes an event of each action, and puts the end into those that end", () => {
    const source = new EventSource();
    expect(source.eventsOf(entry(["create", "start"])).map(({ action }) => action)).toEqual(["create", "start"]);
    expect(source.eventsOf({ ...entry(["die"]), code: 137, signal: 9 })[0]?.attributes).toEqual({ name: "web", exitCode: "137", signal: "9" });
    expect(source.eventsOf(entry(["exec_die"]))[0]?.attributes).toEqual({ name: "web", exitCode: "0" });
    expect(source.eventsOf({ ...entry(["stop"]), code: 1 })[0]?.attributes).toEqual({ name: "web" });
  });

  test("knows a container by its new name after a rename, until it is gone", () => {
    const source = new EventSource();
    const names = (actions: readonly string[], name: string): unknown[] =>
      source.eventsOf(entry(actions, { name })).map(({ attributes }) => attributes["name"]);
    expect([names(["start"], "old"), names(["rename"], "new"), names(["die"], "old"), names(["destroy"], "old"), names(["create"], "old")]).toEqual([
      ["old"], ["new"], ["new"], ["new"], ["old"],
    ]);
    expect(source.eventsOf({ ...entry(["prune"], {}), id: "" })).toEqual([{ at: AT, action: "prune", id: "", attributes: {} }]);
  });
});

describe("eventTest()", () => {
  test.each([
    [[], true], [["container=web"], true], [["container=we"], false], [[`container=${ID.slice(0, 5)}`], true], [["container="], false], [["container=x", "container=web"], true],
    [["event=die"], true], [["event=start"], false], [["event=start", "event=die"], true], [["event=die", "container=x"], false],
    [["label=tier"], true], [["label=tier=db"], true], [["label=tier=web"], false], [["label=tier", "label=none"], false], [["label=toString"], false],
    [["type=container"], true], [["type=image"], false],
  ] as const)("%j", (filters, wanted) => expect(eventTest(filters)(event("die", { tier: "db" }))).toBe(wanted));

  test("takes an exec's event by its word", () => {
    expect(["exec_start", "exec_create", "exec_die"].map((word) => eventTest([`event=${word}`])(event("exec_start: sh -c exec_die")))).toEqual([true, false, false]);
  });

  test.each(["", "event", "event=died", "=x", "toString=x", "image=x"])("refuses %j", (filter) => {
    expect(() => eventTest([filter])).toThrow(PidboxError);
  });
});

describe("eventText()", () => {
  test("is docker's line, with attributes in order and nine digits of the second", () => {
    expect(eventText(event("die", { exitCode: "1", image: "host" }))).toBe(`2026-11-24T18:23:22.003456780Z container die ${ID} (exitCode=1, image=host, name=web)`);
    expect(eventText({ at: 0n, action: "prune", id: "", attributes: {} })).toBe("1970-01-01T00:00:00.000000000Z container prune ");
  });
  test("shows control characters of labels and commands, and does not pass them on", () => {
    const text = eventText(event("exec_start: \u001b[2J", { "a\nb": "\u202e\u009b" }));
    expect(text).toContain("exec_start: \\x1b[2J");
    expect(text).toContain("a\\nb=\\u202e\\x9b");
  });
});

test("eventDocument() has the names of docker's JSON and, for templates, those of its struct", () => {
  const document = eventDocument(event("die", { exitCode: "1", image: "host" }));
  expect(JSON.stringify(document)).toBe(
    `{"Type":"container","Action":"die","Actor":{"ID":"${ID}","Attributes":{"name":"web","exitCode":"1","image":"host"}},"scope":"local","time":1795544602,"timeNano":${AT}}`,
  );
  expect(compileTemplate("{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.ID}} {{.Status}} {{.From}} {{.Scope}} {{.Time}} {{.TimeNano}}")(document)).toBe(
    `container die web ${ID} die host local 1795544602 ${AT}`,
  );
});
