/** Descriptors and working directories: what a caller holds open is not a way out of the container (CVE-2016-9962, CVE-2024-21626). */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();
const outside = scene.makeDirectory("outside");
writeFileSync(`${outside}/secret`, "of the host\n", { mode: 0o644 });

/** Runs pidbox below a shell that first does what `script` says. */
const after = (script: string): { before: readonly string[] } => ({ before: ["bash", "-c", `${script}; exec "$@"`, "bash"] });
const LEAK = `exec 3<${outside} 7<${outside} 8<${outside}/secret 9<>${outside}/secret 200<${outside}`;
const MODES = CALLERS.flatMap((caller) => (["do", "run"] as const).map((verb) => [verb, caller] as const));

describe.each(MODES)("%s as %s", (verb, caller) => {
  const shell = (...flags: string[]): string[] => (verb === "do" ? ["do", ...flags, "sh", "-c"] : ["run", ...flags, "@", "sh", "-c"]);

  test("4c.8: directories and files that the caller leaks are not the program's, nor PID 1's", async () => {
    const script = "ls /proc/self/fd /proc/1/fd 2>/dev/null | tr '\\n' ' '; for n in 3 4 5 6 7 8 9 200; do cat /proc/self/fd/$n/secret /proc/self/fd/$n; done 2>/dev/null; true";
    const out = await scene.output([...shell(), script], { caller, cwd: "/", ...after(LEAK) });
    // 3 is the directory that ls reads.
    expect(out).toMatch(/^(\/proc\/1\/fd: )?\s*(\/proc\/self\/fd: )?0 1 2 3\s*(\/proc\/1\/fd:)?$/);
  });

  test.each([0, 1, 2])("4c.8: standard descriptor %d that is a directory is refused, and nothing starts", async (number) => {
    const { code, out, err } = await scene.run([...shell(), "cat /proc/self/fd/*/secret; echo started >&0 >&1 >&2"], { caller, cwd: "/", ...after(`exec ${number}<${outside}`) });
    expect({ code, out }).toEqual({ code: 125, out: "" });
    if (number !== 2) expect(err).toContain("[LAUNCH_FAILED]");
  });

  test("4c.8: standard descriptors that are closed are not filled with something of ours", async () => {
    const script = "for n in 0 1 2; do readlink /proc/self/fd/$n; done >/tmp/links; cat /tmp/links; cat /tmp/links >&2";
    for (const closed of ["0<&-", "1>&-", "2>&-", "0<&- 2>&-"]) {
      const { code, out, err } = await scene.run([...shell("--tmpfs", "/tmp"), script], { caller, cwd: "/", ...after(`exec ${closed}`) });
      expect([closed, code]).toEqual([closed, 0]);
      expect(out + err).not.toMatch(/memfd|anon_inode|cgroup|status/);
    }
  });

  test("4c.9: a working directory that was removed is not the program's", async () => {
    const gone = scene.makeDirectory(`gone-${caller}-${verb}`);
    const { code, out, err } = await scene.run([...shell(), "echo started"], { caller, ...after(`cd ${gone} && rmdir ${gone}`) });
    // By launcher/front.c; elsewhere Bun itself ends with 1 before any code of ours runs.
    expect({ code, out }).toEqual({ code: process.arch === "x64" ? 125 : 1, out: "" });
    expect(err).toMatch(/working directory was (removed|deleted)/);
  });

  test.each(["/proc/self/fd/3", "/proc/self/fd/7", "/proc/self/fd/200", "/proc/1/fd/3", "/proc/1/root", "/proc/self/cwd", "/proc/thread-self/fd/7"])("4c.9: -w %s does not lead out", async (directory) => {
    const { code, out } = await scene.run([...shell("-w", directory), "pwd -P; cat secret"], { caller, cwd: "/", ...after(LEAK) });
    expect({ code, out }).toEqual({ code: 125, out: "" });
  });

  test.each(["..", "../../../etc", "relative", ""])("4c.9: -w %j is refused: it is a path in the container", async (directory) => {
    const { code, err } = await scene.run([...shell("-w", directory), "pwd"], { caller, cwd: outside });
    expect(err).toMatch(/\[USAGE\]/);
    expect(code).toBe(125);
  });
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("4c.9: with run, the caller's directory is not the program's", async () => {
    expect(await scene.output(["run", "@", "sh", "-c", "pwd -P; cat secret 2>/dev/null || echo none"], { caller, cwd: outside })).toBe("/\nnone");
  });
});

needs("root")("4c.9: a program cannot climb over its root by .. or by a directory that is moved", async () => {
  const script = "mkdir -p /tmp/a/b; cd /tmp/a/b; mv /tmp/a/b /tmp/b; cd ../../../../../../..; pwd -P; ls -d bin mnt";
  expect(await scene.output(["run", "@", "sh", "-c", script], { cwd: outside })).toBe("/\nbin\nmnt");
});
