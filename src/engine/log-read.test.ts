/** log-read.ts on logs that grow and are moved while they are read. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogReader } from "./log-read.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pidbox-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place = (...names: readonly string[]) => ({ directory: folder, names, format: "k8s-file" as const });
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `2026-11-24T14:27:17.123456789+00:00 stdout F ${from + i}\n`).join("");
const read = (reader: LogReader): string => [...reader.read()].map(({ text }) => new TextDecoder().decode(text).trim()).join(" ");

describe("LogReader", () => {
  test("reads all files from the oldest on, or from the last lines on", () => {
    writeFileSync(`${folder}/log.2`, lines(0, 3));
    writeFileSync(`${folder}/log.1`, lines(3, 6));
    writeFileSync(`${folder}/log`, lines(6, 8));
    const names = place("log", "log.1", "log.2");
    const all = "0 1 2 3 4 5 6 7";
    for (const [tail, wanted] of [[undefined, all], [0, ""], [1, "7"], [2, "6 7"], [3, "5 6 7"], [5, "3 4 5 6 7"], [6, "2 3 4 5 6 7"], [9, all]] as const) {
      const reader = new LogReader(names, tail);
      expect(read(reader)).toBe(wanted);
      reader.close();
    }
  });

  test("finds the last lines of a file that is read in many pieces", () => {
    writeFileSync(`${folder}/log`, lines(0, 4000));
    const reader = new LogReader(place("log"), 3500);
    expect(read(reader)).toBe(Array.from({ length: 3500 }, (_, i) => 500 + i).join(" "));
    reader.close();
  });

  test("goes on with what is appended, and follows a file that was moved twice", () => {
    writeFileSync(`${folder}/log`, lines(0, 2));
    const reader = new LogReader(place("log", "log.1", "log.2"), undefined);
    expect(read(reader)).toBe("0 1");
    const [half, rest] = [lines(2, 3).slice(0, 20), lines(2, 3).slice(20)];
    appendFileSync(`${folder}/log`, half);
    expect(read(reader)).toBe("");
    appendFileSync(`${folder}/log`, rest);
    expect(read(reader)).toBe("2");
    appendFileSync(`${folder}/log`, lines(3, 4));
    renameSync(`${folder}/log`, `${folder}/log.2`);
    writeFileSync(`${folder}/log.1`, lines(4, 5));
    writeFileSync(`${folder}/log`, lines(5, 6));
    expect(read(reader)).toBe("3 4 5");
    reader.close();
  });

  test("begins with the oldest that is left when its own file was overwritten", () => {
    writeFileSync(`${folder}/log`, lines(0, 2));
    const reader = new LogReader(place("log", "log.1"), undefined);
    expect(read(reader)).toBe("0 1");
    rmSync(`${folder}/log`);
    writeFileSync(`${folder}/log.1`, lines(7, 8));
    writeFileSync(`${folder}/log`, lines(8, 9));
    expect(read(reader)).toBe("7 8");
    reader.close();
  });

  test("begins anew where a single file does, and where there was none", () => {
    const reader = new LogReader(place("log"), undefined);
    expect(read(reader)).toBe("");
    writeFileSync(`${folder}/log`, lines(0, 3));
    expect(read(reader)).toBe("0 1 2");
    truncateSync(`${folder}/log`);
    appendFileSync(`${folder}/log`, lines(3, 4));
    expect(read(reader)).toBe("3");
    reader.close();
  });

  test("passes over lines that are none, and lines beyond any length", () => {
    writeFileSync(`${folder}/log`, `nonsense\n${lines(0, 1)}${"x".repeat(400_000)}\n${lines(1, 2)}`);
    const reader = new LogReader(place("log"), undefined);
    expect(read(reader)).toBe("0 1");
    reader.close();
  });
});
