/** Containers and pods of podman. */
import { writeFileSync } from "node:fs";
import { type PodmanBox } from "./podman.ts";
import { ORPHAN, sections, type Ended } from "./outcome.ts";
import { runtimePath, type Scenario } from "./scenario.ts";

const POLITE = "trap 'echo bye; exit 5' TERM; echo up; touch /up; while :; do sleep 1000 & wait $!; done";
const DEAF = "trap '' TERM; touch /up; while :; do sleep 1000; done";
const STATE = "{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.OOMKilled}} {{.State.ExitCode}}";
const SHELL = ["sh", "-c", "echo ready; while read -r line; do eval \"$line\"; done"];

async function look(box: PodmanBox, flags: readonly string[]): Promise<unknown> {
  const { code, out, err } = await box.run(flags, ["look"]);
  const seen = { code, err, ...sections(out) };
  if (!box.podman.rootless) return seen;
  const { mounts = [], cgroups = [] } = sections(out);
  const own = mounts.filter((line) => !/^\/sys\/fs\/cgroup\/\w+ /.test(line));
  return { ...seen, mounts: own, cgroups: cgroups.filter((line) => line.includes(":")), hierarchies: own.length < mounts.length ? "shown" : "hidden" };
}

const WHOLE = { code: 0, err: "", end: [] };

/** What runs as root and as a user. */
export const COMMON: readonly Scenario<PodmanBox>[] = [
  { name: "run", expected: { code: 3, out: "out\n", err: "err\n" }, run: (box) => box.run([], "echo out; echo err >&2; exit 3") },
  {
    name: "programs that cannot start", expected: { missing: { code: 127 }, path: { code: 127 }, denied: { code: 126 }, directory: { code: 126 } },
    async run(box) {
      return {
        missing: await box.run([], ["nosuch"]), path: await box.run([], ["/no/such"]),
        denied: await box.run([], ["/etc/passwd"]), directory: await box.run([], ["/etc"]),
      };
    },
  },
  { name: "input", expected: { code: 0, out: "5\n" }, run: (box) => box.run(["-i"], ["wc", "-c"], { input: "12345" }) },
  { name: "all that is seen by default", driver: "both", expected: WHOLE, run: (box) => look(box, []) },
  {
    name: "all that is seen with options", expected: WHOLE,
    run: (box) => look(
      box,
      ["--read-only", "-u", "worker", "-w", "/tmp", "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN",
        "--security-opt", "no-new-privileges", "-h", "box", "-e", "A=b", "--tmpfs", "/t"],
    ),
  },
  {
    name: "exec", expected: {
      plain: { code: 0, out: "hi\n" }, code: { code: 9 }, missing: { code: 127 }, denied: { code: 126 },
      user: { out: "1000\n" }, input: { out: "text" },
    },
    async run(box) {
      await box.start([], DEAF);
      const input = await box.cli(["exec", "-i", box.name, "cat"], { input: "text" });
      return {
        input, plain: await box.exec(["echo", "hi"]), code: await box.exec("exit 9"),
        missing: await box.exec(["nosuch"]), denied: await box.exec(["/etc/passwd"]),
        user: await box.exec(["id", "-u"], ["-u", "worker"]), status: await box.exec("grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup; cat /proc/self/oom_score_adj; pwd; cat /proc/self/limits"),
        privileged: await box.exec("grep CapEff /proc/self/status", ["-w", "/tmp", "-e", "A=B"]),
      };
    },
  },
  {
    name: "terminals", expected: { run: { code: 6 }, exec: { code: 4 } },
    async run(box) {
      const run = await box.talk(["run", "-it", "--rm", ...box.place(), "localhost/box:1", ...SHELL], [
        [/ready\r\n/, "tty; until stty size 2>/dev/null | grep '33 91'; do :; done\r"], [/\/dev\/pts\/0\r\n33 91\r\n/, "trap 'echo int' INT; cat\r"],
        [/cat\r\n/, "line\r"], [/line\r\nline\r\n/, "\u0003"], [/int\r\n/, "exit 6\r"],
      ]);
      await box.start([], DEAF, "-exec");
      const exec = await box.talk(["exec", "-it", `${box.name}-exec`, ...SHELL], [[/ready\r\n/, "tty\r"], [/\/dev\/pts\/0\r\n/, "exit 4\r"]]);
      return { run, exec };
    },
  },
  {
    name: "stop", expected: { state: "exited false false false 5", logs: { out: "up\nbye\n" } },
    async run(box) {
      await box.start([], POLITE);
      await box.up();
      await box.output("stop", box.name);
      return { state: await box.inspect(STATE), logs: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "stop of a program that does not listen", expected: { state: "exited false false false 137" },
    async run(box) {
      await box.start([], DEAF);
      await box.up();
      await box.output("stop", "-t", "1", box.name);
      return { state: await box.inspect(STATE) };
    },
  },
  {
    name: "kill, wait and start again", expected: { code: "137", again: "running true false false 0", hup: { out: "up\nhup\n" } },
    async run(box) {
      await box.start([], "trap 'echo hup' HUP; echo up; touch /up; while :; do sleep 1000 & wait $!; done");
      await box.up();
      const follow = box.cli(["logs", "-f", box.name]);
      await box.output("kill", "-s", "HUP", box.name);
      await box.holds("[ $(ps -o comm | grep -c '^sleep') -eq 2 ]");
      await box.output("kill", box.name);
      const code = await box.output("wait", box.name);
      const hup = await follow;
      await box.output("start", box.name);
      return { code, hup, again: await box.inspect(STATE) };
    },
  },
  {
    name: "health", expected: { healthy: { code: 0 }, unhealthy: { code: 1 } },
    async run(box) {
      await box.start(["--health-cmd", "cat /health && exit $(cat /code)", "--health-interval", "disable"], "echo fine >/health; echo 0 >/code; touch /up; exec sleep 1000");
      await box.up();
      const healthy = await box.cli(["healthcheck", "run", box.name]);
      await box.exec("echo 1 >/code");
      return { healthy, unhealthy: await box.cli(["healthcheck", "run", box.name]) };
    },
  },
  {
    name: "an init", expected: { code: 7, err: "", out: "podman-init\nreaped\n" },
    run: (box) => box.run(["--init"], `cat /proc/1/comm; ${ORPHAN}; exit 7`),
  },
  {
    name: "copy", expected: { inside: { out: "from outside\n" }, text: "from inside\n" },
    async run(box) {
      await box.start([], DEAF);
      writeFileSync(`${box.directory}/in`, "from outside\n", { mode: 0o644 });
      await box.output("cp", `${box.directory}/in`, `${box.name}:/data/in`);
      const inside = await box.exec("cat /data/in; echo from inside >/data/out");
      await box.output("cp", `${box.name}:/data/out`, `${box.directory}/out`);
      return { inside, text: await Bun.file(`${box.directory}/out`).text() };
    },
  },
  {
    name: "volumes and binds", expected: { bound: { code: 0, out: "host\n" }, readonly: { code: 1 }, volume: { out: "of the image\n" } },
    async run(box) {
      writeFileSync(`${box.directory}/file`, "host\n", { mode: 0o644 });
      const bound = await box.run(["-v", `${box.directory}:/d`], "cat /d/file; touch /d/new");
      const readonly = await box.run(["-v", `${box.directory}:/d:ro`], "touch /d/x");
      return { bound, readonly, volume: await box.run(["-v", "/data"], "cat /data/file"), mount: await box.run(["--mount", "type=tmpfs,dst=/m,tmpfs-size=64k"], "awk '$5 == \"/m\"' /proc/self/mountinfo | cut -d' ' -f5-6") };
    },
  },
  {
    name: "a pod with shared PIDs", driver: "both", expected: { processes: { code: 0, out: "sleep 4321\n" }, first: { code: 0 }, stopped: true },
    async run(box) {
      const pod = `${box.name}-pod`;
      await box.output("pod", "create", "--name", pod, "--share", "pid,ipc,uts", ...box.podman.parent());
      await box.output("run", "-d", "--pod", pod, "--name", box.name, "localhost/box:1", "sh", "-c", "touch /up; exec sleep 4321");
      await box.up();
      const look = (script: string): ReturnType<typeof box.cli> => box.cli([
        "run", "--rm", "--pod", pod, "--name", `${box.name}-second`, "localhost/box:1", "sh", "-c", script,
      ]);
      const processes = await look("ps -o args | grep '^sleep 4321'");
      const first = await look("cat /proc/1/comm; [ $$ -gt 1 ]");
      await box.output("pod", "stop", "-t", "0", pod);
      const state = await box.inspect("{{.State.Running}}");
      return { processes, first, stopped: state === "false" };
    },
  },
  {
    name: "the PIDs of another container", expected: { joined: { code: 0, out: "sleep\nnot first\n" }, missing: { code: 127 } },
    async run(box) {
      await box.start([], "touch /up; exec sleep 1000", "-first");
      await box.up("-first");
      const flags = [`--pid=container:${box.name}-first`];
      return { joined: await box.run(flags, "cat /proc/1/comm; [ $$ -gt 1 ] && echo not first"), missing: await box.run(flags, ["nosuch"]) };
    },
  },
];

/** What needs cgroups: root, or a user whom systemd gives some. */
export const LIMITED: readonly Scenario<PodmanBox>[] = [
  {
    name: "pause and unpause", driver: "both", expected: { paused: "paused", exec: { code: 255 }, running: "running" },
    async run(box) {
      await box.start([], DEAF);
      await box.output("pause", box.name);
      const paused = await box.inspect("{{.State.Status}}");
      const exec = await box.exec(["true"]);
      await box.output("unpause", box.name);
      return { paused, exec, running: await box.inspect("{{.State.Status}}") };
    },
  },
  {
    name: "update", driver: "both", expected: { before: "67108864\n", after: "134217728\n" },
    async run(box) {
      await box.start(["-m", "64m"], DEAF);
      const read = async (): Promise<string> => (await box.exec("cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max")).out;
      const before = await read();
      const said = await box.cli(["update", "--memory", "128m", "--cpus", "0.5", box.name]);
      return { before, said, after: await read() };
    },
  },
];

/** What needs root. */
export const ROOTFUL: readonly Scenario<PodmanBox>[] = [
  { name: "all that is seen with the host's namespaces", expected: WHOLE, run: (box) => look(box, ["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"]) },
  { name: "all that is seen with a cgroup namespace", expected: WHOLE, run: (box) => look(box, ["--cgroupns", "private"]) },
  {
    name: "stats and top", expected: { pids: true, top: "USER COMMAND\nroot sleep 1000" },
    async run(box) {
      await box.start(["-m", "64m"], ["sleep", "1000"]);
      const [limit, pids] = (await box.output("stats", "--no-stream", "--no-reset", "--format", "{{.MemUsage}};{{.PIDs}}", box.name)).split(";");
      const top = (await box.output("top", box.name, "user", "args")).split("\n").map((line) => line.trim().split(/\s+/).join(" ")).join("\n");
      return { pids: Number(pids) >= 1, limit: limit?.split(" / ")[1], top };
    },
  },
  {
    name: "limits", expected: { code: 0 },
    run: (box) => box.run(["-m", "64m", "--pids-limit", "20", "--cpus", "0.5", "--cpuset-cpus", "0"], "cd /sys/fs/cgroup; for f in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpuset/cpuset.cpus memory.max pids.max cpu.max cpuset.cpus; do [ ! -e $f ] || echo $f $(cat $f); done"),
  },
  {
    name: "user namespaces of their own", expected: { inside: { code: 0, out: "0\n" }, own: true },
    async run(box) {
      const map = await box.run(["--userns=auto"], "awk '{ print $1, $3, ($2 >= 1000000) }' /proc/self/uid_map");
      return { inside: await box.run(["--userns=auto"], ["id", "-u"]), own: /^0 \d+ 1\n$/.test(map.out), map };
    },
  },
  {
    name: "a given user namespace", expected: { code: 0, out: "0 500000 1000\n0\n" },
    run: (box) => box.run(["--uidmap", "0:500000:1000", "--gidmap", "0:500000:1000"], "awk '{ print $1, $2, $3 }' /proc/self/uid_map; stat -c %u /data/file"),
  },
  {
    name: "a published port", expected: { published: { code: 0, out: "hello\n" }, bridge: { code: 0, out: "hello\n" } },
    async run(box) {
      await box.start(["--network", "podman", "-p", "127.0.0.1::80"], "echo hello >/index.html; touch /up; exec httpd -f -h / -p 80");
      await box.up();
      await box.holds("netstat -tln | grep -q ':80 '");
      const port = (await box.output("port", box.name, "80")).split(":").at(-1) ?? "";
      const address = await box.inspect("{{.NetworkSettings.IPAddress}}");
      const get = (from: string): Promise<Ended> => box.podman.world.run(["busybox", "wget", "-q", "-O-", `${from}/`], { timeout: 10_000 });
      return { published: await get(`127.0.0.1:${port}`), bridge: await get(address) };
    },
  },
  {
    name: "out of memory", expected: { state: "exited false false 137" },
    async run(box) {
      await box.start(["-m", "16m", "--memory-swap", "16m"], "touch /up; until [ -e /go ]; do sleep 0.05; done; exec dd if=/dev/zero of=/dev/null bs=64M count=1");
      await box.exec("touch /go");
      await box.output("wait", box.name);
      return { state: await box.inspect("{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.ExitCode}}") };
    },
  },
  {
    name: "build", expected: { code: 0, run: { code: 0, out: "hello\n1000\n" } },
    async run(box) {
      const image = `localhost/${box.name.toLowerCase()}`;
      writeFileSync(`${box.directory}/Dockerfile`, "FROM localhost/box:1\nRUN echo hello >/greeting\nUSER worker\nRUN id -u >/tmp/id\nCMD cat /greeting /tmp/id\n");
      const { code, err } = await box.cli([
        "build", "--network", "none", "--runtime", runtimePath(box.runtime), "--cgroup-parent", box.podman.world.parent(box.name), "--ulimit",
        "nofile=1024:1024", "-t", image, box.directory,
      ]);
      const run = await box.cli(["run", "--rm", ...box.place(), image]);
      await box.cli(["rmi", "-f", image]);
      return { code, err: code === 0 ? "" : err, run };
    },
  },
  {
    name: "twenty at once", alone: true, expected: { codes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] },
    async run(box) {
      const all = Array.from({ length: 20 }, (_, i) => box.cli(["run", "--rm", ...box.place(`-${i}`), "localhost/box:1", "sh", "-c", `exit ${i}`]));
      return { codes: (await Promise.all(all)).map(({ code }) => code) };
    },
  },
];

/** What only a user without privileges has. */
export const ROOTLESS: readonly Scenario<PodmanBox>[] = [
  { name: "ids of the user", expected: { code: 0, out: "0 20002 1\n1 300000 65536\n" }, run: (box) => box.run([], "awk '{ print $1, $2, $3 }' /proc/self/uid_map") },
  { name: "the same id inside", expected: { code: 0, out: "20002 20002\n" }, run: (box) => box.run(["--userns=keep-id"], "echo $(id -u) $(id -g)") },
  { name: "all that is seen with the same id", expected: WHOLE, run: (box) => look(box, ["--userns=keep-id"]) },
  { name: "the host's network", expected: { code: 0 }, run: (box) => box.run(["--network", "host"], "ls /sys/class/net | head -n 1; grep -c . /proc/self/mountinfo") },
];
