/** Tasks of containerd, by ctr. */
import { writeFileSync } from "node:fs";
import { type ContainerdBox } from "./containerd.ts";
import { sections } from "./outcome.ts";
import { type Scenario } from "./scenario.ts";

const SLEEP = "trap 'exit 5' TERM; touch /up; while :; do sleep 1000 & wait $!; done";

export const TASKS: readonly Scenario<ContainerdBox>[] = [
  { name: "run", expected: { code: 3, out: "out\n", err: "err\n" }, run: (box) => box.run([], "echo out; echo err >&2; exit 3") },
  {
    name: "programs that cannot start", expected: { missing: { code: 1 }, denied: { code: 1 } },
    async run(box) {
      return { missing: await box.run([], ["nosuch"]), denied: await box.run([], ["/etc/passwd"]) };
    },
  },
  {
    name: "all that is seen by default", driver: "both", expected: { code: 0, err: "", end: [] },
    async run(box) {
      const { code, out, err } = await box.run([], ["look"]);
      return { code, err, ...sections(out) };
    },
  },
  {
    name: "all that is seen with options", expected: { code: 0, err: "", end: [] },
    async run(box) {
      const { code, out, err } = await box.run(
        [
          "--read-only", "--seccomp", "--cwd", "/tmp", "--env", "A=b", "--cap-add", "CAP_NET_ADMIN", "--cap-drop",
          "CAP_CHOWN", "--allow-new-privs", "--net-host", "--memory-limit", "33554432",
        ], ["look"],
      );
      return { code, err, ...sections(out) };
    },
  },
  {
    name: "a user namespace", expected: { code: 0, out: "0 1000 mapped\n0\n" },
    run(box) {
      // ctr makes a snapshot for each map, and two at once would want to make the same.
      const first = box.runtime === "runc" ? 100_000 : 110_000;
      const script = `awk '{ print $1, $3, $2 == ${first} ? "mapped" : "not mapped" }' /proc/self/uid_map; id -u`;
      return box.run(["--uidmap", `0:${first}:1000`, "--gidmap", `0:${first}:1000`], script);
    },
  },
  {
    name: "a terminal", expected: { code: 4 },
    run: (box) => box.talk(["run", "--rm", ...box.place(), "-t", "docker.io/library/box:1", box.id, "sh", "-c", "read -r line; echo got $line; tty; exit 4"], [[/^/, "word\r"]]),
  },
  {
    name: "exec",
    expected: { plain: { code: 0, out: "hi\n" }, code: { code: 9 }, user: { out: "1000\n" }, cwd: { out: "/tmp\n" }, missing: { code: 1 } },
    async run(box) {
      await box.start([], SLEEP);
      return {
        plain: await box.said(["echo", "hi"]), code: await box.exec("exit 9"), user: await box.said(["id", "-u"], ["--user", "worker"]),
        cwd: await box.said(["pwd"], ["--cwd", "/tmp"]), missing: await box.exec(["nosuch"]), status: await box.said("grep -E '^(Cap|Seccomp|NoNew)' /proc/self/status; cat /proc/self/cgroup"),
      };
    },
  },
  {
    name: "pause and resume", driver: "both", expected: { states: ["RUNNING", "PAUSED", "RUNNING"], exec: { code: 1 }, after: { code: 0 } },
    async run(box) {
      await box.start([], SLEEP);
      await box.holds("[ -e /up ]");
      const states = [await box.state()];
      await box.output("task", "pause", box.id);
      states.push(await box.state());
      const exec = await box.exec(["true"]);
      await box.output("task", "resume", box.id);
      states.push(await box.state());
      return { states, exec, after: await box.exec(["true"]) };
    },
  },
  {
    name: "kill and delete", expected: { refused: { code: 1 }, deleted: { code: 0 }, states: ["RUNNING", "STOPPED", "none"] },
    async run(box) {
      await box.start([], SLEEP);
      await box.holds("[ -e /up ]");
      const states = [await box.state()];
      const refused = await box.ctr(["task", "delete", box.id]);
      await box.output("task", "kill", "-s", "SIGTERM", box.id);
      await box.stopped();
      states.push(await box.state());
      const deleted = await box.ctr(["task", "delete", box.id]);
      states.push(await box.state());
      return { states, refused, deleted };
    },
  },
  {
    name: "kill of all", expected: { deleted: { code: 0 } },
    async run(box) {
      await box.start([], "sleep 1000 & sleep 1000 & exec sleep 1000");
      await box.output("task", "kill", "-a", "-s", "SIGKILL", box.id);
      await box.stopped();
      return { deleted: await box.ctr(["task", "delete", box.id]) };
    },
  },
  {
    name: "kill of what is stopped", expected: { killed: { code: 1 } },
    async run(box) {
      await box.start([], ["true"]);
      await box.stopped();
      return { killed: await box.ctr(["task", "kill", box.id]) };
    },
  },
  {
    name: "processes", expected: { count: 3 },
    async run(box) {
      await box.start([], "sleep 1000 & sleep 1000 & touch /up; wait");
      await box.holds("[ $(ps -o comm | grep -c '^sleep') -eq 2 ]");
      const lines = (await box.output("task", "ps", box.id)).split("\n").slice(1);
      return { count: lines.length };
    },
  },
  {
    name: "metrics", driver: "both", expected: { code: 0, memory: true, pids: true },
    async run(box) {
      await box.start(["--memory-limit", "33554432"], ["sleep", "1000"]);
      const { code, out, err } = await box.ctr(["task", "metrics", box.id]);
      const value = (name: RegExp): string => out.split("\n").find((line) => name.test(line))?.trim().split(/\s+/)[1] ?? "";
      const names = out.split("\n").map((line) => line.split(/\s+/)[0]).filter((name) => name !== "");
      return {
        code, err, memory: Number(value(/^memory\.usage/)) > 0, limit: value(/^memory\.(limit_in_bytes|usage_limit)/),
        pids: Number(value(/^pids\.current/)) > 0, names,
      };
    },
  },
  {
    name: "a namespace to join", expected: { code: 0, out: "same\n" },
    async run(box) {
      await box.start([], ["sleep", "1000"], "-first");
      const line = (await box.output("task", "ls")).split("\n").find((one) => one.startsWith("<id>-first "));
      const pid = line?.trim().split(/\s+/)[1] ?? "";
      const inode = (await box.engine.world.run(["readlink", `/proc/${pid}/ns/ipc`])).out.trim();
      return box.run(["--with-ns", `ipc:/proc/${pid}/ns/ipc`], `[ $(readlink /proc/self/ns/ipc) = '${inode}' ] && echo same`);
    },
  },
  {
    name: "mounts and limits", expected: { code: 0, out: "host\n33554432\nread-only\n" },
    async run(box) {
      writeFileSync(`${box.directory}/file`, "host\n");
      return box.run(
        ["--mount", `type=bind,src=${box.directory},dst=/d,options=rbind:ro`, "--mount", "type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro:nosuid:nodev:noexec", "--memory-limit", "33554432"],
        "cat /d/file; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; touch /d/x 2>/dev/null || echo read-only",
      );
    },
  },
  {
    name: "twenty at once", alone: true, expected: { codes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] },
    async run(box) {
      const all = Array.from({ length: 20 }, (_, i) => box.ctr(["run", "--rm", ...box.place(`-${i}`), "docker.io/library/box:1", `${box.id}-${i}`, "sh", "-c", `exit ${i}`]));
      return { codes: (await Promise.all(all)).map(({ code }) => code) };
    },
  },
];
