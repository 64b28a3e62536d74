/** Restart policies without a daemon: the supervisor starts its container again, until it is not wanted any more. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { isAlive, keep } from "./kept.ts";

const scene = openScene();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const entries = (id: string): { log: string; time: string }[] => {
    const path = `${scene.dataOf(caller)}/logs/${id}/container.log`;
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line !== "") : [];
    return lines.map((line) => JSON.parse(line) as { log: string; time: string });
  };

  test("on-failure:N is N starts more, each later than the one before; changes are kept, and the process is the same", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "on-failure:3", "@", "sh", "-c", "echo x >> /runs; wc -l < /runs; exit 4"]);
    const supervisor = box.supervisor();
    await until(() => !isAlive(supervisor));
    expect(entries(box.id).map(({ log }) => log)).toEqual(["1\n", "2\n", "3\n", "4\n"]);
    const times = entries(box.id).map(({ time }) => Date.parse(time));
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    [100, 200, 400].forEach((least, i) => expect(gaps[i]).toBeGreaterThanOrEqual(least));
    expect(box.end()).toEqual({ oomKilled: false, stopped: false, restarts: 3 });
    expect(await box.output("wait")).toBe("4");
  });

  test("on-failure does not start a success again, always does", async () => {
    await using good = await keep(scene, caller, ["run", "-d", "--restart", "on-failure", "@", "true"]);
    expect(await good.output("wait")).toBe("0");
    await until(() => !isAlive(good.supervisor()));
    expect(good.end()).toMatchObject({ restarts: 0 });
    await using always = await keep(scene, caller, ["run", "-d", "--restart", "always", "@", "echo", "again"]);
    await until(() => entries(always.id).length >= 3);
    expect(await always.output("stop")).toBe(always.name);
  });

  test.each(["running", "waiting"])("stop ends one that is %s, for good", async (when) => {
    const script = when === "running" ? "echo up; sleep 600" : "echo up; exit 1";
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "always", "@", "sh", "-c", script]);
    const supervisor = box.supervisor();
    if (when === "waiting") await until(() => Number(box.end()["delay"]) >= 400);
    else await until(() => entries(box.id).length === 1);
    expect(await box.output("stop")).toBe(box.name);
    expect([isAlive(supervisor), box.end()["stopped"], "delay" in box.end()]).toEqual([false, true, false]);
    const count = entries(box.id).length;
    expect(await box.output("wait")).toBe(when === "running" ? "143" : "1");
    expect(entries(box.id)).toHaveLength(count);
    // Somebody starts it again: the policy counts anew.
    await box.output("start");
    await until(() => entries(box.id).length > count);
    expect(await box.output("stop", "-t", "0")).toBe(box.name);
  });

  test("kill ends it for good as well; a program that ends of another signal is started again", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "unless-stopped", "@", "sh", "-c", "echo up; sleep 600"]);
    await until(() => entries(box.id).length === 1);
    expect(await box.output("kill", "-s", "USR1")).toBe(box.name);
    await until(() => entries(box.id).length === 2);
    const supervisor = box.supervisor();
    expect(await box.output("kill")).toBe(box.name);
    await until(() => !isAlive(supervisor));
    expect(box.end()).toMatchObject({ stopped: true, restarts: 1 });
  });

  test("SIGTERM to the supervisor, as at shutdown, is a wish to end", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "always", "@", "sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done"]);
    await until(() => entries(box.id).length === 1);
    const supervisor = box.supervisor();
    process.kill(supervisor, "SIGTERM");
    await until(() => !isAlive(supervisor));
    expect([await box.output("wait"), box.end()["stopped"]]).toEqual(["6", true]);
  });

  test("a restart that cannot be done is told by the record, and is the last", async () => {
    const root = scene.makeRootfs(`vanishing-${caller}`);
    Bun.spawnSync(["chmod", "-R", "a+rX", root]);
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "always", `dir:${root}`, "sh", "-c", "echo up; exit 1"]);
    const supervisor = box.supervisor();
    await until(() => entries(box.id).length === 1);
    Bun.spawnSync(["mv", root, `${root}-gone`]);
    await until(() => !isAlive(supervisor));
    expect(JSON.stringify(box.end())).toContain(root);
    expect("delay" in box.end()).toBe(false);
  });

  test("--restart with --rm, or of another word, is refused", async () => {
    for (const flags of [["--rm", "--restart=always"], ["--rm=false", "--restart=sometimes"], ["--rm=false", "--restart=always:3"]]) {
      expect((await scene.run(["run", "-d", ...flags, "@", "true"], { caller })).err).toContain("[USAGE]");
    }
  });
});
