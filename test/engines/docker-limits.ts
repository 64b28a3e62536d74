/** Limits of containers of docker, seen from inside. */
import { type DockerBox } from "./docker.ts";
import { type Scenario } from "./scenario.ts";

/** Prints files of the container's cgroup that are there, of version 1 or 2, each with its name. */
function files(...names: readonly string[]): string {
  return `cd /sys/fs/cgroup; for f in ${names.join(" ")}; do [ ! -e $f ] || echo $(basename $f) $(cat $f); done`;
}

export const LIMITS: readonly Scenario<DockerBox>[] = [
  {
    name: "memory", driver: "both", expected: { limit: { code: 0 }, first: "67108864" },
    async run(box) {
      const names = ["memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes", "memory/memory.soft_limit_in_bytes", "memory/memory.swappiness", "memory.max", "memory.swap.max", "memory.low"];
      const limit = await box.run(["-m", "64m", "--memory-reservation", "32m"], files(...names));
      return {
        limit, first: limit.out.split(/\s/)[1],
        swap: await box.run(["-m", "64m", "--memory-swap", "128m"], files(...names)),
        none: await box.run([], files(...names)),
      };
    },
  },
  // Not with systemd, which may take the cgroup away before the shim has read that there was an end of memory, with any runtime (containerd#12714).
  {
    name: "out of memory", expected: { state: "true 137" },
    async run(box) {
      // The shim listens for it a moment after the start.
      await box.start(["-m", "16m", "--memory-swap", "16m"], "until [ -e /go ]; do sleep 0.05; done; exec dd if=/dev/zero of=/dev/null bs=64M count=1");
      await box.exec("touch /go");
      await box.until("die");
      await box.until("oom");
      return { state: await box.inspect("{{.State.OOMKilled}} {{.State.ExitCode}}") };
    },
  },
  {
    name: "out of memory in a child", driver: "both", expected: { code: 0, out: "137\n" },
    run: (box) => box.run(["-m", "16m", "--memory-swap", "16m"], "dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; echo $?"),
  },
  {
    name: "processors", driver: "both", expected: { code: 0 },
    run: (box) => box.run(
      ["--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "1", "--cpuset-mems", "0"],
      `grep Cpus_allowed_list /proc/self/status; ${files("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpu/cpu.shares", "cpuset/cpuset.cpus", "cpuset/cpuset.mems", "cpu.max", "cpu.weight", "cpuset.cpus")}`,
    ),
  },
  {
    name: "processors by period and quota", expected: { code: 0 },
    run: (box) => box.run(["--cpu-period", "50000", "--cpu-quota", "20000"], files("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpu.max")),
  },
  { name: "a processor that the machine lacks", expected: { code: 125 }, run: (box) => box.run(["--cpuset-cpus", "999"], ["true"]) },
  {
    name: "number of processes", driver: "both", expected: { limit: { code: 0, out: "pids.max 20\n" }, full: { code: 2 } },
    async run(box) {
      const fork = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all";
      return {
        limit: await box.run(["--pids-limit", "20"], files("pids/pids.max", "pids.max")),
        full: await box.run(["--pids-limit", "5"], fork),
        none: await box.run(["--pids-limit", "-1"], files("pids/pids.max", "pids.max")),
      };
    },
  },
  {
    name: "block devices", driver: "both", expected: { code: 0 },
    run: (box) => box.run(["--device-read-bps", "/dev/loop0:1mb", "--device-write-iops", "/dev/loop0:100"], files("blkio/blkio.throttle.read_bps_device", "blkio/blkio.throttle.write_iops_device", "io.max")),
  },
  {
    name: "resource limits", expected: { set: { code: 0, out: "128\n256\n0\n33\n" }, raised: { code: 125 } },
    async run(box) {
      return {
        set: await box.run(["--ulimit", "nofile=128:256", "--ulimit", "core=0", "--ulimit", "nproc=33:44"], "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -u 2>/dev/null || awk '/Max processes/ { print $3 }' /proc/self/limits"),
        raised: await box.run(["--ulimit", "nofile=90000:90000"], ["true"]),
      };
    },
  },
  { name: "score of the killer for memory", expected: { code: 0, out: "500\n" }, run: (box) => box.run(["--oom-score-adj", "500"], ["cat", "/proc/self/oom_score_adj"]) },
  { name: "no killer for memory", expected: { code: 0 }, run: (box) => box.run(["-m", "32m", "--oom-kill-disable"], files("memory/memory.oom_control")) },
  { name: "a cgroup's parent", driver: "both", expected: { code: 0 }, run: (box) => box.run(["--cgroup-parent", box.docker.world.parent("deep")], "sed 's/^[0-9]*://' /proc/self/cgroup") },
  {
    name: "kernel memory and a bad limit", expected: { small: { code: 125 } },
    run: async (box) => ({ small: await box.run(["-m", "1m"], ["true"]), least: await box.run(["-m", "6m"], ["true"]) }),
  },
];
