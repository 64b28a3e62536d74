/** What a reboot leaves in the data directory, and that gc takes that and nothing else, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { CALLERS, openScene } from "../scene.ts";
import type { Caller } from "../scene.ts";
import { keep } from "./kept.ts";
import type { KeptContainer } from "./kept.ts";

const scene = openScene();
const EARLIER = "00000000-0000-4000-8000-000000000000";

interface Found {
  readonly kind: string;
  readonly id: string;
  readonly path: string;
  readonly left?: readonly string[];
}

const place = (caller: Caller, { id }: KeptContainer, folder: string): string => `${scene.dataOf(caller)}/${folder}/${id}`;

/** What is there of a container's data. */
function dataOf(caller: Caller, box: KeptContainer): string[] {
  return ["layers", "logs", "owners"].filter((folder) => lstatSync(place(caller, box, folder), { throwIfNoEntry: false }) !== undefined);
}

function noteOwner(caller: Caller, box: KeptContainer, text: string): void {
  const path = place(caller, box, "owners");
  unlinkSync(path);
  symlinkSync(text, path);
}

/** As after a reboot: what was made was made before it. */
function age(caller: Caller, box: KeptContainer): void {
  noteOwner(caller, box, EARLIER + readlinkSync(place(caller, box, "owners")).slice(EARLIER.length));
}

/** And what is in /run is gone. */
function forget(box: KeptContainer): void {
  unlinkSync(`${box.directory}/../../names/${box.name}`);
  rmSync(box.directory, { recursive: true });
}

async function gc(caller: Caller, { id }: KeptContainer, ...flags: readonly string[]): Promise<{ code: number; err: string; found: Found[] }> {
  const { code, out, err } = await scene.run(["gc", "--format=json", ...flags], { caller });
  const found = out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Found);
  return { code, err, found: found.filter((one) => one.kind === "data" && one.id === id) };
}

/** A container that has run in the background and has ended. */
async function ended(caller: Caller): Promise<KeptContainer> {
  const box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "echo said; echo 1 > /file; mkdir -p /deep/er"]);
  expect(await box.output("wait")).toBe("0");
  return box;
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("gc removes layer and log of a container whose record went with a reboot, whatever is in them", async () => {
    const box = await ended(caller);
    const [layer, outside] = [place(caller, box, "layers"), scene.makeDirectory(`outside-${caller}`)];
    writeFileSync(`${outside}/kept`, "");
    symlinkSync(outside, `${layer}/upper/link`);
    symlinkSync(outside, `${place(caller, box, "logs")}/link`);
    // Deeper than a path can be long.
    for (let level = 0; level < 3000; level++) {
      mkdirSync(`${layer}/next`);
      if (level > 0) renameSync(`${layer}/top`, `${layer}/next/top`);
      renameSync(`${layer}/next`, `${layer}/top`);
    }
    renameSync(`${layer}/top`, `${layer}/upper/top`);
    if (process.getuid?.() === 0 && caller === "rootless") Bun.spawnSync(["chown", "-hR", "--reference", `${layer}/upper/file`, layer]);
    age(caller, box);
    forget(box);
    const expected = ["layers", "logs"].map((folder) => ({ kind: "data", path: place(caller, box, folder) }));
    expect((await gc(caller, box, "--dry-run")).found).toMatchObject(expected);
    expect(dataOf(caller, box)).toEqual(["layers", "logs", "owners"]);
    const { code, err, found } = await gc(caller, box);
    expect([code, err, found.filter(({ left }) => left !== undefined)]).toEqual([0, "", []]);
    expect(found).toMatchObject(expected);
    expect([dataOf(caller, box), readdirSync(outside)]).toEqual([[], ["kept"]]);
    expect((await gc(caller, box)).found).toEqual([]);
  });

  test("two at once remove it once", async () => {
    const boxes = await Promise.all([ended(caller), ended(caller), ended(caller)]);
    for (const box of boxes) {
      age(caller, box);
      forget(box);
    }
    const runs = await Promise.all(["a", "b"].map(() => scene.run(["gc", "--format=json"], { caller })));
    expect(runs.map(({ code, err }) => [code, err])).toEqual([[0, ""], [0, ""]]);
    for (const box of boxes) {
      const lines = runs.flatMap(({ out }) => out.split("\n")).filter((line) => line.includes(box.id));
      expect(lines.map((line) => (JSON.parse(line) as Found).path).sort()).toEqual([place(caller, box, "layers"), place(caller, box, "logs")]);
      expect(dataOf(caller, box)).toEqual([]);
    }
  });

  test("gc leaves what is of this boot, of another store or machine, of nobody, and of a record that is there or cannot be read", async () => {
    await using box = await ended(caller);
    const state = readFileSync(`${box.directory}/state.json`);
    const [owner, whole] = [readlinkSync(place(caller, box, "owners")), ["layers", "logs", "owners"]];
    const [boot, machine] = ["/proc/sys/kernel/random/boot_id", "/etc/machine-id"].map((path) => (existsSync(path) ? readFileSync(path, "utf8").trim() : ""));
    expect(owner).toBe(`${boot}:${machine}${box.directory}`);
    const untouched = async (): Promise<void> => {
      expect(await gc(caller, box)).toEqual({ code: 0, err: "", found: [] });
      expect(dataOf(caller, box)).toEqual(whole);
    };
    age(caller, box);
    await untouched();
    writeFileSync(`${box.directory}/state.json`, "{");
    await untouched();
    const away = resolve(box.directory, `../../away-${box.id}`);
    unlinkSync(`${box.directory}/../../names/${box.name}`);
    renameSync(box.directory, away);
    const other = [`${EARLIER}:${machine}/elsewhere/containers/${box.id}`, `${EARLIER}:${"0".repeat(32)}${box.directory}`];
    for (const text of [owner, ...other, `${EARLIER.replace("0", "x")}:${machine}${box.directory}`, box.directory]) {
      noteOwner(caller, box, text);
      await untouched();
    }
    noteOwner(caller, box, `${EARLIER}:${machine}${box.directory}`);
    renameSync(away, box.directory);
    writeFileSync(`${box.directory}/state.json`, state);
    // The name led nowhere for a while.
    symlinkSync(box.id, `${box.directory}/../../names/${box.name}`);
    expect((await box.run("start")).code).toBe(0);
    expect(await box.output("wait")).toBe("0");
    expect(await box.output("rm")).toBe(box.name);
    expect([dataOf(caller, box), existsSync(box.directory)]).toEqual([[], false]);
  });
});
