/** Starts without Bun (launcher/known.h): the same as any other, and only where nothing that mattered has changed. */
import { beforeAll, describe, expect } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { has, needs } from "../parts.ts";
import { openScene, ROOTLESS_ID } from "../scene.ts";
import { isolated } from "./isolation.ts";
import type { Case } from "./known-starts-driver.ts";

const scene = openScene();
let cases: readonly Case[] = [];

const when = needs("x64", "root");

beforeAll(() => {
  if (!has("x64", "root")) return;
  const folder = `${scene.directory}/known`;
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const { out, code } = isolated([process.execPath, join(import.meta.dir, "known-starts-driver.ts"), scene.binary, scene.rootfs, folder], {
    name: "known", cwd: folder, prepare: `cp -a /etc ${folder}/etc && mount --bind ${folder}/etc /etc`,
  });
  expect(code).toBe(0);
  cases = JSON.parse(out) as Case[];
});

function find(name: string): Case {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no case "${name}"`);
  return found;
}

describe("a start that is known", () => {
  when("is like the one before it", () => {
    const { known, code, out, err } = find("nothing");
    expect({ known, code, err }).toEqual({ known: true, code: 0, err: "" });
    expect(out).toMatch(/^0\nNo such file or directory\nNo such file or directory\n\S+ dumb\n\d+\nCapEff:\t0{16}\nSeccomp:\t2\n$/);
    expect(find("a variable that nobody asks for")).toMatchObject({ known: true, code: 0, out });
  });

  when("runs any program, with the words that it is given", () => {
    const words = (text: string): string => `${text}|`;
    const long = Array.from({ length: 80 }, (_, i) => words(`w${i}`));
    const said: Readonly<Record<string, string>> = {
      "another program": "0\n", "a path": "by path\n", "an empty word": "a||b|", "words that JSON escapes": 'q"uote|back\\slash|line\nfeed|tab\t|bell\u0007|\u001f|',
      "a word like a flag": "--|-v|--pids-limit=5|", "sixty words": long.slice(0, 60).join(""), "a long word": words("x".repeat(2900)), "another program of an image": "in it\n",
    };
    for (const [name, out] of Object.entries(said)) expect([name, find(name)]).toEqual([name, { name, known: true, code: 0, out, err: "" }]);
    // What has no room, or would have to be looked at as UTF-8, goes through Bun.
    const large: Readonly<Record<string, string>> = {
      "too many words": long.join(""), "a word that is too long": words("x".repeat(9000)), "words beyond ASCII": words("\u00e9\ud83d\ude00"),
    };
    for (const [name, out] of Object.entries(large)) expect([name, find(name)]).toEqual([name, { name, known: false, code: 0, out, err: "" }]);
    for (const name of ["a name that is too long", "an empty program"]) expect([name, find(name).code]).toEqual([name, 126]);
    expect(find("no program of an image")).toMatchObject({ code: 0, out: "", err: "" });
  });

  when("has the same plan, the same record and the same title, but for its names and the time", () => {
    expect(find("plan and record")).toMatchObject({ known: true, out: "same" });
  });

  when("ends like any other", () => {
    expect(find("exit code")).toMatchObject({ known: true, code: 3 });
    expect(find("no such program")).toMatchObject({ known: true, code: 127, err: expect.stringContaining("[COMMAND_NOT_FOUND]") });
    expect(find("signal")).toMatchObject({ known: true, code: 137 });
    expect(find("a root filesystem")).toMatchObject({ known: true, code: 0, out: expect.stringMatching(/^[0-9a-f]{12}\n$/) });
  });

  when("does not mind containers that run", () => expect(find("beside one that runs")).toMatchObject({ known: true, code: 0 }));
});

when("is known to a user without privileges, in the user's own runtime directory", () => {
  const runtime = "/run/pidbox/user";
  const words = `"$P" do --allow-degraded=cgroups sh -c 'id -u; grep ^Seccomp: /proc/self/status'`;
  const script = `for n in 1 2 3 4; do ${words}; stat -c %i:%s ${runtime}/pidbox/starts/*; done`;
  const { out, code } = isolated(["sh", "-c", script], {
    name: "user", cwd: "/", uid: ROOTLESS_ID, env: { P: scene.binary, XDG_RUNTIME_DIR: runtime },
    prepare: `chmod 711 /run/pidbox && mkdir -m 700 ${runtime} && chown ${ROOTLESS_ID}:${ROOTLESS_ID} ${runtime}`,
  });
  const lines = out.split("\n").filter((line) => line !== "");
  expect([code, lines.length]).toEqual([0, 12]);
  expect(lines.filter((_line, i) => i % 3 < 2)).toEqual(Array.from({ length: 4 }, () => ["0", "Seccomp:\t2"]).flat());
  const [sign, recording, third, fourth] = lines.filter((_line, i) => i % 3 === 2);
  expect(sign).toEndWith(":16");
  expect(recording).not.toBe(sign);
  expect([third, fourth]).toEqual([recording, recording]);
});

describe("is not known any more after a change of", () => {
  const changes: readonly (readonly [string, RegExp])[] = [
    ["PATH", /^0\n.*\n.*\n\/bin:\/usr\/bin dumb\n/], ["TERM is gone", /\S+\n\d+\n/], ["LANG is there", / dumb\n/], ["the working directory", / dumb\n/],
    ["a flag", / dumb\n/], ["a flag's place", / dumb\n/], ["a limit", / dumb\n777\n/],
    // /etc is a mount in these namespaces, so that what is hidden there is masked: an empty file.
    ["a new secret in /etc", /^0\nNo such file or directory\n\//], ["a file that becomes a secret", /^0\nNo such file or directory\n\//],
    ["a mount", / dumb\n/], ["another executable of this name", / dumb\n/], ["another directory of this name", / dumb\n/],
  ];
  for (const [name, shows] of changes) {
    when(name, () => {
      const { known, code, out, err } = find(name);
      expect({ name, known, code, err }).toEqual({ name, known: false, code: 0, err: "" });
      expect(out).toMatch(shows);
    });
  }

  when("the standard descriptors, of which one is closed", () => {
    for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) expect(find(closed)).toMatchObject({ known: false, code: 0, err: "" });
    expect([find("<&-").out, find(">&-").out, find("2>&-").out]).toEqual([find("nothing").out, "", find("nothing").out]);
  });
  when("privileges", () => expect(find("a capability")).toMatchObject({ known: false }));
});

describe("is not taken from", () => {
  for (const name of ["a damaged file", "half of a file", "an empty file", "a file of another user", "a file that others may write", "no directory for containers"]) {
    when(name, () => expect(find(name)).toMatchObject({ known: false, code: 0, err: "" }));
  }

  when("a command line that may hold a secret, that no two starts have in common, or whose container stays", () => {
    const lines = cases.filter(({ name }) => name.startsWith("kept of "));
    expect(lines.map(({ known }) => known)).toEqual([false, false, false, false]);
  });

  when("a store without room, which is left as it was", () => {
    expect(find("a full store")).toMatchObject({ code: 125, err: expect.stringContaining("ENOSPC") });
    expect(find("left in a full store")).toMatchObject({ known: false, out: "" });
  });

  when("a store with a container that lost its supervisor, which is taken away", () => {
    expect(find("beside one that lost its supervisor")).toMatchObject({ known: false, code: 0 });
    expect(find("what was lost is").known).toBe(false);
    expect(find("a container that never was")).toMatchObject({ known: true, code: 0 });
  });
});
