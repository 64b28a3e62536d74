/** Networks and shared namespaces of containers of docker. */
import { type DockerBox } from "./docker.ts";
import { type Scenario } from "./scenario.ts";

const SERVE = "echo hello >/index.html; echo up; exec httpd -f -h / -p 80";

export const NETWORKS: readonly Scenario<DockerBox>[] = [
  {
    name: "a published port", expected: { bridge: { code: 0, out: "hello\n" }, tcp: true },
    async run(box) {
      await box.start(["-p", "127.0.0.1::80"], SERVE);
      await box.says("up");
      const port = (await box.output("port", box.name, "80")).split(":").at(-1) ?? "";
      await box.holds("netstat -tln | grep -q ':80 '");
      const bridge = await box.docker.world.run(["busybox", "wget", "-q", "-O-", `127.0.0.1:${port}/`]);
      return { bridge, tcp: (await box.inspect("{{json .NetworkSettings.Ports}}")).includes(`"HostPort":"${port}"`) };
    },
  },
  {
    name: "containers on a bridge", expected: { code: 0, out: "hello\n" },
    async run(box) {
      const network = `${box.name}-net`;
      await box.output("network", "create", network);
      try {
        await box.start(["--network", network, "--network-alias", "server"], SERVE, "-server");
        await box.holds("netstat -tln | grep -q ':80 '", "-server");
        return await box.run(["--network", network], "wget -q -O- http://server/");
      } finally {
        await box.close();
        await box.output("network", "rm", network);
      }
    },
  },
  {
    name: "no network", expected: { code: 0, out: "lo\n" },
    run: (box) => box.run(["--network", "none"], "ls /sys/class/net; ip addr show lo | grep -q 127.0.0.1; ping -c 1 -W 1 10.0.0.1 >/dev/null 2>&1 && echo out; true"),
  },
  {
    name: "the host's network", expected: { same: true },
    async run(box) {
      const inside = await box.run(["--network", "host"], ["readlink", "/proc/self/ns/net"]);
      const host = await box.docker.world.run(["readlink", "/proc/self/ns/net"]);
      return { same: inside.out === host.out, code: inside.code, hostname: await box.run(["--network", "host"], "[ $(hostname) = $(cat /etc/hostname) ] && echo same") };
    },
  },
  {
    name: "the network of another container", expected: { code: 0, out: "hello\nsame\n" },
    async run(box) {
      await box.start([], SERVE, "-server");
      await box.holds("netstat -tln | grep -q ':80 '", "-server");
      const id = (await box.docker.cli(["exec", `${box.name}-server`, "readlink", "/proc/self/ns/net"])).out.trim();
      return box.run(["--network", `container:${box.name}-server`], `wget -q -O- 127.0.0.1; [ $(readlink /proc/self/ns/net) = '${id}' ] && echo same`);
    },
  },
  {
    name: "the PIDs of the host", expected: { code: 0, out: "many\n" },
    run: (box) => box.run(["--pid", "host"], "[ $$ -gt 1 ] && [ $(ls -d /proc/[0-9]* 2>/dev/null | wc -l) -gt 3 ] && echo many"),
  },
  {
    name: "the PIDs of another container", driver: "both", expected: { inside: { code: 0, out: "sleep\nnot first\n" }, survivor: "running", alive: true, died: "exited" },
    async run(box) {
      await box.start([], ["sleep", "1000"], "-first");
      const inside = await box.run(["--pid", `container:${box.name}-first`], "cat /proc/1/comm; [ $$ -gt 1 ] && echo not first; (sleep 1000 &) ; exit 0");
      await box.start(["--pid", `container:${box.name}-first`], "echo up; exec sleep 2000");
      const alive = (await box.output("top", `${box.name}-first`)).includes("sleep 1000");
      const stopped = await box.output("kill", box.name);
      await box.until("die");
      const survivor = await box.inspect("{{.State.Status}}", "-first");
      await box.start(["--pid", `container:${box.name}-first`], ["sleep", "3000"], "-second");
      // The death of a namespace's first process is the death of all in it.
      await box.output("kill", `${box.name}-first`);
      await box.docker.until(`${box.name}-second`, "die");
      return { inside, alive, stopped, survivor, died: await box.inspect("{{.State.Status}}", "-second"), code: await box.inspect("{{.State.ExitCode}}", "-second") };
    },
  },
  {
    name: "IPC", expected: { shared: { code: 0, out: "x\n" }, own: { code: 1 } },
    async run(box) {
      await box.start(["--ipc", "shareable"], "echo x >/dev/shm/x; echo up; exec sleep 1000", "-first");
      await box.holds("[ -e /dev/shm/x ]", "-first");
      const script = ["cat", "/dev/shm/x"];
      return {
        shared: await box.run(["--ipc", `container:${box.name}-first`], script), own: await box.run([], script), none: await box.run(["--ipc", "none"], "ls -d /dev/shm /dev/mqueue"),
        private: await box.run(["--ipc", "private"], "df /dev/shm | tail -n 1 | awk '{ print $2 }'"),
      };
    },
  },
  {
    name: "host and domain name", expected: { code: 0, out: "box\nexample.org\nbox\n" },
    run: (box) => box.run(["-h", "box", "--domainname", "example.org"], "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname /etc/hostname"),
  },
  {
    name: "the host's name", expected: { same: true },
    run: async (box) => ({ same: (await box.run(["--uts", "host"], ["hostname"])).out === (await box.docker.world.run(["hostname"])).out }),
  },
  {
    name: "resolver and hosts", expected: { code: 0, out: "nameserver 192.0.2.1\nsearch example.org\n192.0.2.7\tthere\n" },
    run: (box) => box.run(["--dns", "192.0.2.1", "--dns-search", "example.org", "--add-host", "there:192.0.2.7"], "grep -h -E 'nameserver|search' /etc/resolv.conf | sort; grep there /etc/hosts"),
  },
  {
    name: "sysctls", expected: { set: { code: 0, out: "1\n32\n20000\t30001\n" }, host: { code: 125 } },
    async run(box) {
      return {
        set: await box.run(
          ["--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmni=32", "--sysctl", "net.ipv4.ip_local_port_range=20000 30001"],
          "cd /proc/sys; cat net/ipv4/ip_forward kernel/msgmni net/ipv4/ip_local_port_range",
        ),
        host: await box.run(["--sysctl", "kernel.pid_max=1000"], ["true"]), net: await box.run(["--network", "host", "--sysctl", "net.ipv4.ip_forward=1"], ["true"]),
        absent: await box.run(["--sysctl", "net.ipv4.nosuch=1"], ["true"]), invalid: await box.run(["--sysctl", "net.ipv4.ip_forward=none"], ["true"]),
      };
    },
  },
];
