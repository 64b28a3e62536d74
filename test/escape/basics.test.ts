/**
 * What a program inside cannot do, tried from inside by test/escape/basics.c, in `do` and `run`, as root and rootless. Each attempt is harmless where it
 * succeeds; the answer must be an errno, and never 0.
 */
import { beforeAll, describe, expect } from "bun:test";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();
const AF = { NETLINK: "16", ALG: "38", VSOCK: "40", PACKET: "17" } as const;

/** Attempts with what runtimes.md 4c and design.md part 4 call them. */
const ATTEMPTS: readonly (readonly [what: string, ...words: readonly string[]])[] = [
  ["mount", "mount"], ["remount of the root", "remount"], ["umount of /proc", "umount"], ["the new mount API", "fsopen"], ["pivot_root", "pivot_root"],
  ["a user namespace", "unshare-user"], ["a mount namespace", "unshare-mount"], ["setns", "setns"], ["a device node", "mknod"],
  ["AF_ALG", "socket", AF.ALG], ["AF_VSOCK", "socket", AF.VSOCK], ["AF_PACKET", "socket", AF.PACKET], ["io_uring", "io_uring"], ["keyctl", "keyctl"],
  ["add_key", "add_key"], ["userfaultfd", "userfaultfd"], ["bpf", "bpf"], ["perf_event_open", "perf"], ["tracing PID 1", "ptrace-init"],
  ["typing into a terminal (TIOCSTI)", "tiocsti"], ["swapon", "swapon"], ["loading a module", "init_module"], ["reboot", "reboot"], ["a call of the x32 table", "x32"],
  ["writing core_pattern", "write", "/proc/sys/kernel/core_pattern"], ["writing sysrq-trigger", "write", "/proc/sysrq-trigger"],
  ["writing a sysctl", "write", "/proc/sys/kernel/hostname"], ["writing in /sys", "write", "/sys/kernel/uevent_helper"],
  ["writing a cgroup's release_agent", "write", "/sys/fs/cgroup/memory/release_agent"], ["writing its own limit", "write", "/sys/fs/cgroup/pids/pids.max"],
  ["reading kcore", "read", "/proc/kcore"], ["reading keys", "read", "/proc/keys"], ["reading kmsg", "read", "/dev/kmsg"], ["the host's disk", "read", "/dev/vda"],
];

beforeAll(() => {
  const built = Bun.spawnSync(["cc", "-static", "-O1", "-o", `${scene.directory}/attempt`, `${import.meta.dir}/basics.c`], { stderr: "inherit" });
  expect(built.exitCode).toBe(0);
  scene.install(`${scene.directory}/attempt`, "attempt");
});

for (const caller of CALLERS) {
  for (const verb of ["run", "do"] as const) {
    const place = verb === "run" ? ["run", "@", "/bin/attempt"] : ["do", "--show", scene.directory, `${scene.directory}/attempt`];
    const inside = (...words: string[]): string[] => [...place, ...words];
    describe(`${verb} as ${caller}`, () => {
      for (const [what, ...words] of ATTEMPTS) {
        needs("busybox")(`${what} is refused`, async () => {
          const { code, out } = await scene.run(inside(...words), { caller });
          // A filter that kills answers with SIGSYS instead of an errno.
          if (code !== 159) expect(out).toMatch(/^[1-9]\d*\n$/);
        });
      }
      needs("busybox")("processes of the host are not there to be signalled", async () => {
        expect(await scene.output(inside("kill-init-of-host", String(process.pid + 100000)), { caller })).toBe("3");
      });
      needs("busybox")("abstract sockets of the host are out of reach (4c.16)", async () => {
        const name = `pidbox-escape-${process.pid}`;
        const listener = Bun.spawn(["python3", "-c", `import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind("\\0${name}")\ns.listen()\nprint("up",flush=True)\nsys.stdin.read()`], { stdin: "pipe", stdout: "pipe" });
        try {
          expect(new TextDecoder().decode((await listener.stdout.getReader().read()).value)).toContain("up");
          expect(await scene.output(inside("abstract", name), { caller })).not.toBe("0");
        } finally {
          listener.kill("SIGKILL");
          await listener.exited;
        }
      });
    });
  }
}

// Where PID 1 has fewer capabilities than the program, or more, the kernel refuses even to look (ptrace(2), PTRACE_MODE_READ).
const LOOK = "{ cat /proc/1/environ; echo --; ls /proc/1/fd; echo --; readlink /proc/1/exe; echo --; tr '\\0' ' ' </proc/1/cmdline; } 2>/dev/null";

for (const caller of CALLERS) {
  needs("busybox")(`PID 1 shows nothing of the host: environment, descriptors, program (4c.1, 4c.2, 4c.8; ${caller})`, async () => {
    for (const flags of [[], ["--cap-drop", "ALL"]]) {
      const out = await scene.output(["run", ...flags, "@", "sh", "-c", LOOK], { caller, env: { SECRET_OF_THE_CALLER: "hunter2" } });
      const [environment, descriptors, program, title] = out.split("--\n").map((part) => part.trim());
      expect([environment, descriptors]).toEqual(["", ""]);
      expect(program).toMatch(/^$|^\/?memfd:pidbox/);
      expect(title).toMatch(/^pidbox [0-9a-f]{12}$/);
      expect(out).not.toContain("hunter2");
    }
  });

  needs("busybox")(`descriptors that the caller leaks are not handed on (4c.8; ${caller})`, async () => {
    const out = await scene.output(["run", "@", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"], { caller, before: ["sh", "-c", 'exec 7</etc 8</etc/passwd; exec "$@"', "sh"] });
    // 3 is the directory that ls reads.
    expect(out).toBe("0 1 2 3");
  });

  needs("busybox")(`standard input that is a directory is refused (4c.8; ${caller})`, async () => {
    const { code, err } = await scene.run(["do", "true"], { caller, before: ["sh", "-c", 'exec "$@" </etc', "sh"] });
    expect(code).toBe(125);
    expect(err).toContain("standard input and output");
  });

  needs("busybox")(`the mount table has nothing of the host (4c.4, 4c.5; ${caller})`, async () => {
    const out = await scene.output(["run", "@", "cat", "/proc/self/mountinfo"], { caller });
    expect(out).not.toContain(scene.directory);
    for (const line of out.split("\n")) expect(line.split(" ")[4]).toMatch(/^\/($|proc|dev|sys)/);
  });

  needs("busybox")(`variables for the program do nothing to pidbox itself (design.md part 8; ${caller})`, async () => {
    const marker = `${scene.makeDirectory("preload")}/marker-${caller}`;
    await Bun.write(`${scene.directory}/preload.js`, `require("fs").writeFileSync(${JSON.stringify(marker)}, "run")`);
    const flags = ["-e", `BUN_OPTIONS=--preload ${scene.directory}/preload.js`, "-e", "BUN_BE_BUN=1", "-e", `BUN_INSPECT_PRELOAD=${scene.directory}/preload.js`, "-e", "LD_PRELOAD=/none.so"];
    // A failing program, so that pidbox is executed again at the end.
    expect((await scene.run(["run", ...flags, "@", "sh", "-c", "exit 3"], { caller })).code).toBe(3);
    expect(await Bun.file(marker).exists()).toBe(false);
  });
}

for (const name of ["proc", "sys", "dev"]) {
  needs("root")(`a root filesystem whose /${name} is a link is refused as an attack (4c.6, 4c.7, CVE-2019-16884, CVE-2026-41579)`, async () => {
    const root = scene.makeRootfs(`link-${name}`);
    Bun.spawnSync(["sh", "-c", `rmdir ${root}/${name} && ln -s /etc ${root}/${name}`]);
    const { code, err } = await scene.run(["run", `dir:${root}`, "true"]);
    expect(code).toBe(125);
    expect(err).toContain("[POSSIBLE_ATTACK]");
  });
}

needs("root")("links in a root filesystem lead nowhere outside of it, for mounts, users and directories (4c.3, CVE-2021-30465)", async () => {
  const root = scene.makeRootfs("hostile");
  const outside = scene.makeDirectory("outside");
  await Bun.write(`${outside}/passwd`, "evil:x:4711:4711::/:/bin/sh\n");
  Bun.spawnSync(["sh", "-c", `rm ${root}/etc/passwd && ln -s ${outside}/passwd ${root}/etc/passwd && ln -s ${outside} ${root}/data && ln -s ../../../../../../..${outside} ${root}/up`]);
  const listing = (): string => Bun.spawnSync(["find", outside, "-printf", "%p %T@\n"]).stdout.toString();
  const before = listing();
  expect((await scene.run(["run", "-u", "evil", `dir:${root}`, "true"])).err).toContain("No user");
  await scene.run(["run", "--tmpfs", "/data/x", `dir:${root}`, "true"]);
  await scene.run(["run", "--tmpfs", "/up/y", `dir:${root}`, "true"]);
  await scene.run(["run", "-w", "/data/w", `dir:${root}`, "true"]);
  // Refused or made inside the root's own memory: the directory outside is as it was.
  expect(listing()).toBe(before);
});

needs("root")("a fifo for /etc/passwd does not hang pidbox (design.md invariant 8)", async () => {
  const root = scene.makeRootfs("fifo");
  Bun.spawnSync(["sh", "-c", `rm ${root}/etc/passwd && mkfifo ${root}/etc/passwd`]);
  expect((await scene.run(["run", "-u", "somebody", `dir:${root}`, "true"])).code).not.toBe(0);
});
