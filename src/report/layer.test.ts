import { expect, test } from "bun:test";
import { countLayers, type Layer, layerTable, verdictText } from "./layer.ts";

function layer(name: string, ok: Layer["ok"], waived?: string): Layer {
  return { name, promised: "p", found: "f", ok, evidence: "/proc/1/status", ...(waived === undefined ? {} : { waived }) };
}

test("verdictText() says all hold only when every layer does", () => {
  expect(verdictText([layer("a", "yes"), layer("b", "yes")])).toBe("2 layers, all hold");
  expect(verdictText([layer("a", "yes")])).toBe("1 layer, all hold");
  expect(verdictText([])).toBe("0 layers: nothing was verified");
  expect(verdictText([layer("a", "yes"), layer("b", "unknown")])).toBe("2 layers, 1 could not be read");
  expect(verdictText([layer("a", "no"), layer("b", "no"), layer("c", "unknown"), layer("d", "no", "--unsafe=x")])).toBe(
    "4 layers, 2 do not hold, 1 given up at the start by name, 1 could not be read",
  );
});

test("countLayers() keeps what was given up apart from what is broken", () => {
  const layers = [layer("a", "yes"), layer("b", "no"), layer("c", "no", "--unsafe=x"), layer("d", "unknown")];
  expect(countLayers(layers)).toEqual({ hold: 1, broken: 1, waived: 1, unknown: 1 });
});

test("layerTable() puts what does not hold first and shows no control character", () => {
  const bad = { ...layer("bad", "no"), found: "\u001b[2J\u202e" };
  const text = layerTable([layer("fine", "yes"), layer("dark", "unknown"), bad, layer("given up", "no", "--unsafe=x")]);
  expect(text.split("\n").map((line) => line.split(/ {2,}/).slice(0, 2).join("|"))).toEqual(["LAYER|OK", "bad|no", "given up|no (waived)", "dark|unknown", "fine|yes", ""]);
  expect(text).toContain("\\x1b[2J\\u202e");
});

test("layerTable() cuts what is long, so that a container cannot hide a line behind a long one", () => {
  const lines = layerTable([{ ...layer("a", "yes"), found: "x".repeat(5000) }]).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(160);
});
