/** state, list, kill and delete on containers that were made by hand around a process of the test. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import Ajv from "ajv-draft-04";
import defs from "../fixtures/schema/defs.json";
import schema from "../fixtures/schema/state-schema.json";
import { handMade, messageOf, PIDBOX_OCI, run, temporaryRoot } from "./runtime.ts";

const validate = new Ajv({ strict: false, logger: false }).addSchema({ ...defs, id: "defs.json" }).compile(schema);

describe("state", () => {
  test("is the specification's document with runc's fields", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1", { config: { annotations: { "a.b": "c" } } });
    const { code, out, err } = root.oci("state", "c1");
    expect([code, err]).toEqual([0, ""]);
    const document: unknown = JSON.parse(out);
    expect(document).toEqual({
      ociVersion: "1.3.0", id: "c1", pid: made.pid, status: "running", bundle: "/bundle of <it>", rootfs: "/bundle of <it>/rootfs", created: "2026-09-21T14:13:20.123Z",
      annotations: { "a.b": "c" }, owner: "",
    });
    expect(validate(document)).toBe(true);
  });

  test("says created before start, running after, stopped at the end", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1", { created: true });
    const status = (): unknown => {
      const { status, pid } = JSON.parse(root.oci("state", "c1").out) as { status: string; pid: number };
      return [status, pid];
    };
    expect(status()).toEqual(["created", made.pid]);
    rmSync(`${made.directory}/start`);
    expect(status()).toEqual(["running", made.pid]);
    await made.kill();
    expect(status()).toEqual(["stopped", 0]);
  });

  test("believes no PID whose process started at another time", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    const stat = (await Bun.file(`${made.directory}/init`).text()).split(" ");
    stat[21] = String(Number(stat[21]) - 1);
    writeFileSync(`${made.directory}/init`, stat.join(" "));
    expect((JSON.parse(root.oci("state", "c1").out) as { status: string }).status).toBe("stopped");
    expect(messageOf(root.oci("kill", "c1", "KILL").err)).toBe("container not running");
  });

  test.each([["../c1"], ["c1/../c1"], [".."], ["."], ["a/b"], ["-c1"], ["\u001b[31m"]])("refuses %j as an id", async (id) => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    expect(made.pid).toBeGreaterThan(0);
    const { code, out, err } = root.oci("state", "--", id);
    expect([code, out]).toEqual([1, ""]);
    expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test("is the same through pidbox oci and through symbolic links", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    expect(made.pid).toBeGreaterThan(0);
    const expected = root.oci("state", "c1");
    const pidbox = PIDBOX_OCI.replace(/-oci$/, "");
    expect(run(pidbox, ["oci", "--root", root.path, "state", "c1"])).toEqual(expected);
    for (const [link, target] of [["pidbox-oci", pidbox], ["runc", PIDBOX_OCI], ["pidbox-oci-2", PIDBOX_OCI]]) {
      const path = `${root.path}/../${link}`;
      Bun.spawnSync(["ln", "-s", target ?? "", path]);
      expect(run(path, ["--root", root.path, "state", "c1"])).toEqual(expected);
    }
  });
});

describe("list", () => {
  test("shows all containers, and the others beside a broken one", async () => {
    using root = temporaryRoot();
    await using first = handMade(root.path, "b");
    await using second = handMade(root.path, "a", { created: true });
    mkdirSync(`${root.path}/unfinished`);
    mkdirSync(`${root.path}/broken`);
    writeFileSync(`${root.path}/broken/state.json`, "{");
    const { code, out, err } = root.oci("list", "--format", "json");
    expect(code).toBe(0);
    const found = JSON.parse(out) as { id: string; pid: number; owner: string }[];
    expect(found.map(({ id, pid, owner }) => [id, pid, owner])).toEqual([["a", second.pid, "root"], ["b", first.pid, "root"]]);
    expect(messageOf(err)).toStartWith("load container broken: ");
    expect(root.oci("list", "-q").out).toBe("a\nb\n");
    const lines = root.oci("list").out.split("\n");
    expect(lines[0]).toBe("ID          PID         STATUS      BUNDLE            CREATED                    OWNER");
    expect(lines[1]).toBe(`a           ${String(second.pid).padEnd(12)}created     /bundle of <it>   2026-09-21T14:13:20.123Z   root`);
  });
});

describe("kill", () => {
  test.each([["KILL", 9], ["SIGTERM", 15], ["term", 15], ["9", 9], ["SIGRTMIN+3", 37]])("sends %s", async (word, expected) => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1", { command: ["sleep", "1000"] });
    expect(root.oci("kill", "c1", word)).toEqual({ code: 0, out: "", err: "" });
    expect(await made.ended).toBe(128 + expected);
  });

  test("sends SIGTERM if nothing is said, and nothing for an unknown name", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    const refused = root.oci("kill", "c1", "BOGUS");
    expect([refused.code, messageOf(refused.err)]).toEqual([1, 'unknown signal "BOGUS"']);
    expect(root.oci("kill", "c1", "0").code).toBe(0);
    expect(root.oci("kill", "c1").code).toBe(0);
    expect(await made.ended).toBe(143);
  });

  test("is an error on what has ended, in the words that containerd looks for", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    await made.kill();
    const { code, err } = root.oci("kill", "c1", "KILL");
    expect([code, messageOf(err)]).toEqual([1, "container not running"]);
  });
});

describe("delete", () => {
  test("removes what has ended, and its directory", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    await made.kill();
    expect(root.oci("delete", "c1")).toEqual({ code: 0, out: "", err: "" });
    expect(existsSync(made.directory)).toBe(false);
    const again = root.oci("delete", "c1");
    expect([again.code, messageOf(again.err)]).toEqual([1, 'container "c1" does not exist']);
    expect(root.oci("delete", "--force", "c1").code).toBe(0);
  });

  test("refuses what runs, unless forced", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1");
    const { code, err } = root.oci("delete", "c1");
    expect([code, messageOf(err)]).toEqual([1, "cannot delete container c1 that is not stopped: running"]);
    expect(existsSync(`/proc/${made.pid}`)).toBe(true);
    expect(root.oci("delete", "c1", "-f")).toEqual({ code: 0, out: "", err: "" });
    expect(await made.ended).toBe(137);
    expect(existsSync(made.directory)).toBe(false);
  });

  test("ends what was created and never started", async () => {
    using root = temporaryRoot();
    await using made = handMade(root.path, "c1", { created: true });
    expect(root.oci("delete", "c1")).toEqual({ code: 0, out: "", err: "" });
    expect(await made.ended).toBe(137);
    expect(existsSync(made.directory)).toBe(false);
  });

  test("takes away what a create left that was killed before it had written anything", () => {
    using root = temporaryRoot();
    mkdirSync(`${root.path}/c1`, { recursive: true });
    expect(root.oci("delete", "-f", "c1").code).toBe(0);
    expect(existsSync(`${root.path}/c1`)).toBe(false);
  });
});
