/** The journal of events against any bytes: an entry or nothing, in bounded time, and nothing that a terminal would take for more than text. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { eventHead, eventTail, filledHead, parseEntry } from "../../src/spec/event.ts";
import { EventSource, eventText } from "../../src/verbs/event-rows.ts";

const numRuns = process.env["PIDBOX_FUZZ"] === "smoke" ? 200 : 5000;
const TAIL = eventTail({ id: "ab".repeat(32), attributes: { name: "web", "a label": "\u001b[2J\n" } });
const LINE = filledHead(eventHead(["create", "start"]), 1_795_544_602_123_456_789n) + TAIL;

/** A line with a piece cut out and other bytes put in. */
const damaged = fc.tuple(fc.nat(LINE.length), fc.nat(40), fc.string({ unit: "binary", maxLength: 40 }))
  .map(([at, cut, put]) => LINE.slice(0, at) + put + LINE.slice(at + cut));
const text = fc.oneof(fc.string({ unit: "binary" }), damaged, fc.tuple(damaged, damaged).map(([a, b]) => a + b), fc.json().map((json) => `{"at":"1","x":${json}}`));

test("parseEntry() gives an entry or nothing for any text, and what is printed of it is one line of printable characters", () => {
  fc.assert(fc.property(text, (line) => {
    const entry = parseEntry(line);
    if (entry === undefined) return;
    for (const event of new EventSource().eventsOf(entry)) {
      const shown = eventText(event);
      expect(shown).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z container /);
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  }), { numRuns });
});
