import { expect, test } from "bun:test";
import { readSurvey } from "../engine/discover-survey.ts";
import { readEngines } from "./facts-engines.ts";

test("programs of this host are absolute files, each once, and those that run have a PID", () => {
  const { programs, commands } = readEngines(readSurvey());
  for (const { path, name, deleted, pids } of programs) {
    expect(path).toStartWith("/");
    expect(path).toEndWith(`/${name}`);
    if (deleted) expect(pids.length).toBeGreaterThan(0);
  }
  expect(new Set(programs.map(({ path, deleted }) => `${path} ${String(deleted)}`)).size).toBe(programs.length);
  for (const name of commands.keys()) expect(programs.some((program) => program.name === name && program.pids.length > 0)).toBe(true);
});

test("a process in a container is no engine of the host, whatever its name", () => {
  const view = readSurvey();
  const own = view.facts.processes.find(({ pid }) => pid === process.pid);
  if (own === undefined) throw new Error("this process is not in /proc");
  const facts = { ...view.facts, processes: [{ ...own, name: "dockerd" }] };
  const running = readEngines({ ...view, facts }).programs.filter(({ pids }) => pids.length > 0);
  // Its exe is bun: the name alone makes no engine.
  expect(running).toEqual([]);
});
