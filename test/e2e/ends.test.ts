/** How a container ends: exit codes as docker has them, and one line on stderr when the end was not the program's own choice. */
import { describe, expect } from "bun:test";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();

for (const caller of CALLERS) {
  describe(`as ${caller}`, () => {
    needs("busybox")("the program's own exit code, without a word", async () => {
      for (const code of [0, 1, 7, 125, 255]) {
        expect(await scene.run(["run", "@", "sh", "-c", `exit ${code}`], { caller })).toEqual({ code, out: "", err: "" });
      }
    });
    needs("busybox")("127 for a program that is not there, with where it was looked for", async () => {
      const named = await scene.run(["run", "@", "no-such-program"], { caller });
      expect(named).toMatchObject({ code: 127, out: "" });
      expect(named.err).toContain('Cannot run "no-such-program": not found in the container [COMMAND_NOT_FOUND]');
      expect((await scene.run(["run", "@", "/no/such/program"], { caller })).code).toBe(127);
    });
    needs("busybox")("126 for what cannot be executed", async () => {
      expect(await scene.run(["run", "@", "/etc/passwd"], { caller })).toMatchObject({ code: 126, out: "" });
      expect(await scene.run(["run", "@", "/etc"], { caller })).toMatchObject({ code: 126, out: "" });
    });
    needs("busybox")("128 and the signal for a program that was killed, and by what", async () => {
      const { code, err } = await scene.run(["run", "@", "sh", "-c", "kill -9 $$"], { caller });
      expect(code).toBe(137);
      expect(err).toMatch(/^pidbox: [0-9a-f]{12}: SIGKILL ended it\n$/);
      expect((await scene.run(["run", "--init=false", "@", "sh", "-c", "trap 'exit 3' TERM; kill -TERM $$; exit 4"], { caller })).code).toBe(3);
    });
    needs("busybox")("SIGSYS names seccomp", async () => {
      expect((await scene.run(["run", "@", "sh", "-c", "kill -SYS $$"], { caller })).err).toContain("seccomp killed it");
    });
  });
}

needs("root")("a program that ran out of memory: who killed it and the limit", async () => {
  const { code, err } = await scene.run(["run", "-m", "16m", "@", "sh", "-c", "x=$(dd if=/dev/zero bs=1M count=64 2>/dev/null | tr '\\0' x); echo ${#x}"]);
  expect(code).not.toBe(0);
  expect(err).toMatch(/out of memory \(limit 16M\)/);
});

needs("root")("forks that the limit refused are counted", async () => {
  const { code, err } = await scene.run(["run", "--pids-limit", "8", "@", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; exit 9"]);
  expect(code).not.toBe(0);
  expect(err).toMatch(/forks were refused \(limit 8\)/);
});

needs("root")("a signal that was passed on says who sent it", async () => {
  const held = scene.hold(["run", "-i", "@", "sh", "-c", "echo up; exec cat"]);
  expect(await held.line()).toBe("up");
  held.kill("SIGTERM");
  const { code, err } = await held.ended();
  expect(code).toBe(143);
  expect(err).toContain(`SIGTERM from process ${process.pid}`);
});
