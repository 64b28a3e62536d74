/** What depends on the daemon: builds with its default runtime, compose, its sudden death, user namespaces. */
import { mkdirSync, writeFileSync } from "node:fs";
import { type DockerBox } from "./docker.ts";
import { sections } from "./outcome.ts";
import { type Scenario } from "./scenario.ts";

const DOCKERFILE = `FROM box:1
ENV GREETING=hello
RUN echo "$GREETING" >/greeting && id -u && chown 1000:1000 /home/worker
COPY file /srv/file
WORKDIR /srv/work
USER worker
RUN pwd && id -un && touch /home/worker/mine && grep NoNewPrivs /proc/self/status
CMD cat /greeting /srv/file; pwd; id -u
`;

/** The lines that come from the image's own commands. */
function buildOutput(text: string): string[] {
  return text.split("\n").filter((line) => !/^(Sending|Step | ---> |Removing|Successfully|$)/.test(line));
}

/** A daemon whose default runtime is the one that is looked at, with live-restore. */
export const DEFAULTS: readonly Scenario<DockerBox>[] = [
  {
    name: "the default runtime", expected: { default: true, run: { code: 3, out: "hi\n" } },
    async run(box) {
      const run = await box.cli(["run", "--name", box.name, "box:1", "sh", "-c", "echo hi; exit 3"]);
      return { run, default: (await box.inspect("{{.HostConfig.Runtime}}")) === box.runtime };
    },
  },
  {
    name: "build", expected: { code: 0, said: ["0", "/srv/work", "worker", "NoNewPrivs:\t0"], run: { code: 0, out: "hello\ncontext\n/srv/work\n1000\n" }, failed: 4 },
    async run(box) {
      const [context, image] = [`${box.directory}/context`, `${box.name.toLowerCase()}:built`];
      mkdirSync(context);
      writeFileSync(`${context}/Dockerfile`, DOCKERFILE);
      writeFileSync(`${context}/file`, "context\n");
      const { code, out, err } = await box.cli(["build", "--no-cache", "-t", image, context], { env: { DOCKER_BUILDKIT: "0" } });
      const run = await box.cli(["run", "--rm", "--name", box.name, image]);
      await box.cli(["rmi", "-f", image]);
      writeFileSync(`${context}/Dockerfile`, "FROM box:1\nRUN exit 4\n");
      const failed = await box.cli(["build", "--no-cache", context], { env: { DOCKER_BUILDKIT: "0" } });
      return { code, said: buildOutput(out), err, run, failed: failed.code, why: failed.err };
    },
  },
  {
    name: "the daemon is killed and started again", alone: true,
    expected: { running: "true", output: "1\n2\n", code: "6", lost: "exited 5", exec: { code: 0, out: "here\n" }, stopped: "exited 9" },
    async run(box) {
      const wait = "until [ -e /go ]; do sleep 0.05; done";
      await box.start([], `echo 1; ${wait}; echo 2; exit 6`);
      await box.start([], "trap 'exit 9' TERM; while :; do sleep 1000 & wait $!; done", "-stopped");
      await box.start(["-v", `${box.directory}:/d`], "until [ -e /d/go ]; do sleep 0.05; done; exit 5", "-lost");
      const lost = await box.inspect("{{.State.Pid}}", "-lost");
      await box.docker.kill();
      writeFileSync(`${box.directory}/go`, "");
      await box.docker.world.run(["sh", "-c", `while [ -e /proc/${lost} ]; do sleep 0.05; done`]);
      await box.docker.serve();
      const running = await box.inspect("{{.State.Running}}");
      const exec = await box.exec("touch /go; echo here");
      const code = await box.output("wait", box.name);
      const output = (await box.cli(["logs", box.name])).out;
      await box.output("stop", `${box.name}-stopped`);
      const state = "{{.State.Status}} {{.State.ExitCode}}";
      return { running, exec, code, output, lost: await box.inspect(state, "-lost"), stopped: await box.inspect(state, "-stopped") };
    },
  },
  {
    name: "compose", parts: ["compose"], expected: { up: 0, said: "hello\n", services: ["client Exit 0", "server Up"], down: 0 },
    async run(box) {
      const project = `${box.directory}/project`;
      mkdirSync(project);
      writeFileSync(`${project}/docker-compose.yml`, JSON.stringify({
        version: "2.4",
        services: {
          server: { image: "box:1", init: true, read_only: true, tmpfs: ["/srv"], command: ["sh", "-c", "echo hello >/srv/index.html; exec httpd -f -h /srv"], mem_limit: "32m", pids_limit: 50 },
          client: { image: "box:1", depends_on: ["server"], command: ["sh", "-c", "until wget -q -O- http://server/ 2>/dev/null; do sleep 0.05; done"] },
        },
      }));
      const name = box.name.toLowerCase().replace(/[^a-z0-9]/g, "");
      const compose = (...args: readonly string[]): ReturnType<typeof box.cli> => box.compose(["-p", name, "-f", `${project}/docker-compose.yml`, ...args]);
      const up = await compose("up", "-d");
      if (up.code !== 0) throw new Error(up.err);
      await box.docker.until(`${name}_client_1`, "die");
      const said = (await box.cli(["logs", `${name}_client_1`])).out;
      const { out } = await compose("ps");
      const services = out.split("\n").flatMap((line) => /_(client|server)_1 .* (Exit \d+|Up)\b/.exec(line)?.slice(1, 3).join(" ") ?? []).toSorted();
      const down = await compose("down", "-v", "-t", "1");
      return { up: up.code, said, services, down: down.code };
    },
  },
];

/** A daemon that gives each container a user namespace. */
export const REMAPPED: readonly Scenario<DockerBox>[] = [
  {
    name: "all that is seen with a user namespace", expected: { code: 0, err: "", end: [] },
    async run(box) {
      const { code, out, err } = await box.run([], ["look"]);
      return { code, err, ...sections(out) };
    },
  },
  {
    name: "owners of files", expected: { inside: { code: 0, out: "0\n0\n65534\n" }, outside: [100_000, 100_000], denied: { code: 1 } },
    async run(box) {
      const inside = await box.run(["-v", `${box.name}-volume:/v`], "touch /v/x; stat -c %u /v/x /etc/passwd /proc/sys");
      const path = await box.output("volume", "inspect", "--format", "{{.Mountpoint}}", `${box.name}-volume`);
      const owner = await box.docker.cli(["volume", "inspect", "--format", "{{.Mountpoint}}", `${box.name}-volume`]);
      const outside = (await box.docker.world.run(["stat", "-c", "%u %g", `${owner.out.trim()}/x`])).out.trim().split(" ").map(Number);
      await box.output("volume", "rm", `${box.name}-volume`);
      writeFileSync(`${box.directory}/root`, "x\n", { mode: 0o600 });
      return { inside, outside, path: path.replace(/^.*\/volumes/, ""), denied: await box.run(["-v", `${box.directory}:/d`], "cat /d/root") };
    },
  },
  {
    name: "exec in a user namespace", driver: "both", expected: { map: { code: 0, out: "0 100000 65536\n" }, user: { out: "1000\n" } },
    async run(box) {
      await box.start(["-m", "32m"], ["sleep", "1000"]);
      return {
        map: await box.exec("awk '{ print $1, $2, $3 }' /proc/self/uid_map"), user: await box.exec(["id", "-u"], ["-u", "worker"]),
        caps: await box.exec("grep Cap /proc/self/status; cat /proc/self/oom_score_adj"), device: await box.exec("ls -l /dev/null | cut -c1-10; echo x >/dev/null; mknod /dev/x c 1 3"),
      };
    },
  },
  {
    name: "devices and memory filesystems in a user namespace", expected: { code: 0 },
    run: (box) => box.run(["--tmpfs", "/t:size=1m", "--device", "/dev/full", "--read-only"], "touch /t/x; stat -c '%u %g %a' /t /t/x /dev/shm; ls -ln /dev/full | cut -c1-10; echo x >/dev/null; (echo x >/dev/full) 2>&1 || true"),
  },
  {
    name: "the host's user namespace", expected: { code: 0, out: "0 0 4294967295\n" },
    run: (box) => box.run(["--userns", "host"], "awk '{ print $1, $2, $3 }' /proc/self/uid_map"),
  },
  {
    name: "namespaces of another container with a user namespace", expected: { code: 0 },
    async run(box) {
      await box.start(["--ipc", "shareable"], ["sleep", "1000"], "-first");
      return box.run(["--pid", `container:${box.name}-first`, "--network", `container:${box.name}-first`, "--ipc", `container:${box.name}-first`], "cat /proc/1/comm; ls /sys/class/net | sort; id -u");
    },
  },
];
