/** Containers in the background: run -d, create, start, stop, restart, kill, wait, rm, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { freshName, keep } from "./kept.ts";

const scene = openScene();

/** Says that it is up, and ends with 7 when it is asked to. */
const PATIENT = "trap 'echo asked; exit 7' TERM; echo up; while :; do sleep 0.02; done";

function kilobytes(pid: number | string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("run -d prints the id and leaves; the container goes on in a session of its own, without the caller's descriptors", async () => {
    const { code, out, err } = await scene.run(["run", "-d", "--name", freshName("id"), "@", "sh", "-c", "cat /proc/self/stat | cut -d' ' -f6; ls -l /proc/self/fd; sleep 60"], { caller });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^[0-9a-f]{64}\n$/);
    const id = out.trim();
    const supervisor = readFileSync(`${scene.containersOf(caller)}/${id}/status`).readInt32LE(72);
    expect(readFileSync(`/proc/${supervisor}/stat`, "utf8").split(" ")[5]).toBe(String(supervisor));
    const open = readdirSync(`/proc/${supervisor}/fd`).map((fd) => readlinkSync(`/proc/${supervisor}/fd/${fd}`));
    expect(open.filter((path) => path === "/dev/null").length).toBeGreaterThanOrEqual(3);
    expect(open.filter((path) => path.includes(scene.directory) && !path.includes("/containers/") && !path.includes("/logs/"))).toEqual([]);
    expect((await scene.run(["rm", "-f", id.slice(0, 12)], { caller })).code).toBe(0);
  });

  test("a program that cannot be started is the caller's exit code and message, and nothing is left", async () => {
    const absent = await scene.run(["run", "-d", "@", "no-such-program"], { caller });
    expect(absent).toMatchObject({ code: 127, out: "" });
    expect(absent.err).toContain("[COMMAND_NOT_FOUND]");
    const name = freshName("kept");
    expect((await scene.run(["run", "--rm=false", "-d", "--name", name, "@", "/etc/passwd"], { caller })).code).toBe(126);
    expect((await scene.run(["start", name], { caller })).err).toContain("[NOT_FOUND]");
  });

  test("wait gives the exit code, at once and afterwards; rm takes everything away", async () => {
    const box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "echo x > /file; exit 7"]);
    expect(await box.output("wait")).toBe("7");
    expect(await box.output("wait")).toBe("7");
    const layer = `${scene.dataOf(caller)}/layers/${box.id}`;
    expect(readFileSync(`${layer}/upper/file`, "utf8")).toBe("x\n");
    expect(statSync(layer).mode & 0o777).toBe(0o700);
    expect(await box.output("rm")).toBe(box.name);
    expect([layer, box.directory, `${scene.dataOf(caller)}/logs/${box.id}`].filter((path) => existsSync(path))).toEqual([]);
  });

  test("wait waits for one that is removed when it ends", async () => {
    const box = await keep(scene, caller, ["run", "-d", "-i", "--rm", "@", "sh", "-c", "read x; exit 9"]);
    const waiting = box.run("wait");
    await until(() => readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && isWaiting(pid, box.name)));
    expect((await box.run("kill", "-s", "TERM")).code).toBe(0);
    expect(await waiting).toMatchObject({ code: 0, out: "143\n" });
    await until(() => !existsSync(box.directory));
  });

  test("changes of the root filesystem survive stop and start; files on disk have the ids of inside", async () => {
    const script = "echo run >> /etc/runs; chown 5:6 /etc/runs 2>/dev/null; mkdir -p /new/dir; rm -rf /mnt; wc -l < /etc/runs; test ! -e /mnt && test -d /new/dir && echo kept";
    await using box = await keep(scene, caller, ["create", "@", "sh", "-c", script]);
    for (let i = 1; i <= 3; i++) {
      expect(await box.output("start")).toBe(box.name);
      expect(await box.output("wait")).toBe("0");
    }
    expect((await box.output("logs")).split("\n").slice(-2)).toEqual(["3", "kept"]);
    const runs = statSync(`${scene.dataOf(caller)}/layers/${box.id}/upper/etc/runs`);
    const owner = statSync(caller === "root" ? "/" : scene.data).uid;
    expect([runs.uid, runs.gid]).toEqual(caller === "root" ? [5, 6] : [owner, owner]);
  });

  test("stop asks, and kills who does not listen; kill and signals reach the program", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", PATIENT]);
    await until(() => log(box.id).includes("up"));
    expect(await box.output("stop")).toBe(box.name);
    expect([await box.output("wait"), (await box.output("logs")).split("\n").at(-1)]).toEqual(["7", "asked"]);
    await using deaf = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.02; done"]);
    await until(() => log(deaf.id).includes("up"));
    expect(await deaf.output("stop", "-t", "0")).toBe(deaf.name);
    expect([await deaf.output("wait"), deaf.end()["stopped"]]).toEqual(["137", true]);
    await using user = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "trap 'echo usr1; exit 3' USR1; echo up; while :; do sleep 0.02; done"]);
    await until(() => log(user.id).includes("up"));
    expect(await user.output("kill", "-s", "USR1")).toBe(user.name);
    expect([await user.output("wait"), user.end()["stopped"]]).toEqual(["3", false]);
    expect((await user.run("kill")).err).toContain("[CONFLICT]");
    expect((await user.run("kill", "-s", "NOPE")).err).toContain("[USAGE]");
  });

  test("restart, and start of one that runs, or that was never there", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", PATIENT]);
    await until(() => log(box.id).includes("up"));
    const before = box.supervisor();
    expect(await box.output("start")).toBe(box.name);
    expect(box.supervisor()).toBe(before);
    expect(await box.output("restart")).toBe(box.name);
    expect(box.supervisor()).not.toBe(before);
    await until(() => log(box.id).match(/"log":"up/g)?.length === 2);
    expect((await box.run("rm")).err).toContain("[CONFLICT]");
    const several = await scene.run(["start", "no-such-container", box.name], { caller });
    expect(several).toMatchObject({ code: 1, out: `${box.name}\n` });
    expect(several.err).toContain("[NOT_FOUND]");
  });

  test("a start that fails says why and leaves the container as it was", async () => {
    await using box = await keep(scene, caller, ["create", "@", "no-such-program"]);
    const { code, err } = await box.run("start");
    expect(code).toBe(1);
    expect(err).toContain("[COMMAND_NOT_FOUND]");
    expect(box.end()).toMatchObject({ failedStart: 127, why: 'Cannot run "no-such-program": not found in the container' });
    expect(existsSync(`${box.directory}/state.json`)).toBe(true);
  });

  test("two starts at once: one container", async () => {
    await using box = await keep(scene, caller, ["create", "@", "sh", "-c", "echo up; sleep 60"]);
    const all = await Promise.all(Array.from({ length: 6 }, () => box.run("start")));
    expect(all.some(({ code }) => code === 0)).toBe(true);
    for (const { code, err } of all) expect(code === 0 || err.includes("[CONFLICT]")).toBe(true);
    await until(() => log(box.id).includes("up"));
    expect(log(box.id).match(/"log":"up/g)).toHaveLength(1);
    expect(await box.output("stop", "-t", "0")).toBe(box.name);
    const removed = await Promise.all(Array.from({ length: 4 }, () => box.run("rm", "-f")));
    expect(removed.some(({ code }) => code === 0)).toBe(true);
    expect(existsSync(box.directory)).toBe(false);
  });

  test("a supervisor that is killed takes its container along, and everybody says so", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "echo kept > /file; echo up; sleep 60"]);
    await until(() => log(box.id).includes("up"));
    const init = readFileSync(`${box.directory}/status`).readInt32LE(8);
    const waiting = box.run("wait");
    await until(() => readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && isWaiting(pid, box.name)));
    process.kill(box.supervisor(), "SIGKILL");
    expect(await waiting).toMatchObject({ out: "137\n", err: expect.stringContaining("its supervisor was killed") as string });
    await until(() => !existsSync(`/proc/${init}/root`));
    expect((await scene.run(["ps", "-a", "--filter", `name=${box.name}`], { caller })).out).toContain("its supervisor was killed");
    expect((await scene.run(["gc"], { caller })).out).toContain("its supervisor was killed");
    expect(box.end()).toMatchObject({ lost: true });
    expect(await box.output("wait")).toBe("137");
    expect(readFileSync(`${scene.dataOf(caller)}/layers/${box.id}/upper/file`, "utf8")).toBe("kept\n");
    expect(await box.output("start")).toBe(box.name);
  });

  test("--cidfile, --label and -i: the file, the record and an input that stays open", async () => {
    const directory = scene.makeDirectory(`files-${caller}`);
    await using box = await keep(scene, caller, ["run", "-d", "-i", "--cidfile", `${directory}/cid`, "--label", "a=b", "@", "sh", "-c", "read x; exit 4"]);
    expect(readFileSync(`${directory}/cid`, "utf8")).toBe(box.id);
    expect(box.state()["labels"]).toEqual({ a: "b" });
    expect(await box.output("stop", "-t", "0")).toBe(box.name);
    expect(await box.output("wait")).toMatch(/^1(37|43)$/);
  });

  const log = (id: string): string => {
    const path = `${scene.dataOf(caller)}/logs/${id}/container.log`;
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
});

/** Whether a process is `pidbox wait NAME` and has begun to wait. */
function isWaiting(pid: string, name: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words[1] === "wait" && words[2] === name && readFileSync(`/proc/${pid}/wchan`, "utf8").includes("poll");
  } catch {
    return false;
  }
}

needs("root")("supervisor and init together take less than 150 kB", async () => {
  await using box = await keep(scene, "root", ["run", "-d", "@", "sh", "-c", "echo up; sleep 60"]);
  const init = readFileSync(`${box.directory}/status`).readInt32LE(8);
  expect(kilobytes(box.supervisor()) + kilobytes(init)).toBeLessThan(150);
});

needs("root")("the id range is given back at the end and taken again at the start", async () => {
  await using box = await keep(scene, "root", ["create", "@", "sh", "-c", "cat /proc/self/uid_map; sleep 60"]);
  const links = (): string[] => readdirSync("/run/pidbox/ids").filter((slot) => readlinkSync(`/run/pidbox/ids/${slot}`) === box.id);
  expect(links()).toEqual([]);
  await box.output("start");
  expect(links()).toHaveLength(1);
  await box.output("stop", "-t", "0");
  expect(links()).toEqual([]);
});

needs("root")("--pid=container: joins whatever that container's PID namespace is when it starts", async () => {
  await using host = await keep(scene, "root", ["run", "-d", "@", "sh", "-c", "echo up; exec sleep 600"]);
  await using guest = await keep(scene, "root", ["create", `--pid=container:${host.name}`, "@", "sh", "-c", "ps -o args | grep -c 'sleep 60[0]'"]);
  for (let i = 0; i < 2; i++) {
    await guest.output("start");
    expect(await guest.output("wait")).toBe("0");
    await host.output("restart", "-t", "0");
  }
  expect(await guest.output("logs")).toBe("1\n1");
  await host.output("stop", "-t", "0");
  expect((await guest.run("start")).err).toContain("it does not run");
});
