/** The log of a container: what the supervisor writes, to the byte, and what `logs` reads of it. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { keep } from "./kept.ts";

const scene = openScene();

/** Every byte and what is dear to JSON, HTML and UTF-8: docker's writer escapes each in its own way. */
const BYTES = Uint8Array.from([
  ...Array.from({ length: 256 }, (_, i) => i), 0x0a, ...new TextEncoder().encode('é€😀\u2028\u2029\u2027<b>&"\\\r\t\u0000\u007f\n'),
  0xc3, 0x0a, 0xe2, 0x82, 0x0a, 0xf0, 0x9f, 0x98, 0x0a, 0xed, 0xa0, 0x80, 0x0a, 0xc0, 0xaf, 0x0a, 0xf4, 0x90, 0x80, 0x80, 0x0a,
  0xf5, 0x0a, 0xe0, 0x80, 0xaf, 0x0a,
]);

/** Go's utf8.DecodeRune: each byte of what is no sequence is one U+FFFD. */
function goText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const size = [1, 2, 3, 4].find((n) => {
      try {
        const found = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(i, i + n));
        return Array.from(found).length === 1 && i + n <= bytes.length;
      } catch {
        return false;
      }
    });
    text += size === undefined ? "\ufffd" : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(i, i + size));
    i += size ?? 1;
  }
  return text;
}

/** The string of a JSON entry as moby writes it (daemon/logger/jsonfilelog/jsonlog/jsonlogbytes.go). */
function docker(bytes: Uint8Array): string {
  const escape = (c: string): string => {
    if (c === '"' || c === "\\") return `\\${c}`;
    if (c === "\n") return "\\n";
    if (c === "\r") return "\\r";
    if (c === "\ufffd") return "\\ufffd";
    if (c === "\u2028" || c === "\u2029" || c < " " || c === "<" || c === ">" || c === "&") return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
    return c;
  };
  return Array.from(goText(bytes)).map(escape).join("");
}

function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end + 1));
    start = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const directory = scene.makeDirectory(`input-${caller}`);
  const mount = ["--mount", `type=bind,src=${directory},dst=/input,ro`];
  const log = (id: string, name = "container.log"): string => {
    const path = `${scene.dataOf(caller)}/logs/${id}/${name}`;
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  };

  test("json-file is docker's format, whatever is written", async () => {
    writeFileSync(`${directory}/bytes`, BYTES);
    await using box = await keep(scene, caller, ["run", "-d", ...mount, "@", "sh", "-c", "cat /input/bytes; echo on stderr >&2; printf unfinished"]);
    expect(await box.output("wait")).toBe("0");
    const written = new TextDecoder().decode(readFileSync(`${scene.dataOf(caller)}/logs/${box.id}/container.log`)).trimEnd().split("\n");
    const moment = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z`;
    const shape = new RegExp(String.raw`^\{"log":"(.*)","stream":"(stdout|stderr)","time":"${moment}"\}$`);
    const found = written.map((line) => shape.exec(line)?.slice(1, 3));
    expect(found.filter((one) => one?.[1] === "stdout").map((one) => one?.[0])).toEqual([...linesOf(BYTES).map(docker), "unfinished"]);
    expect(found.filter((one) => one?.[1] === "stderr").map((one) => one?.[0])).toEqual([String.raw`on stderr\n`]);
    for (const line of written) {
      const at = Date.parse((JSON.parse(line) as { time: string }).time);
      expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
    }
    const read = await box.run("logs");
    expect(read.out).toBe(`${linesOf(BYTES).map(goText).join("")}unfinished`);
    expect(read.err).toBe("on stderr\n");
  });

  test("k8s-file is CRI's format: bytes as they are, F for lines and P for pieces", async () => {
    writeFileSync(`${directory}/bytes`, BYTES);
    await using box = await keep(scene, caller, ["run", "-d", "--log-driver", "k8s-file", ...mount, "@", "sh", "-c", "cat /input/bytes; printf unfinished; echo x >&2"]);
    expect(await box.output("wait")).toBe("0");
    const entries = linesOf(readFileSync(`${scene.dataOf(caller)}/logs/${box.id}/container.log`)).map((line) => Buffer.from(line).toString("latin1"));
    const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\+00:00 (stdout|stderr) ([FP]) ([^]*)\n$/;
    const out = entries.map((line) => shape.exec(line)?.slice(1)).filter((one) => one?.[0] === "stdout").map((one) => [one?.[1], one?.[2]]);
    expect(out).toEqual([...linesOf(BYTES).map((line) => ["F", Buffer.from(line.subarray(0, -1)).toString("latin1")]), ["P", "unfinished"]]);
    const child = scene.spawn(["logs", box.name], { caller });
    expect(Buffer.from(await new Response(child.stdout).arrayBuffer())).toEqual(Buffer.concat([BYTES, Buffer.from("unfinished")]));
    await child.exited;
  });

  test("lines are split at 16 KiB, but no character is", async () => {
    const text = `${"a".repeat(16_384)}\n${"b".repeat(16_385)}\n${"a".repeat(16_383)}é${"c".repeat(40_000)}\n`;
    writeFileSync(`${directory}/long`, text);
    await using box = await keep(scene, caller, ["run", "-d", ...mount, "@", "cat", "/input/long"]);
    expect(await box.output("wait")).toBe("0");
    const entries = Buffer.from(log(box.id), "latin1").toString("utf8").trimEnd().split("\n");
    const pieces = entries.map((line) => (JSON.parse(line) as { log: string }).log);
    expect(pieces.map((piece) => Buffer.byteLength(piece))).toEqual([16_384, 1, 16_384, 2, 16_383, 16_384, 16_384, 7235]);
    expect(pieces.join("")).toBe(text);
    expect((await box.run("logs")).out).toBe(text);
    expect((await box.run("logs", "-t")).out.split("\n").filter((line) => /^\d{4}-\d\d-\d\dT[\d:.]+Z /.test(line))).toHaveLength(3);
  });

  test("a full log becomes the next older one; the oldest goes", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--log-opt", "max-size=2k", "--log-opt", "max-file=3", "@", "seq", "1000"]);
    expect(await box.output("wait")).toBe("0");
    const folder = `${scene.dataOf(caller)}/logs/${box.id}`;
    expect(readdirSync(folder).sort()).toEqual(["container.log", "container.log.1", "container.log.2"]);
    for (const name of ["container.log.1", "container.log.2"]) expect(statSync(`${folder}/${name}`).size).toBeGreaterThanOrEqual(2048);
    for (const name of readdirSync(folder)) expect(statSync(`${folder}/${name}`).size).toBeLessThan(2048 + 200);
    const numbers = (await box.output("logs")).split("\n").map(Number);
    expect(numbers.at(-1)).toBe(1000);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 1001 - numbers.length + i));
    expect(numbers.length).toBeLessThan(100);
    expect((await box.output("logs", "-n", "3")).split("\n")).toEqual(["998", "999", "1000"]);
    await using single = await keep(scene, caller, ["run", "-d", "--log-opt", "max-size=2k", "--log-opt", "max-file=1", "@", "seq", "1000"]);
    await single.output("wait");
    expect(readdirSync(`${scene.dataOf(caller)}/logs/${single.id}`)).toEqual(["container.log"]);
    expect((await single.output("logs")).split("\n").at(-1)).toBe("1000");
  });

  test("logs -f shows what comes, over rotations, until the end", async () => {
    const script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.02; done; read x; echo last";
    await using box = await keep(scene, caller, ["run", "-d", "-i", "--log-opt", "max-size=4k", "@", "sh", "-c", script]);
    const following = box.run("logs", "-f", "-n", "all");
    await until(() => ["container.log", "container.log.1"].some((name) => log(box.id, name).includes("line 399")));
    expect(await box.output("kill", "-s", "TERM")).toBe(box.name);
    const { out, code } = await following;
    expect(code).toBe(0);
    const numbers = out.trim().split("\n").map((line) => Number(line.slice(5)));
    expect(numbers.at(-1)).toBe(399);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 400 - numbers.length + i));
  });

  test("--since, --until, --tail choose; other words are refused", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", "echo one; sleep 0.3; echo two; echo three"]);
    await box.output("wait");
    const [, second = ""] = log(box.id).split("\n").map((line) => /"time":"([^"]*)"/.exec(line)?.[1]);
    expect(await box.output("logs", "--since", second)).toBe("two\nthree");
    expect(await box.output("logs", "--until", second)).toBe("one\ntwo");
    expect(await box.output("logs", "--since", second, "--until", second)).toBe("two");
    expect(await box.output("logs", "--since", "1h", "-n", "1")).toBe("three");
    expect(await box.output("logs", "--until", "1h")).toBe("");
    expect(await box.output("logs", "-n", "0")).toBe("");
    for (const flags of [["--since", "soon"], ["-n", "-1"], ["-n", "x"]]) expect((await box.run("logs", ...flags)).err).toContain("[USAGE]");
  });

  test("a container without a log says so", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--log-driver", "none", "@", "echo", "nothing"]);
    await box.output("wait");
    expect((await box.run("logs")).err).toContain("--log-driver=none");
    expect(existsSync(`${scene.dataOf(caller)}/logs/${box.id}`)).toBe(false);
    await using made = await keep(scene, caller, ["create", "@", "true"]);
    expect((await made.run("logs")).err).toContain("[NOT_FOUND]");
    for (const option of ["max-size=", "max-size=0", "max-file=0", "max-file=101", "labels=x", "max-size"]) {
      expect((await scene.run(["run", "-d", "--log-opt", option, "@", "true"], { caller })).err).toContain("[USAGE]");
    }
  });

  test("a log that cannot be written does not hold the container up", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-i", "@", "sh", "-c", "echo first; read x; seq 20000; exit 5"]);
    await until(() => log(box.id).includes("first"));
    await box.output("stop", "-t", "0");
    const folder = `${scene.dataOf(caller)}/logs/${box.id}`;
    // A directory in the place of the file: nobody can open it for writing.
    Bun.spawnSync(["sh", "-c", `rm ${folder}/container.log && mkdir ${folder}/container.log`]);
    await using broken = await keep(scene, caller, ["run", "-d", "--log-opt", "max-size=1k", "@", "sh", "-c", "seq 20000; exit 5"]);
    expect(await broken.output("wait")).toBe("5");
    await box.output("start");
    await until(() => readFileSync(`${box.directory}/status`).readUInt32LE(76) === 1);
  });
});

needs("root")("a full disk costs entries, never the program: what is in the log stays whole", async () => {
  const full = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=160k,mode=700 none /var/lib/pidbox && exec "$@"', "sh"];
  Bun.spawnSync(["mkdir", "-p", "/var/lib/pidbox"]);
  const command = ["run", "-d", "--rm=false", "--allow-degraded=layer", "--log-opt", "max-size=-1", "@", "sh", "-c", "seq 5000; echo done; sleep 600"];
  const { code, out, err } = await scene.run(command, { before: full });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const directory = `/run/pidbox/containers/${out.trim()}`;
  const supervisor = readFileSync(`${directory}/status`).readInt32LE(72);
  const inside = ["nsenter", `--target=${supervisor}`, "--mount"];
  const lost = (): number => readFileSync(`${directory}/status`).readUInt32LE(76);
  const readLog = (): string => Bun.spawnSync([...inside, "cat", `/var/lib/pidbox/logs/${out.trim()}/container.log`]).stdout.toString();
  await until(() => readLog().split("\n").length - 1 + lost() >= 4999, "all entries to be written or lost");
  // 5000 entries take about 400 kB: most of them are lost.
  expect(lost()).toBeGreaterThanOrEqual(3000);
  const log = readLog();
  const entries = log.trimEnd().split("\n").map((line) => (JSON.parse(line) as { log: string }).log);
  // One whose time has fewer digits may have room where the one before it had none.
  const written = Array.from({ length: 5000 }, (_, i) => `${i + 1}\n`).concat("done\n");
  expect(written.filter((entry) => entries.includes(entry))).toEqual(entries);
  expect(entries.slice(0, 500)).toEqual(written.slice(0, 500));
  expect([entries.length > 500, log.endsWith("}\n")]).toEqual([true, true]);
  expect(Bun.spawnSync([...inside, scene.binary, "rm", "-f", out.trim()], { stdout: "ignore" }).exitCode).toBe(0);
});
