/** Standard input, output and error without a terminal. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("run -i: input is the caller's pipe, and its end is seen", async () => {
    expect(await scene.output(["run", "-i", "@", "sh", "-c", "cat; echo ended"], { caller, input: "one\ntwo\n" })).toBe("one\ntwo\nended");
  });

  test("run without -i: input is /dev/null", async () => {
    expect(await scene.output(["run", "@", "sh", "-c", "readlink /proc/self/fd/0; wc -c"], { caller, input: "unread" })).toBe("/dev/null\n0");
  });

  test("do: input is the caller's without a flag; --interactive=false takes it away", async () => {
    expect(await scene.output(["do", "cat"], { caller, input: "given" })).toBe("given");
    expect(await scene.output(["do", "--interactive=false", "cat"], { caller, input: "given" })).toBe("");
  });

  test("output and error are apart", async () => {
    const { out, err, code } = await scene.run(["run", "@", "sh", "-c", "echo one; echo two >&2"], { caller });
    expect({ out, err, code }).toEqual({ out: "one\n", err: "two\n", code: 0 });
  });

  test("descriptors that the caller left open are not there, and a program gets 0 to 2 only", async () => {
    const secret = `${scene.directory}/secret-${caller}`;
    writeFileSync(secret, "secret");
    const fds = [openSync(secret, "r"), openSync("/", "r"), openSync("/proc", "r")];
    try {
      const command = scene.command(caller, ["run", "@", "ls", "/proc/self/fd"]);
      const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe", ...fds], env: scene.environment(caller) });
      // The fourth is ls's own, of the directory that it reads.
      expect(await new Response(child.stdout).text()).toBe("0\n1\n2\n3\n");
      expect(await child.exited).toBe(0);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  });

  test("a directory as standard input is refused: it would be a way out", async () => {
    const directory = openSync("/", "r");
    try {
      const child = Bun.spawn(scene.command(caller, ["run", "-i", "@", "true"]), { stdio: [directory, "pipe", "pipe"], env: scene.environment(caller) });
      expect(await new Response(child.stderr).text()).toMatch(/standard input and output/);
      expect(await child.exited).toBe(125);
    } finally {
      closeSync(directory);
    }
  });

  test.each(["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])("with %s the program finds descriptors 0 to 2 all the same, and none of them is ours", async (closing) => {
    const file = `${scene.makeDirectory(`closed-${caller}`)}/out`;
    const script = "for n in 0 1 2; do readlink /proc/self/fd/$n; done > /out/out";
    const before = ["sh", "-c", `exec "$@" ${closing}`, "sh"];
    const { code } = await scene.run(["run", "-i", "-v", `${scene.directory}/closed-${caller}:/out`, "@", "sh", "-c", script], { caller, before });
    expect(code).toBe(0);
    const found = readFileSync(file, "utf8").trim().split("\n");
    expect(found).toHaveLength(3);
    for (const one of found) expect(one).toMatch(/^(\/dev\/null|pipe:\[\d+\]|\/out\/out|socket:\[\d+\])$/);
  });

  test("a reader that goes away ends the program by SIGPIPE, as in a shell", async () => {
    const { out } = await scene.run(["run", "@", "yes"], { caller, before: ["bash", "-c", "\"$@\" | head -1; echo ${PIPESTATUS[0]}", "bash"] });
    expect(out).toBe("y\n141\n");
  });
});

needs("root")("1 GB goes through a pipe whole, and the supervisor is not in its way", async () => {
  const child = scene.spawn(["run", "@", "dd", "if=/dev/zero", "bs=1M", "count=1024"]);
  let bytes = 0;
  for await (const part of child.stdout) bytes += part.length;
  expect(await child.exited).toBe(0);
  expect(bytes).toBe(2 ** 30);
});

needs("root")("1 GB goes in and is counted", async () => {
  const before = ["bash", "-c", 'head -c 1073741824 /dev/zero | "$@"', "bash"];
  expect(await scene.output(["run", "-i", "@", "wc", "-c"], { before })).toBe("1073741824");
});
