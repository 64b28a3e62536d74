/** What is done with containers of docker while they run, and how they end. */
import { type DockerBox } from "./docker.ts";
import { until } from "../until.ts";
import { converse, type Step } from "./conversation.ts";
import { normalise, type Ended } from "./outcome.ts";
import { type Scenario } from "./scenario.ts";

/** A program that says `up`, ends with 5 at SIGTERM, and says so. */
const POLITE = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 1000 & wait $!; done";
/** A program that is up and does not listen to SIGTERM. */
const DEAF = "trap '' TERM; echo up; while :; do sleep 1000; done";
const STATE = "{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Error}}";

/** A shell without line editing, whose output is the same each time: it does what each line says. */
const SHELL = ["sh", "-c", "echo ready; while read -r line; do eval \"$line\"; done"];

/** A session of the client at a terminal. */
async function talk(box: DockerBox, args: readonly string[], steps: readonly Step[]): Promise<Ended> {
  const { code, out, err } = await converse(box.docker.clientCommand(args), box.docker.clientEnvironment(), steps);
  return { code, out: normalise(out, { name: box.name }), err };
}

/** The table of `docker top` without its first column. */
function withoutPids(table: string): string {
  return table.split("\n").map((line) => line.trim().split(/\s+/).slice(1).join(" ")).join("\n");
}

export const LIVES: readonly Scenario<DockerBox>[] = [
  {
    name: "exec",
    expected: {
      plain: { code: 0, out: "hi\n", err: "" }, code: { code: 9 }, missing: { code: 126 }, denied: { code: 126 }, killed: { code: 137 },
      user: { out: "1000 1000 29,1000\n" }, place: { out: "/tmp B\n" }, privileged: { code: 0 }, input: { code: 0 },
    },
    async run(box) {
      await box.start(["-e", "A=a", "-u", "0"], DEAF);
      const input = await box.cli(["exec", "-i", box.name, "cat"], { input: "text" });
      return {
        input,
        plain: await box.exec(["echo", "hi"]), code: await box.exec("exit 9"), missing: await box.exec(["nosuch"]), denied: await box.exec(["/etc/passwd"]),
        killed: await box.exec("kill -KILL $$"), user: await box.exec("echo $(id -u) $(id -g) $(id -G | tr ' ' '\\n' | sort -n | paste -sd, -)", ["-u", "worker"]),
        place: await box.exec("pwd; echo $A$B", ["-w", "/tmp", "-e", "A=", "-e", "B=B"]).then((one) => ({ ...one, out: one.out.replace("\n", " ") })),
        status: await box.exec("grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup; cat /proc/self/oom_score_adj; umask; cat /proc/self/limits"),
        privileged: await box.exec(["true"]), directory: await box.exec(["pwd"], ["-w", "/no/such"]), nobody: await box.exec(["id"], ["-u", "absent"]),
      };
    },
  },
  {
    name: "exec of many at once", expected: { codes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
    async run(box) {
      await box.start([], DEAF);
      const all = await Promise.all(Array.from({ length: 10 }, (_, i) => box.exec(`echo ${i}; exit ${i}`)));
      return { codes: all.map(({ code }) => code), outs: all.map(({ out }) => out) };
    },
  },
  {
    name: "exec leaves nothing behind", expected: { after: "1\n", zombies: "0\n" },
    async run(box) {
      await box.start(["--init"], DEAF);
      await box.cli(["exec", "-d", box.name, "sh", "-c", "sleep 0 & sleep 0 & exit"]);
      await box.exec("(sleep 0.01 &) ; (sleep 0.01 &) ; true");
      await box.holds("[ $(ps -o comm | grep -c '^sleep') -eq 1 ]");
      return { after: (await box.exec("ps -o comm | grep -c '^sleep'")).out, zombies: (await box.exec("ps -o stat | grep -c '^Z'")).out };
    },
  },
  {
    name: "processes of an exec", expected: { processes: ["sh", "sleep", "sleep"] },
    async run(box) {
      await box.start([], DEAF);
      await box.output("exec", "-d", box.name, "sleep", "1000");
      await box.holds("[ $(ps -o comm | grep -c '^sleep') -eq 2 ]");
      // The program of that command may be there for a moment yet.
      const look = async (): Promise<string[]> => withoutPids(await box.output("top", box.name, "-o", "pid,comm")).split("\n").slice(1).toSorted();
      return { processes: await until(async () => [await look()].find((names) => names.filter((name) => name === "sh").length === 1), "the end of the first exec") };
    },
  },
  {
    name: "exec at a terminal", expected: { code: 4, err: "" },
    async run(box) {
      await box.start([], DEAF);
      return talk(box, ["exec", "-it", box.name, ...SHELL], [
        [/ready\r\n/, "until stty size 2>/dev/null | grep '33 91'; do :; done; tty; readlink /proc/self/fd/0\r"], [/33 91\r\n\/dev\/pts\/0\r\n\/dev\/pts\/0\r\n/, "exit 4\r"],
      ]);
    },
  },
  {
    name: "run at a terminal", expected: { code: 6, err: "" },
    run: (box) => talk(box, ["run", "-it", "--rm", ...box.place(), "box:1", ...SHELL], [
      [/ready\r\n/, "tty; until stty size 2>/dev/null | grep '33 91'; do :; done; trap 'echo int' INT; cat\r"], [/\/dev\/pts\/0\r\n33 91\r\n/, "line\r"], [/line\r\nline\r\n/, "\u0003"],
      [/int\r\n/, "ls -l /dev/console | cut -c1-24; exit 6\r"],
    ]),
  },
  {
    name: "detach and attach", expected: { detached: 0, attached: 9, state: "running true false false 0" },
    async run(box) {
      const detached = await talk(box, ["run", "-it", ...box.place(), "box:1", ...SHELL], [[/ready\r\n/, "\u0010\u0011"]]);
      const state = await box.inspect(STATE);
      const attached = await talk(box, ["attach", box.name], [[/^/, "\recho he''re\r"], [/here\r\n/, "exit 9\r"]]);
      return { detached: detached.code, attached: attached.code, state };
    },
  },
  {
    name: "logs", expected: { all: { out: "a\nc\n", err: "b\nd\n" }, followed: { out: "a\nc\n" } },
    async run(box) {
      await box.start([], "echo a; echo b >&2; echo c; echo d >&2");
      const followed = await box.cli(["logs", "-f", box.name]);
      return { followed, all: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "stop by SIGTERM", expected: { stopped: "<name>", state: "exited false false false 5", logs: { out: "up\nbye\n" } },
    async run(box) {
      await box.start([], POLITE);
      await box.says("up");
      return { stopped: await box.output("stop", box.name), state: await box.inspect(STATE), logs: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "stop of a program that does not listen", expected: { state: "exited false false false 137" },
    async run(box) {
      await box.start([], DEAF);
      await box.says("up");
      return { stopped: await box.output("stop", "-t", "1", box.name), state: await box.inspect(STATE) };
    },
  },
  {
    name: "stop by another signal", expected: { state: "exited false false false 11", logs: { out: "up\nusr1\n" } },
    async run(box) {
      await box.start(["--stop-signal", "USR1"], "trap 'echo usr1; exit 11' USR1; echo up; while :; do sleep 1000 & wait $!; done");
      await box.says("up");
      return { stopped: await box.output("stop", box.name), state: await box.inspect(STATE), logs: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "kill", expected: { state: "exited false false false 137", again: { code: 1 } },
    async run(box) {
      await box.start([], DEAF);
      await box.output("kill", box.name);
      await box.until("die");
      return { state: await box.inspect(STATE), again: await box.cli(["kill", box.name]) };
    },
  },
  {
    name: "kill with signals", expected: { logs: { out: "up\nhup\n" }, running: "running true false false 0", state: "exited false false false 137" },
    async run(box) {
      await box.start([], "trap 'echo hup' HUP; echo up; while :; do sleep 1000 & wait $!; done");
      await box.says("up");
      await box.output("kill", "-s", "HUP", box.name);
      await box.says("hup");
      const logs = await box.cli(["logs", box.name]);
      await box.output("kill", "-s", "SEGV", box.name);
      // SEGV from outside does not end a first process that has no handler for it.
      const running = await box.inspect(STATE);
      await box.output("kill", "-s", "9", box.name);
      await box.until("die");
      return { logs, running, state: await box.inspect(STATE) };
    },
  },
  {
    name: "wait", expected: { code: "7" },
    async run(box) {
      await box.start([], "trap 'exit 7' TERM; echo up; while :; do sleep 1000 & wait $!; done");
      await box.says("up");
      const waiting = box.output("wait", box.name);
      await box.output("kill", "-s", "TERM", box.name);
      return { code: await waiting };
    },
  },
  {
    name: "pause and unpause", driver: "both",
    expected: { paused: "paused true true false 0", running: "running true false false 0", exec: { code: 1 }, twice: { code: 1 }, unpaused: { code: 1 }, after: { out: "hi\n" } },
    async run(box) {
      await box.start([], DEAF);
      await box.output("pause", box.name);
      const paused = await box.inspect(STATE);
      const [exec, twice, top] = [
        await box.exec(["true"]), await box.cli(["pause", box.name]),
        await box.output("top", box.name, "-o", "pid,comm,stat").then(withoutPids),
      ];
      await box.output("unpause", box.name);
      return {
        paused, exec, twice, top, running: await box.inspect(STATE), unpaused: await box.cli(["unpause", box.name]),
        after: await box.exec(["echo", "hi"]),
      };
    },
  },
  {
    name: "stop of a paused container", expected: { state: "exited false false false 137" },
    async run(box) {
      await box.start([], DEAF);
      await box.output("pause", box.name);
      await box.output("kill", box.name);
      await box.until("die");
      return { state: await box.inspect(STATE) };
    },
  },
  {
    name: "top", expected: { table: "COMMAND USER\nsh root\nsleep root" },
    async run(box) {
      await box.start([], "sleep 1000; exit 1");
      await box.holds("pidof sleep");
      return { table: withoutPids(await box.output("top", box.name, "-o", "pid,comm,user")), all: (await box.output("top", box.name)).split("\n").length };
    },
  },
  {
    name: "stats", driver: "both", expected: { limit: "64MiB", pids: "1", used: true },
    async run(box) {
      await box.start(["-m", "64m", "--network", "none"], ["sleep", "1000"]);
      const [name, memory = "", pids] = (await box.output("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", box.name)).replaceAll(" / ", "/").split(" ");
      const [used = "", limit] = memory.split("/");
      return { name, limit, pids, used: Number.parseFloat(used) > 0 };
    },
  },
  {
    name: "update", driver: "both", expected: { before: "33554432", after: "67108864", pids: "33" },
    async run(box) {
      await box.start(["-m", "32m", "--memory-swap", "32m"], DEAF);
      const read = async (...files: readonly string[]): Promise<string> => (await box.exec(`cd /sys/fs/cgroup; for f in ${files.join(" ")}; do cat $f 2>/dev/null; done`)).out.trim();
      const memory = ["memory/memory.limit_in_bytes", "memory.max"];
      const before = await read(...memory);
      const said = await box.cli([
        "update", "-m", "64m", "--memory-swap", "64m", "--pids-limit", "33", "--cpus", "0.5", "--cpuset-cpus", "0",
        "--cpu-shares", "512", box.name,
      ]);
      return {
        said, before, after: await read(...memory), pids: await read("pids/pids.max", "pids.max"), set: await read("cpuset/cpuset.cpus", "cpuset.cpus"),
        cpu: await read("cpu/cpu.cfs_quota_us", "cpu/cpu.shares", "cpu.max", "cpu.weight"),
      };
    },
  },
  {
    name: "copy", expected: { there: { code: 0 }, inside: { out: "from outside\n0 0\n" }, back: { code: 0 }, text: "from inside\n", link: { code: 0 } },
    async run(box) {
      await box.start([], DEAF);
      await Bun.write(`${box.directory}/in`, "from outside\n");
      const there = await box.cli(["cp", `${box.directory}/in`, `${box.name}:/data/in`]);
      const inside = await box.exec("cat /data/in; stat -c '%u %g' /data/in; echo from inside >/data/out; ln -s /etc/passwd /data/link");
      const back = await box.cli(["cp", `${box.name}:/data/out`, `${box.directory}/out`]);
      return { there, inside, back, text: await Bun.file(`${box.directory}/out`).text(), link: await box.cli(["cp", "-L", `${box.name}:/data/link`, `${box.directory}/link`]) };
    },
  },
  {
    name: "differences of the filesystem", expected: { code: 0, out: "A /new\nC /data\nD /data/file\n" },
    async run(box) {
      await box.start([], "mkdir /new; rm /data/file");
      await box.until("die");
      const { code, out, err } = await box.cli(["diff", box.name]);
      return { code, err, out: `${out.trim().split("\n").toSorted().join("\n")}\n` };
    },
  },
  {
    name: "inspect", expected: { created: "created false false false 0", running: "running true false false 0", exited: "exited false false false 2", pid: true },
    async run(box) {
      await box.output("create", "--runtime", box.runtime, "--name", box.name, "box:1", "sh", "-c", "trap 'exit 2' TERM; echo up; while :; do sleep 1000 & wait $!; done");
      const created = await box.inspect(STATE);
      await box.output("start", box.name);
      await box.says("up");
      const running = await box.inspect(STATE);
      const pid = Number(await box.inspect("{{.State.Pid}}")) > 1;
      await box.output("stop", box.name);
      return { created, running, pid, exited: await box.inspect(STATE), after: await box.inspect("{{.State.Pid}} {{.RestartCount}} {{.HostConfig.Runtime}}").then((text) => text.split(" ", 2)) };
    },
  },
  {
    name: "start again, twice", driver: "both", expected: { logs: { out: "1\n2\n3\n" }, states: ["exited false false false 1", "exited false false false 2", "exited false false false 3"] },
    async run(box) {
      await box.start([], "n=$(cat /n 2>/dev/null || echo 0); n=$((n + 1)); echo $n | tee /n; exit $n");
      const states: string[] = [];
      for (const times of [1, 2, 3]) {
        await box.until("die", times);
        states.push(await box.inspect(STATE));
        if (times < 3) await box.output("start", box.name);
      }
      return { states, logs: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "restart", expected: { logs: { out: "up\nbye\nup\n" }, state: "running true false false 0" },
    async run(box) {
      await box.start([], POLITE);
      await box.says("up");
      await box.output("restart", box.name);
      await box.holds("[ -e /proc/1/exe ]");
      await box.until("start", 2);
      return { state: await box.inspect(STATE), logs: await box.cli(["logs", box.name]) };
    },
  },
  {
    name: "restart on failure", expected: { count: "2", state: "exited false false false 3" },
    async run(box) {
      await box.start(["--restart", "on-failure:2"], ["sh", "-c", "exit 3"]);
      await box.until("die", 3);
      await box.output("wait", box.name);
      return { count: await box.inspect("{{.RestartCount}}"), state: await box.inspect(STATE) };
    },
  },
  {
    name: "restart always, until it is stopped", expected: { count: true, state: "exited" },
    async run(box) {
      await box.start(["--restart", "always"], "[ -e /once ] && exec sleep 1000; touch /once; exit 0");
      await box.until("start", 2);
      await box.output("stop", "-t", "0", box.name);
      return { count: Number(await box.inspect("{{.RestartCount}}")) === 1, state: await box.inspect("{{.State.Status}}") };
    },
  },
  {
    name: "health", expected: { healthy: "healthy", unhealthy: "unhealthy", log: "0:fine" },
    async run(box) {
      await box.start(["--health-cmd", "cat /health && exit $(cat /code)", "--health-interval", "100ms", "--health-retries", "2"], "echo fine >/health; echo 0 >/code; exec sleep 1000");
      await box.until("health_status: healthy");
      const healthy = await box.inspect("{{.State.Health.Status}}");
      const log = await box.inspect("{{with index .State.Health.Log 0}}{{.ExitCode}}:{{.Output}}{{end}}");
      await box.exec("echo 1 >/code");
      await box.until("health_status: unhealthy");
      return { healthy, unhealthy: await box.inspect("{{.State.Health.Status}}"), log: log.trim() };
    },
  },
  {
    name: "removal of what runs", expected: { refused: { code: 1 }, forced: { code: 0 }, gone: { code: 1 } },
    async run(box) {
      await box.start([], DEAF);
      return { refused: await box.cli(["rm", box.name]), forced: await box.cli(["rm", "-f", box.name]), gone: await box.cli(["inspect", box.name]) };
    },
  },
  {
    name: "rename", expected: { output: "hi\n" },
    async run(box) {
      await box.start([], DEAF, "-old");
      await box.output("rename", `${box.name}-old`, box.name);
      return { output: (await box.exec(["echo", "hi"])).out };
    },
  },
  {
    name: "what is left of children when the first process ends", expected: { state: "exited false false false 0", out: "up\n" },
    async run(box) {
      await box.start([], "sleep 1000 & sleep 1000 & echo up");
      await box.until("die");
      return { state: await box.inspect(STATE), out: (await box.cli(["logs", box.name])).out };
    },
  },
  {
    name: "fifty at once", alone: true, expected: { running: 50, codes: [0], said: 50 },
    async run(box) {
      const names = Array.from({ length: 50 }, (_, i) => `-${i}`);
      await Promise.all(names.map((suffix) => box.start(["--network", "none"], "echo up; exec sleep 1000", suffix)));
      const running = (await box.output("ps", "-q", "--filter", `name=^/${box.name}`)).split("\n").length;
      const execs = await Promise.all(names.map((suffix) => box.cli(["exec", `${box.name}${suffix}`, "hostname"])));
      const logs = await Promise.all(names.map((suffix) => box.cli(["logs", `${box.name}${suffix}`])));
      await box.output("kill", ...names.map((suffix) => `${box.name}${suffix}`));
      return { running, codes: [...new Set(execs.map(({ code }) => code))], said: logs.filter(({ out }) => out === "up\n").length };
    },
  },
];
