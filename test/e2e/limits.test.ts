/** Flags of limits: as the kernel has them while the container runs, in its cgroups and rlimits, and what they do. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene, ROOTLESS_ID } from "../scene.ts";

const scene = openScene();
const V2 = !readFileSync("/proc/self/cgroup", "utf8").includes(":memory:");

/** The text of a cgroup file of the process with this host PID, v1 or v2. */
function cgroupFile(pid: number, controller: string, v1: string, v2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n").map((line) => line.split(":"));
  const path = lines.find(([, names = ""]) => (V2 ? names === "" : names.split(",").includes(controller)))?.[2] ?? "";
  const file = V2 ? v2 : v1;
  return readFileSync(V2 ? `/sys/fs/cgroup${path}/${file}` : `/sys/fs/cgroup/${controller}${path}/${file}`, "utf8").trim();
}

/** Starts a container that waits, and gives the host PID of its init to `look`. */
async function whileRunning(flags: readonly string[], look: (pid: number) => void, verb: "run" | "do" = "run"): Promise<void> {
  const held = scene.hold([verb, "-i", ...flags, ...(verb === "run" ? ["@"] : []), "sh", "-c", "echo up; cat"]);
  expect(await held.line()).toBe("up");
  const children = readFileSync(`/proc/${held.pid}/task/${held.pid}/children`, "utf8").trim();
  look(Number(children.split(" ")[0]));
  expect(await held.end()).toMatchObject({ code: 0, err: "" });
}

needs("root")("-m and --memory-swap", async () => {
  await whileRunning(["-m", "64m"], (pid) => {
    expect(cgroupFile(pid, "memory", "memory.limit_in_bytes", "memory.max")).toBe(String(64 << 20));
  });
  await whileRunning(["--memory", "64m", "--memory-swap", "96m"], (pid) => {
    expect(cgroupFile(pid, "memory", "memory.limit_in_bytes", "memory.max")).toBe(String(64 << 20));
  });
});

needs("root")("without --memory-swap nothing is swapped out", async () => {
  await whileRunning(["-m", "64m"], (pid) => {
    const path = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n").find((line) => line.includes(V2 ? "0::" : ":memory:"))?.split(":")[2] ?? "";
    const accounted = V2 || Bun.spawnSync(["test", "-e", `/sys/fs/cgroup/memory${path}/memory.memsw.limit_in_bytes`]).exitCode === 0;
    if (accounted) expect(cgroupFile(pid, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")).toBe(V2 ? "0" : String(64 << 20));
    else expect(cgroupFile(pid, "memory", "memory.swappiness", "")).toBe("0");
  });
});

needs("root")("without a limit of memory nothing is swapped out either, unless --memory-swap says so", async () => {
  const swap = (pid: number): string => cgroupFile(pid, "memory", "memory.swappiness", "memory.swap.max");
  await whileRunning([], (pid) => expect(swap(pid)).toBe("0"));
  await whileRunning(["--memory-swap", "-1"], (pid) => expect(swap(pid)).not.toBe("0"));
});

needs("root")("--cpus, --cpu-shares, --cpuset-cpus", async () => {
  await whileRunning(["--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0"], (pid) => {
    if (V2) {
      expect(cgroupFile(pid, "cpu", "", "cpu.max")).toBe("50000 100000");
      expect(cgroupFile(pid, "cpu", "", "cpu.weight")).toBe("59");
    } else {
      expect(cgroupFile(pid, "cpu", "cpu.cfs_quota_us", "")).toBe("50000");
      expect(cgroupFile(pid, "cpu", "cpu.shares", "")).toBe("512");
    }
    expect(cgroupFile(pid, "cpuset", "cpuset.cpus", "cpuset.cpus")).toBe("0");
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Cpus_allowed_list:\t0$/m);
  });
});

needs("root")("--pids-limit, and -1 for none", async () => {
  await whileRunning(["--pids-limit", "17"], (pid) => expect(cgroupFile(pid, "pids", "pids.max", "pids.max")).toBe("17"));
  await whileRunning(["--pids-limit", "-1"], (pid) => expect(cgroupFile(pid, "pids", "pids.max", "pids.max")).toBe("max"));
});

needs("root")("defaults: run 2048 processes; do 512, half of the memory, a low CPU weight", async () => {
  await whileRunning([], (pid) => expect(cgroupFile(pid, "pids", "pids.max", "pids.max")).toBe("2048"));
  await whileRunning([], (pid) => {
    expect(cgroupFile(pid, "pids", "pids.max", "pids.max")).toBe("512");
    const total = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
    expect(Number(cgroupFile(pid, "memory", "memory.limit_in_bytes", "memory.max")) / total).toBeCloseTo(0.5, 3);
    expect(cgroupFile(pid, "cpu", "cpu.shares", "cpu.weight")).toBe(V2 ? "35" : "256");
  }, "do");
});

needs("root")("--cgroup-parent: the container's cgroups lie below it, and .. is refused", async () => {
  const parent = `pidbox-test-${process.pid}`;
  await whileRunning(["--cgroup-parent", parent], (pid) => expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toMatch(new RegExp(`/${parent}/[0-9a-f]{64}$`, "m")));
  Bun.spawnSync(["sh", "-c", `find /sys/fs/cgroup -depth -type d -name ${parent} -exec rmdir {} +`]);
  const { code, err } = await scene.run(["run", "--cgroup-parent", "../x", "@", "true"]);
  expect(err).toMatch(/\[(CONFIG_INVALID|USAGE)\]/);
  expect(code).toBe(125);
});

needs("root")("a fork bomb meets the pids limit, and the end says so", async () => {
  const { err, code } = await scene.run(["run", "--pids-limit", "10", "@", "sh", "-c", "i=0; while [ $i -lt 30 ]; do sleep 60 & i=$((i+1)); done; exit 3"]);
  expect(err).toMatch(/pidbox: [0-9a-f]{12}: it ended with \d+; \d+ forks were refused \(limit 10\)\n$/);
  expect(code).toBeGreaterThan(0);
});

needs("root")("a memory hog is killed, and the end says so", async () => {
  const { err, code } = await scene.run(["run", "-m", "32m", "@", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"]);
  expect(err).toMatch(/pidbox: [0-9a-f]{12}: the kernel killed it: out of memory \(limit 32M\)\n$/);
  expect(code).toBe(137);
});

needs("root")("a child that is killed for memory is told even where the program ends by itself", async () => {
  const { err, code } = await scene.run(["run", "-m", "32m", "@", "sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1; exit 4"]);
  expect(err).toContain("it ended with 4 after the kernel killed 1 of its processes: out of memory");
  expect(code).toBe(4);
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("--ulimit sets soft and hard limits", async () => {
    const out = await scene.output(["run", "--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "nproc=50", "@", "sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; grep processes /proc/self/limits"], { caller });
    expect(out.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual(["100", "200", "0", "Max processes 50 50 processes"]);
  });

  test("open files: the kernel's soft default, whatever Bun made of it", async () => {
    expect(await scene.output(["run", "@", "sh", "-c", "ulimit -n"], { caller })).toBe("1024");
  });

  test("--shm-size", async () => {
    const size = (text: string): string => /size=(\d+k)/.exec(text)?.[1] ?? "";
    expect(size(await scene.output(["run", "--shm-size", "8m", "@", "grep", "/dev/shm", "/proc/mounts"], { caller }))).toBe("8192k");
    expect(size(await scene.output(["run", "@", "grep", "/dev/shm", "/proc/mounts"], { caller }))).toBe("65536k");
  });

  test("--oom-score-adj can only be raised", async () => {
    expect(await scene.output(["run", "--oom-score-adj", "500", "@", "cat", "/proc/self/oom_score_adj"], { caller })).toBe("500");
    expect((await scene.run(["run", "--oom-score-adj", "-1", "@", "true"], { caller })).err).toContain("[USAGE]");
  });

  test.each([
    ["--memory", "lots"], ["--memory", "1k"], ["--memory-swap", "1g"], ["--cpus", "0"], ["--cpus", "x"], ["--cpuset-cpus", "a"], ["--cpu-shares", "1"],
    ["--pids-limit", "1.5"], ["--ulimit", "nofile"], ["--ulimit", "nothing=1"], ["--shm-size", "big"], ["--oom-score-adj", "1001"],
  ])("%s %s is refused with a reason, and nothing starts", async (flag, value) => {
    const { code, err, out } = await scene.run(["run", flag, value, "@", "echo", "started"], { caller });
    expect(err).toMatch(/\[(USAGE|CONFIG_INVALID|PARSE)\]/);
    expect(err).toContain(flag);
    expect({ code, out }).toEqual({ code: 125, out: "" });
  });
});

needs("root")("as an unprivileged user without a cgroup of its own: an error that names controllers and file", async () => {
  const before = ["setpriv", `--reuid=${ROOTLESS_ID}`, `--regid=${ROOTLESS_ID}`, "--clear-groups"];
  const child = Bun.spawnSync([...before, scene.binary, "run", "--rm", `dir:${scene.rootfs}`, "true"], { env: { XDG_RUNTIME_DIR: scene.runtime }, stdin: "ignore" });
  expect(child.stderr.toString()).toMatch(/^pidbox: Cannot limit .*pids.*: no cgroup of this host that the caller may write has the file pids\.max/);
  expect(child.stderr.toString()).toContain("--allow-degraded=cgroups");
  expect(child.exitCode).toBe(125);
});

/** Paths of a process by hierarchy of v1. */
function places(pid: number): Map<string, string> {
  return new Map(readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n").map((line) => [line.split(":")[1] ?? "", line.split(":")[2] ?? ""]));
}

if (!V2) {
  needs("root")("run is also where it can be paused and counted, do is not", async () => {
    const own = /pidbox\/[0-9a-f]{64}$/;
    await whileRunning([], (pid) => {
      for (const name of ["freezer", "cpuacct"]) expect(places(pid).get(name)).toMatch(own);
    });
    await whileRunning([], (pid) => expect(places(pid).get("freezer")).not.toMatch(own), "do");
  });
}

needs("root")("with the host's users devices are restricted: a node for another one can be made and not be opened", async () => {
  const flags = ["--userns=host", "--unsafe=userns-host", "--cap-add", "MKNOD", "--unsafe=capabilities", "--unsafe=landlock", "--security-opt", "landlock=unconfined"];
  // Only /dev has no `nodev`.
  const script = "for d in '1 3' '1 6'; do mknod /dev/d c $d && (true < /dev/d) && echo open; rm -f /dev/d; done";
  const { out, err } = await scene.run(["run", ...flags, "@", "sh", "-c", script]);
  expect({ out, err }).toEqual({ out: "open\n", err: expect.stringMatching(/\/dev\/d: Operation not permitted/) });
});
