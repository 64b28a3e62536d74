/** What weakens the wall is refused with why, what to use instead, and the name that overrides; with that name it works. */
import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { UNSAFE } from "../../src/verbs/refusals.ts";
import { needs } from "../parts.ts";
import { openScene } from "../scene.ts";

const scene = openScene();

/** A command line for each name: refused as it is, and allowed with --unsafe=NAME, when `shows` must be in what the program writes. */
const CASES: readonly { readonly name: keyof typeof UNSAFE; readonly flags: readonly string[]; readonly program: string; readonly shows: RegExp }[] = [
  { name: "privileged", flags: ["--privileged"], program: "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status", shows: /NoNewPrivs:\t0\nSeccomp:\t0/ },
  { name: "pid-host", flags: ["--pid=host"], program: "ls -d /proc/1 && readlink /proc/self/ns/pid", shows: /pid:\[4026531836\]/ },
  { name: "ipc-host", flags: ["--ipc=host"], program: "readlink /proc/self/ns/ipc", shows: /ipc:\[4026531839\]/ },
  { name: "uts-host", flags: ["--uts=host"], program: "readlink /proc/self/ns/uts", shows: /uts:\[4026531838\]/ },
  { name: "userns-host", flags: ["--userns=host"], program: "readlink /proc/self/ns/user", shows: /user:\[4026531837\]/ },
  { name: "cgroupns-host", flags: ["--cgroupns=host"], program: "cat /proc/self/cgroup", shows: /\/pidbox\/[0-9a-f]{64}/ },
  { name: "mount", flags: ["-v", "/etc:/host:ro"], program: "test -e /host/passwd && echo shown", shows: /shown/ },
  { name: "capabilities", flags: ["--cap-add", "SYS_ADMIN"], program: "grep CapEff /proc/self/status", shows: /CapEff:\t0000000000[2-9a-f]/ },
  { name: "seccomp", flags: ["--security-opt", "seccomp=unconfined"], program: "grep '^Seccomp:' /proc/self/status", shows: /Seccomp:\t0/ },
  { name: "new-privileges", flags: ["--security-opt", "no-new-privileges=false"], program: "grep NoNewPrivs /proc/self/status", shows: /NoNewPrivs:\t0/ },
  { name: "device", flags: ["--device", "/dev/full:/dev/other"], program: "ls -l /dev/other", shows: /1,\s+7/ },
  { name: "systempaths", flags: ["--security-opt", "systempaths=unconfined"], program: "grep -c ' /proc/' /proc/self/mountinfo || true", shows: /^0$/m },
];

test("every override of the table has a case here, but for those of security modules", () => {
  const covered = CASES.map(({ name }) => name);
  expect(Object.keys(UNSAFE).filter((name) => !covered.includes(name as keyof typeof UNSAFE))).toEqual(["apparmor", "landlock"]);
});

describe("refused, and allowed by name", () => {
  for (const { name, flags, program, shows } of CASES) {
    needs("root")(`${flags.join(" ")} wants --unsafe=${name}`, async () => {
      const refused = await scene.run(["run", ...flags, "@", "sh", "-c", program]);
      expect(refused).toMatchObject({ code: 125, out: "" });
      expect(refused.err).toContain("[REFUSED_UNSAFE]");
      expect(refused.err).toContain(`--unsafe=${name}`);
      expect(refused.err).toContain(UNSAFE[name][1]);
      const allowed = await scene.run(["run", `--unsafe=${name}`, ...flags, "@", "sh", "-c", program]);
      expect(allowed).toMatchObject({ code: 0, err: "" });
      expect(allowed.out).toMatch(shows);
    });
  }
});

needs("root")("one override does not stand for another", async () => {
  expect(await scene.run(["run", "--unsafe=seccomp", "--pid=host", "@", "true"])).toMatchObject({ code: 125, out: "" });
});

test("an override that does not exist is an error, not a shrug", async () => {
  const { code, err } = await scene.run(["do", "--unsafe=everything", "true"]);
  expect(code).toBe(125);
  expect(err).toContain("One of ");
  const degraded = await scene.run(["do", "--allow-degraded=everything", "true"]);
  expect(degraded).toMatchObject({ code: 125 });
});

for (const path of ["/", "/proc", "/sys", "/run", "/var/run", "/dev", "/etc", "/var/lib/docker"]) {
  needs("root")(`-v ${path}:/host is refused`, async () => {
    const { code, err } = await scene.run(["run", "-v", `${path}:/host`, "@", "true"]);
    expect(code).toBe(125);
    // What is not there cannot be bound either.
    expect(err).toMatch(/\[(REFUSED_UNSAFE|NOT_FOUND)\]/);
  });
}

needs("root")("a root filesystem that is the host, or a part of it that gives control, is refused; by a link, too; and with the override it is there", async () => {
  const link = `${scene.directory}/link-to-the-host`;
  symlinkSync("/", link);
  const denied: readonly (readonly string[])[] = [
    ["dir:/"], [`dir:${link}`], ["dir:/etc"], ["dir:/run"], ["dir:/proc/self/root"], ["dir:/sys/fs/cgroup"],
    ["--rw", "/", "dir:/usr"], ["--rw", "/", `dir:${link}`], ["--rw", "/", "dir:/etc"],
  ];
  for (const flags of denied) {
    const { code, err } = await scene.run(["run", ...flags, "/bin/sh", "-c", "cat /shadow /etc/shadow"]);
    expect([flags, code, err.includes("[REFUSED_UNSAFE]")]).toEqual([flags, 125, true]);
  }
  expect(await scene.output(["run", "--unsafe=mount", "dir:/", "sh", "-c", "test -e /etc/passwd && echo shown"])).toBe("shown");
});

needs("root")("an engine's socket is refused wherever it lies", async () => {
  const socket = `${scene.makeDirectory("sockets")}/docker.sock`;
  const listener = Bun.listen({ unix: socket, socket: { data() {} } });
  try {
    const { code, err } = await scene.run(["run", "-v", `${socket}:/x.sock`, "@", "true"]);
    expect(code).toBe(125);
    expect(err).toContain("[REFUSED_UNSAFE]");
  } finally {
    listener.stop(true);
  }
});

needs("root")("ps and verify show what was overridden", async () => {
  const held = scene.hold(["run", "-i", "--name", "weaker", "--unsafe=seccomp", "--security-opt", "seccomp=unconfined", "@", "sh", "-c", "echo up; cat"]);
  expect(await held.line()).toBe("up");
  expect((await scene.run(["ps", "--filter", "name=weaker"])).out).toContain("seccomp");
  const verified = await scene.run(["verify", "weaker"]);
  expect(verified.code).toBe(2);
  expect(verified.out).toMatch(/seccomp.*waived/);
  await held.end();
});
