/** What a program gets and how it ends, in containers of docker. */
import { type DockerBox } from "./docker.ts";
import { ORPHAN, sections } from "./outcome.ts";
import { type Scenario } from "./scenario.ts";

/** What the program of a container sees of it all. */
async function look(box: DockerBox, flags: readonly string[]): Promise<unknown> {
  const { code, out, err } = await box.run(flags, ["look"]);
  return { code, err, ...sections(out) };
}

const WHOLE = { code: 0, err: "", end: [] };

export const PROGRAMS: readonly Scenario<DockerBox>[] = [
  { name: "output and success", expected: { code: 0, out: "a b\n", err: "" }, run: (box) => box.run([], ["echo", "a b"]) },
  { name: "both outputs and a failure", expected: { code: 3, out: "out\n", err: "err\n" }, run: (box) => box.run([], "echo out; echo err >&2; exit 3") },
  { name: "input", expected: { code: 0, out: "5\n" }, run: (box) => box.run(["-i"], ["wc", "-c"], { input: "12345" }) },
  { name: "a program that is not there", expected: { code: 127, out: "" }, run: (box) => box.run([], ["nosuch"]) },
  { name: "a path that is not there", expected: { code: 127, out: "" }, run: (box) => box.run([], ["/no/such"]) },
  { name: "a file that is not executable", expected: { code: 126, out: "" }, run: (box) => box.run([], ["/etc/passwd"]) },
  { name: "a directory as a program", expected: { code: 126, out: "" }, run: (box) => box.run([], ["/etc"]) },
  {
    name: "a script without a format",
    expected: { code: 0 },
    async run(box) {
      const { code, out, err } = await box.run([], "printf 'echo hi\\n' >/tmp/x; chmod +x /tmp/x; /tmp/x");
      return { code, out, err, direct: await box.run(["-v", `${box.directory}:/d`, "--entrypoint", "/bin/sh"], ["-c", "printf x >/d/x; chmod +x /d/x; exec /d/x"]) };
    },
  },
  {
    name: "a program killed by its own signal",
    expected: { abrt: { code: 134 }, kill: { code: 137 } },
    async run(box) {
      return { abrt: await box.run(["--init"], "kill -ABRT $$"), kill: await box.run(["--init"], "kill -KILL $$") };
    },
  },
  {
    name: "environment", expected: { code: 0, out: "A=1\nB=two words\nHOME=/home/worker\nHOSTNAME=h\nPATH=/usr/bin:/bin\n" },
    run: (box) => box.run(["-e", "A=1", "-e", "B=two words", "-u", "worker", "-h", "h"], "env | grep -v -e PWD -e SHLVL | sort"),
  },
  { name: "a working directory that is not there", expected: { code: 0, out: "/srv/x/y\n0 755\n" }, run: (box) => box.run(["-w", "/srv/x/y"], "pwd; stat -c '%u %a' .") },
  {
    name: "a working directory that the user must not enter", expected: { runs: { code: 0 } },
    async run(box) {
      return {
        runs: await box.run(["-u", "worker", "-w", "/data"], "pwd"),
        denied: await box.run(["-u", "worker", "-w", "/root", "-v", `${box.directory}:/root/in`], "pwd; ls /root"),
      };
    },
  },
  { name: "a user by name", expected: { code: 0, out: "uid=1000(worker) gid=1000(worker) groups=29(audio),1000(worker)\n" }, run: (box) => box.run(["-u", "worker"], ["id"]) },
  { name: "a user by numbers", expected: { code: 0, out: "uid=4242 gid=4343 groups=4343\n" }, run: (box) => box.run(["-u", "4242:4343"], ["id"]) },
  {
    name: "additional groups", expected: { code: 0, out: "uid=1000(worker) gid=1000(worker) groups=29(audio),44(video),77,1000(worker)\n" },
    run: (box) => box.run(["-u", "worker", "--group-add", "video", "--group-add", "77"], ["id"]),
  },
  { name: "a user that is not there", expected: { code: 125 }, run: (box) => box.run(["-u", "nobodyhere"], ["id"]) },
  { name: "an entry point", expected: { code: 0, out: "-- -n x\n" }, run: (box) => box.run(["--entrypoint", "/bin/echo"], ["--", "-n", "x"]) },
  { name: "all that is seen by default", driver: "both", expected: WHOLE, run: (box) => look(box, []) },
  { name: "all that is seen at a terminal", expected: WHOLE, run: (box) => look(box, ["-t"]) },
  { name: "all that is seen as a user", expected: WHOLE, run: (box) => look(box, ["-u", "worker:audio", "-w", "/tmp"]) },
  { name: "all that is seen read-only", expected: WHOLE, run: (box) => look(box, ["--read-only"]) },
  { name: "all that is seen without a network", expected: WHOLE, run: (box) => look(box, ["--network", "none"]) },
  { name: "all that is seen with the host's namespaces", expected: WHOLE, run: (box) => look(box, ["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"]) },
  { name: "all that is seen with a cgroup namespace", expected: WHOLE, run: (box) => look(box, ["--cgroupns", "private"]) },
  { name: "all that is seen with an init", expected: WHOLE, run: (box) => look(box, ["--init"]) },
  { name: "all that is seen without masks", expected: WHOLE, run: (box) => look(box, ["--security-opt", "systempaths=unconfined"]) },
  { name: "all that is seen without a filter", expected: WHOLE, run: (box) => look(box, ["--security-opt", "seccomp=unconfined"]) },
  {
    name: "an init reaps and forwards", expected: { code: 7, out: "docker-init\nreaped\n" },
    run: (box) => box.run(["--init"], `cat /proc/1/comm; ${ORPHAN}; exit 7`),
  },
  {
    name: "the first process is the program", expected: { code: 0, out: "1 0\nsh\n1\n" },
    run: (box) => box.run([], "echo $$ $PPID; cat /proc/1/comm; set -- /proc/[0-9]*; echo $#"),
  },
];
