/** Looking at and changing containers that are there: inspect, ps, pause, rename, update, stats, prune, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { freshName, keep } from "./kept.ts";

const scene = openScene();

interface Document {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly State: Readonly<Record<string, unknown>>;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Pidbox: Readonly<Record<string, unknown>>;
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("inspect says in docker's words what a container is and how it ended", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--label", "tier=front", "-e", "A=1", "@", "sh", "-c", "read x </tmp/never 2>/dev/null; sleep 60"]);
    const [running] = JSON.parse(await box.output("inspect")) as Document[];
    expect(running).toMatchObject({
      Id: box.id, Name: `/${box.name}`, RestartCount: 0, State: { Status: "running", Running: true, Paused: false, ExitCode: 0, FinishedAt: "0001-01-01T00:00:00Z" },
      Config: { Labels: { tier: "front" }, Tty: false, Cmd: ["sh", "-c", expect.any(String)] },
      HostConfig: { LogConfig: { Type: "json-file" }, AutoRemove: false },
    });
    expect(readFileSync(`/proc/${String(running?.State["Pid"])}/comm`, "utf8")).toMatch(/^(sh|pidbox-init|pidbox)\n$/);
    expect(await box.output("inspect", "-f", "{{.Name}} {{index .Config.Labels \"tier\"}} {{range .Config.Env}}{{if eq . \"A=1\"}}{{.}}{{end}}{{end}}")).toBe(`/${box.name} front A=1`);
    expect((await box.run("kill")).code).toBe(0);
    await until(() => box.end()["why"] !== undefined);
    const [ended] = JSON.parse(await box.output("inspect")) as Document[];
    expect(ended?.State).toMatchObject({ Status: "exited", Running: false, ExitCode: 137, Pid: 0 });
    expect(ended?.Pidbox).toMatchObject({ StoppedByUser: true, Lost: false });
    const unknown = await box.run("inspect", "-f", "{{.State.Nothing}}");
    expect(unknown).toMatchObject({ code: 1, out: "" });
    expect(unknown.err).toContain("[USAGE]");
  });

  test("inspect goes on after a name that is none", async () => {
    await using box = await keep(scene, caller, ["create", "@", "true"]);
    const { code, out, err } = await scene.run(["inspect", "-f", "{{.State.Status}}", "no-such-box", box.name], { caller });
    expect({ code, out }).toEqual({ code: 1, out: "created\n" });
    expect(err).toContain("[NOT_FOUND]");
  });

  test("ps has docker's words for where a container is in its life", async () => {
    await using box = await keep(scene, caller, ["create", "@", "sh", "-c", "exit 4"]);
    const row = async (): Promise<Record<string, unknown>> => {
      const { out } = await scene.run(["ps", "-a", "--filter", `name=${box.name}`, "--format", "json"], { caller });
      return JSON.parse(out) as Record<string, unknown>;
    };
    expect(await row()).toMatchObject({ state: "created", status: "Created" });
    expect((await box.run("start")).code).toBe(0);
    expect(await box.output("wait")).toBe("4");
    expect(await row()).toMatchObject({ state: "exited", exitCode: 4, status: expect.stringMatching(/^Exited \(4\) .* ago$/) as unknown });
  });

  test("rename frees the name and holds for later starts", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--rm=false", "@", "sleep", "60"]);
    const other = freshName("renamed");
    expect(await scene.run(["rename", box.name, other], { caller })).toMatchObject({ code: 0, err: "" });
    expect((await box.run("inspect")).err).toContain("[NOT_FOUND]");
    expect((await scene.run(["restart", "-t", "0", other], { caller })).code).toBe(0);
    await using second = await keep(scene, caller, ["create", "@", "true"]);
    const taken = await scene.run(["rename", second.name, other], { caller });
    expect(taken.err).toContain("[CONFLICT]");
    expect(await scene.run(["inspect", "-f", "{{.Name}}", second.name], { caller })).toMatchObject({ out: `/${second.name}\n` });
    expect((await scene.run(["rename", other, box.name], { caller })).code).toBe(0);
  });

  test("update changes the restart policy of one that runs", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart=always", "@", "sleep", "60"]);
    expect(await box.output("update", "--restart", "no")).toBe(box.name);
    expect(await box.output("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}")).toBe("no");
    process.kill(Number(await box.output("inspect", "-f", "{{.State.Pid}}")), "SIGKILL");
    expect(await box.output("wait")).toBe("137");
    expect(await box.output("inspect", "-f", "{{.State.Status}} {{.RestartCount}}")).toBe("exited 0");
    expect((await box.run("update")).err).toContain("[USAGE]");
  });

  test("stats has a row for each container, with docker's names", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "while :; do :; done"]);
    const { out } = await scene.run(["stats", "--no-stream", "--format", "json", box.name], { caller });
    const row = JSON.parse(out) as Record<string, string>;
    expect(row).toMatchObject({ Container: box.name, ID: box.id.slice(0, 12), Name: box.name, NetIO: "0B / 0B" });
    expect(Number(row["CPUPerc"]?.replace("%", ""))).toBeGreaterThan(5);
    expect(row["MemUsage"]).toMatch(/^[\d.]+[KM]iB \/ [\d.]+[GM]iB$/);
    expect(Number(row["PIDs"])).toBeGreaterThanOrEqual(1);
    expect((await box.run("kill")).code).toBe(0);
    expect(await box.output("wait")).toBe("137");
    expect(await box.output("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.PIDs}}")).toBe("0.00% 0");
  });

  test("--pidfile gets the PID of the first process, at every start; of a program that is not there there is none", async () => {
    const directory = scene.makeDirectory(freshName("pidfile"));
    const path = `${directory}/pid`;
    await using box = await keep(scene, caller, ["run", "-d", "--pidfile", path, "@", "sleep", "60"]);
    const pid = async (): Promise<string> => box.output("inspect", "-f", "{{.State.Pid}}");
    expect(readFileSync(path, "utf8")).toBe(await pid());
    expect((await box.run("restart", "-t", "0")).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(await pid());
    expect((await scene.run(["run", "--pidfile", `${directory}/none`, "@", "no-such-program"], { caller })).code).toBe(127);
    expect(readdirSync(directory)).toEqual(["pid"]);
  });

  test("ps prints by a template, and filters by label", async () => {
    const label = freshName("ps");
    await using box = await keep(scene, caller, ["create", "--label", `${label}=1`, "@", "true"]);
    const { out } = await scene.run(["ps", "-a", "--filter", `label=${label}`, "--format", "table {{.Names}}\\t{{.State}}"], { caller });
    expect(out.split("\n").map((line) => line.split(/ +/))).toEqual([["NAMES", "STATE"], [box.name, "created"], [""]]);
  });

  test("prune removes what does not run, by label here", async () => {
    const label = freshName("prune");
    await using ended = await keep(scene, caller, ["create", "--label", label, "@", "true"]);
    await using runs = await keep(scene, caller, ["run", "-d", "--label", label, "@", "sleep", "60"]);
    expect((await scene.run(["container", "prune", "--filter", `label=${label}`], { caller })).err).toContain("[USAGE]");
    expect(await scene.run(["container", "prune", "-f", "--filter", `label=${label}`], { caller })).toMatchObject({ code: 0, out: `Deleted Containers:\n${ended.id}\n`, err: "" });
    expect((await ended.run("inspect")).err).toContain("[NOT_FOUND]");
    expect(await runs.output("inspect", "-f", "{{.State.Status}}")).toBe("running");
  });
});

needs("root")("pause lets it stand still, stop lets it go on, and limits change at once", async () => {
  await using box = await keep(scene, "root", ["run", "-d", "--memory", "64m", "--pids-limit", "50", "@", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]);
  await until(async () => (await box.output("logs")) !== "");
  expect(await box.output("pause")).toBe(box.name);
  expect((await box.run("pause")).err).toContain("[CONFLICT]");
  expect((await scene.run(["ps", "--filter", `name=${box.name}`])).out).toContain("(Paused)");
  expect(await box.output("inspect", "-f", "{{.State.Status}} {{.State.Paused}} {{.State.Running}}")).toBe("paused true true");
  const before = await box.output("logs");
  // Meanwhile another container comes and goes, which takes longer than two lines of this one.
  await scene.output(["do", "sleep", "0.05"]);
  expect(await box.output("logs")).toBe(before);
  expect(await box.output("unpause")).toBe(box.name);
  await until(async () => (await box.output("logs")) !== before);
  expect((await box.run("unpause")).err).toContain("[CONFLICT]");
  expect(await box.output("update", "--memory", "128m", "--memory-swap", "-1", "--pids-limit", "70")).toBe(box.name);
  expect(await box.output("stats", "--no-stream", "--format", "{{.MemUsage}}")).toEndWith(" / 128MiB");
  expect(await box.output("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}")).toBe(`${128 << 20} 70`);
  expect((await box.run("restart", "-t", "0")).code).toBe(0);
  expect(await box.output("stats", "--no-stream", "--format", "{{.MemUsage}}")).toEndWith(" / 128MiB");
  expect((await box.run("pause")).code).toBe(0);
  expect(await box.output("stop", "-t", "5")).toBe(box.name);
  expect(await box.output("inspect", "-f", "{{.State.Status}}")).toBe("exited");
});
