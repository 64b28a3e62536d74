/** What happens to containers, in the journal and as it happens: each thing once, in order, whoever looks. */
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, truncateSync } from "node:fs";
import { JOURNAL_SIZE } from "../../src/engine/journal.ts";
import { isSupervised } from "../../src/engine/store.ts";
import { parseEntry } from "../../src/spec/event.ts";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import type { Caller } from "../scene.ts";
import { until } from "../until.ts";
import { freshName, isAlive, keep } from "./kept.ts";

const scene = openScene();

interface Event {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

const journalOf = (caller: Caller): string => `${scene.containersOf(caller)}/../events`;

function parse(out: string): Event[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
}

const WHOLE = ["events", "--since", "1h", "--until", "0s"] as const;

/** All that the journal has, with these filters. */
async function past(caller: Caller, ...filters: readonly string[]): Promise<Event[]> {
  const { code, out, err } = await scene.run([...WHOLE, "--format", "json", ...filters.flatMap((one) => ["-f", one])], { caller });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return parse(out);
}

const actions = (events: readonly Event[]): string[] => events.map(({ Action }) => Action);

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const of = (id: string, ...filters: readonly string[]): Promise<Event[]> => past(caller, `container=${id}`, ...filters);

  test("the life of a container in the background", async () => {
    const box = await keep(scene, caller, ["create", "--label", "tier=front", "@", "sh", "-c", "sleep 600"]);
    const name = freshName("renamed");
    {
      await using _box = box;
      await box.output("start");
      expect((await scene.run(["exec", box.name, "sh", "-c", "exit 7"], { caller })).code).toBe(7);
      expect((await scene.run(["exec", "-d", box.name, "true"], { caller })).code).toBe(0);
      await box.output("kill", "-s", "URG");
      await box.output("stop", "-t", "0", "-s", "KILL");
      await box.output("restart", "-t", "0");
      expect((await scene.run(["rename", box.name, name], { caller })).code).toBe(0);
      expect((await scene.run(["rm", "-f", name], { caller })).code).toBe(0);
    }
    const events = await of(box.id);
    expect(actions(events)).toEqual([
      "create", "start", "exec_create: sh -c exit 7", "exec_start: sh -c exit 7", "exec_die", "exec_create: true", "exec_start: true", "kill", "kill", "die", "stop",
      "start", "restart", "rename", "kill", "die", "destroy",
    ]);
    for (const { Type, Actor, time, timeNano } of events) {
      expect([Type, Actor.ID, Actor.Attributes["tier"], Actor.Attributes["image"]]).toEqual(["container", box.id, "front", `dir:${scene.rootOf(caller)}`]);
      expect(Math.floor(timeNano / 1e9)).toBe(time);
    }
    const names = events.map(({ Actor }) => Actor.Attributes["name"]);
    expect(names).toEqual(events.map((_event, i) => (i < 13 ? box.name : name)));
    const about = (i: number, ...keys: string[]): unknown[] => keys.map((key) => events[i]?.Actor.Attributes[key]);
    const id = events[4]?.Actor.Attributes["execID"] ?? "";
    expect([...about(4, "exitCode"), ...about(2, "execID"), ...about(3, "execID"), id.length]).toEqual(["7", id, id, 64]);
    expect([about(7, "signal"), about(8, "signal"), about(9, "exitCode", "signal"), about(13, "oldName"), about(15, "exitCode")]).toEqual([
      ["23"], ["9"], ["137", "9"], [`/${box.name}`], ["137"],
    ]);
    expect(events.map(({ timeNano }) => timeNano)).toEqual(events.map(({ timeNano }) => timeNano).toSorted((a, b) => a - b));
    expect(actions(await of(box.id, "event=exec_start", "event=stop"))).toEqual(["exec_start: sh -c exit 7", "exec_start: true", "stop"]);
    expect([actions(await of(name, "event=die")), await of(box.id, "label=tier=back"), await of(box.id, "type=image")]).toEqual([["die"], [], []]);
  });

  test("of one in the foreground, with the text of hostile labels as text", async () => {
    const [name, hostile] = [freshName("front"), "\u001b[2J\"\n}\u202e"];
    expect((await scene.run(["run", "--name", name, "--label", `evil=${hostile}`, "@", "sh", "-c", "exit 3"], { caller })).code).toBe(3);
    const events = await of(name);
    expect(actions(events)).toEqual(["create", "start", "die", "destroy"]);
    expect(events[2]?.Actor.Attributes).toEqual({ exitCode: "3", evil: hostile, image: `dir:${scene.rootOf(caller)}`, name });
    const { out } = await scene.run([...WHOLE, "-f", `container=${name}`], { caller });
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    const id = events[0]?.Actor.ID ?? "";
    expect(lines[2]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z container die /);
    expect(lines[2]).toEndWith(`container die ${id} (evil=\\x1b[2J"\\n}\\u202e, exitCode=3, image=dir:${scene.rootOf(caller)}, name=${name})`);
    const template = ["--format", "{{.Action}} {{.Actor.Attributes.name}} {{with .Actor.Attributes.exitCode}}{{.}}{{end}}"];
    const shown = await scene.run([...WHOLE, "-f", `container=${name}`, "-f", "event=die", ...template], { caller });
    expect(shown).toEqual({ code: 0, out: `die ${name} 3\n`, err: "" });
  });

  test("of one that cannot be started, none but of what was made", async () => {
    const [none, made] = [freshName("none"), freshName("made")];
    expect((await scene.run(["run", "--name", none, "@", "no-such-program"], { caller })).code).toBe(127);
    expect((await scene.run(["run", "-d", "--name", made, "@", "no-such-program"], { caller })).code).toBe(127);
    expect([await of(none), actions(await of(made))]).toEqual([[], ["create", "destroy"]]);
  });

  test("each start of a policy and each end", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "on-failure:2", "@", "sh", "-c", "exit 4"]);
    const supervisor = box.supervisor();
    await until(() => !isAlive(supervisor));
    const events = await of(box.id);
    expect(actions(events)).toEqual(["create", "start", "die", "start", "die", "start", "die"]);
    expect(events.filter(({ Action }) => Action === "die").map(({ Actor }) => Actor.Attributes["exitCode"])).toEqual(["4", "4", "4"]);
    const [document] = JSON.parse(await box.output("inspect")) as { State: { FinishedAt: string } }[];
    expect(Math.floor((events.at(-1)?.timeNano ?? 0) / 1e6)).toBe(Date.parse(document?.State.FinishedAt ?? ""));
  });

  test("twenty processes that write at once: each line is whole, and each event there once", async () => {
    const label = freshName("many");
    const run = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) expect((await scene.run(["do", "--label", `of=${label}`, "true"], { caller })).code).toBe(0);
    };
    await Promise.all(Array.from({ length: 20 }, run));
    const lives = Map.groupBy(await past(caller, `label=of=${label}`), ({ Actor }) => Actor.ID);
    expect(lives.size).toBe(60);
    for (const events of lives.values()) expect(actions(events)).toEqual(["create", "start", "die", "destroy"]);
    const lines = readFileSync(journalOf(caller), "utf8").split("\n");
    expect([lines.at(-1), lines.slice(0, -1).filter((line) => parseEntry(line) === undefined || line.lastIndexOf('{"at":"') > 0)]).toEqual(["", []]);
    expect(statSync(journalOf(caller)).mode & 0o777).toBe(0o600);
  });

  test("as it happens, until it is interrupted; and nothing of before", async () => {
    const [before, after] = [freshName("before"), freshName("after")];
    expect((await scene.run(["do", "--name", before, "--label", "live", "true"], { caller })).code).toBe(0);
    const live = scene.hold(["events", "-f", "label=live", "--format", "{{.Action}} {{.Actor.Attributes.name}}"], { caller });
    await until(() => readFileSync(`/proc/${live.pid}/comm`, "utf8") === "pidbox\n" && isWatching(live.pid));
    expect((await scene.run(["do", "--name", after, "--label", "live", "true"], { caller })).code).toBe(0);
    for (const action of ["create", "start", "die", "destroy"]) expect(await live.line()).toBe(`${action} ${after}`);
    live.kill("SIGINT");
    expect(await live.ended()).toMatchObject({ code: 130, err: "" });
  });

  test("ends when nobody reads any more, though nothing happens, and at --until", async () => {
    const words = scene.command(caller, ["events", "-f", "container=none"]);
    const env = scene.environment(caller);
    const child = Bun.spawn(["sh", "-c", '{ "$@"; echo $? >&2; } | true', "sh", ...words], { env, stderr: "pipe", stdout: "ignore" });
    expect([await new Response(child.stderr).text(), await child.exited]).toEqual(["1\n", 0]);
    expect(await scene.run(["events", "-f", "container=none", "--until=-200ms"], { caller })).toEqual({ code: 0, out: "", err: "" });
    expect(await scene.run(["events", "--until", "1h"], { caller })).toEqual({ code: 0, out: "", err: "" });
  });

  test.each([
    ["--since", "soon"], ["--filter", "event=died"], ["--filter", "x"], ["--format", "{{.Nothing"], ["--format", "table {{.ID}}"],
  ])("refuses %s %s", async (option, value) => {
    expect((await scene.run(["events", "--until", "0s", option, value], { caller })).err).toContain("[USAGE]");
  });
});

/** Whether a process has looked, and waits for what comes. */
function isWatching(pid: number): boolean {
  const [state = "", waits = ""] = [`/proc/${pid}/stat`, `/proc/${pid}/wchan`].map((path) => readFileSync(path, "utf8"));
  return / S /.test(state) && waits.includes("poll");
}

test("the end of one whose supervisor was killed, once, when it is found", async () => {
  // The unprivileged user's, for a start of anybody else with the same store may be the one that finds it.
  const caller: Caller = "rootless";
  const of = (id: string): Promise<Event[]> => past(caller, `container=${id}`);
  await using box = await keep(scene, caller, ["run", "-d", "@", "sleep", "600"]);
  const supervisor = box.supervisor();
  process.kill(supervisor, "SIGKILL");
  await until(() => !isAlive(supervisor));
  expect(actions(await of(box.id))).toEqual(["create", "start"]);
  await box.output("start");
  await box.output("stop", "-t", "0", "-s", "KILL");
  const events = await of(box.id);
  expect(actions(events)).toEqual(["create", "start", "die", "start", "kill", "die", "stop"]);
  expect(events[2]?.Actor.Attributes).toMatchObject({ exitCode: "137", signal: "9" });
  // One that was killed between telling and noting the end: the record says that it runs.
  await box.output("start");
  const status = readFileSync(`${box.directory}/status`);
  await box.output("kill");
  await until(() => !isSupervised(box.directory));
  await Bun.write(`${box.directory}/status`, status);
  await box.output("start");
  expect(actions(await of(box.id)).slice(7)).toEqual(["start", "kill", "die", "start"]);
});

needs("root")("a file that is full becomes the older one, and nobody who reads misses anything", async () => {
  // The unprivileged user's, for nobody else writes to it.
  const caller: Caller = "rootless";
  const label = freshName("turns");
  const once = async (): Promise<void> => expect((await scene.run(["do", "--label", `of=${label}`, "true"], { caller })).code).toBe(0);
  await once();
  const live = scene.hold(["events", "--since", "1h", "-f", `label=of=${label}`, "--format", "{{.ID}} {{.Action}}"], { caller });
  const seen: (string | undefined)[] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (let i = 0; i < 4; i++) seen.push(await live.line());
    if (turn > 0) expect(statSync(`${journalOf(caller)}.1`).size).toBeGreaterThanOrEqual(JOURNAL_SIZE);
    expect(statSync(journalOf(caller)).size).toBeLessThan(JOURNAL_SIZE);
    truncateSync(journalOf(caller), JOURNAL_SIZE);
    await once();
  }
  for (let i = 0; i < 4; i++) seen.push(await live.line());
  live.kill("SIGTERM");
  await live.ended();
  const words = seen.map((line) => line?.split(" ") ?? []);
  expect(words.map(([, action]) => action)).toEqual(Array.from({ length: 4 }, () => ["create", "start", "die", "destroy"]).flat());
  expect(new Set(words.map(([id]) => id)).size).toBe(4);
  // Of four turns the last two are left.
  expect((await past(caller, `label=of=${label}`)).length).toBe(8);
});

needs("root")("pause, update, prune and oom", async () => {
  {
    await using box = await keep(scene, "root", ["run", "-d", "@", "sleep", "600"]);
    await box.output("pause");
    await box.output("unpause");
    await box.output("update", "--pids-limit", "77");
    await box.output("pause");
    await box.output("stop", "-t", "10", "-s", "KILL");
    expect(actions(await past("root", `container=${box.id}`)).slice(2)).toEqual(["pause", "unpause", "update", "pause", "kill", "unpause", "die", "stop"]);
  }
  const name = freshName("oom");
  await scene.run(["run", "--name", name, "-m", "16m", "@", "sh", "-c", "x=$(dd if=/dev/zero bs=1M count=64 2>/dev/null | tr '\\0' x); echo ${#x}"]);
  expect(actions(await past("root", `container=${name}`))).toEqual(["create", "start", "die", "oom", "destroy"]);
  const pruned = await keep(scene, "rootless", ["create", "@", "true"]);
  expect((await scene.run(["prune", "-f"], { caller: "rootless" })).code).toBe(0);
  expect(actions(await past("rootless", `container=${pruned.id}`))).toEqual(["create", "destroy"]);
  const [last] = (await past("rootless", "event=prune")).slice(-1);
  expect(last).toMatchObject({ Action: "prune", Actor: { ID: "", Attributes: {} } });
});
