/** `do`: a command over a view of the host that it can neither change nor read secrets from. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene, ROOTLESS_ID } from "../scene.ts";

const scene = openScene();
const here = scene.makeDirectory("here");
writeFileSync(`${here}/file`, "of the host\n", { mode: 0o644 });

/** Names and change times of the top of the host's tree and of places where an empty mount point might be made. */
function hostListing(): string[] {
  return ["/", "/etc", "/var", "/usr", "/root", "/home", "/mnt"].flatMap((directory) =>
    existsSync(directory) ? readdirSync(directory).sort().map((name) => `${directory}/${name} ${statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.ino ?? "-"}`) : [],
  );
}

describe.each(CALLERS.map((caller) => [caller] as const))("do as %s", (caller) => {
  test("the host's programs are there, its processes are not", async () => {
    const out = await scene.output(["do", "sh", "-c", "echo $$; ls /proc | grep '^[0-9]' | tr '\\n' ' '; test -x /usr/bin/env && echo programs"], { caller });
    expect(out).toMatch(/^2\n1 2 (\d+ ){1,3}programs$/);
  });

  test("homes, temporary files and run-time sockets are empty", async () => {
    expect(await scene.output(["do", "sh", "-c", "ls -A /home /run /var/tmp"], { caller, cwd: "/" })).toBe("/home:\n\n/run:\n\n/var/tmp:");
    expect(await scene.output(["do", "sh", "-c", "ls -A /root /tmp"], { caller, cwd: "/" })).toBe("/root:\n\n/tmp:");
  });

  test("keys and password hashes cannot be read", async () => {
    const paths = ["/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/ssl/private", "/etc/sudoers", "/etc/docker", "/var/log", "/var/backups"];
    const out = await scene.output(["do", "sh", "-c", `for p in ${paths.join(" ")}; do cat $p 2>/dev/null; ls -A $p 2>/dev/null | grep -v "^$p\\$"; done; true`], { caller });
    expect(out).toBe("");
  });

  test("the working directory is there, read-only", async () => {
    const script = "pwd; cat file; touch new 2>/dev/null || echo refused; echo x 2>/dev/null > file || echo refused";
    expect(await scene.output(["do", "sh", "-c", script], { caller, cwd: here })).toBe(`${here}\nof the host\nrefused\nrefused`);
    expect(readdirSync(here)).toEqual(["file"]);
  });

  test("--rw gives it away, and a file made inside belongs to the caller", async () => {
    const own = scene.makeDirectory(`rw-${caller}`);
    expect(await scene.output(["do", "--rw", ".", "sh", "-c", "pwd; echo made > new"], { caller, cwd: own })).toBe(own);
    expect(readFileSync(`${own}/new`, "utf8")).toBe("made\n");
    expect(statSync(`${own}/new`).uid).toBe(statSync(caller === "root" ? "/" : scene.runtime).uid);
  });

  test("--show shows a hidden path read-only, and only that", async () => {
    const shown = scene.makeDirectory("shown");
    const hidden = scene.makeDirectory("hidden");
    writeFileSync(`${shown}/a`, "seen\n");
    const script = `cat ${shown}/a; touch ${shown}/b 2>/dev/null || echo refused; ls ${hidden} 2>/dev/null || echo hidden; pwd`;
    expect(await scene.output(["do", "--show", shown, "sh", "-c", script], { caller, cwd: "/" })).toBe(`seen\nrefused\nhidden\n/`);
    expect(readdirSync(shown)).toEqual(["a"]);
  });

  test("nothing is created on the host, not even a mount point", async () => {
    const before = hostListing();
    const flags = ["--tmpfs", "/pidbox-test/a", "-w", "/pidbox-test/b", "-v", `${here}:/pidbox-test/c`];
    const made = caller === "root" ? flags : [];
    expect(await scene.output(["do", ...made, "sh", "-c", "touch /tmp/x; touch ~/x; pwd"], { caller, cwd: "/" })).toBe(caller === "root" ? "/pidbox-test/b" : "/");
    expect(hostListing()).toEqual(before);
  });

  test("a program is found in the caller's PATH, and gets no other variable that could be a secret", async () => {
    const out = await scene.output(["do", "env"], { caller, cwd: "/", env: { TOKEN: "secret", LANG: "C.UTF-8", SSH_AUTH_SOCK: "/run/x" } });
    expect(new Set(out.split("\n").map((line) => line.split("=")[0]))).toEqual(new Set(["HOME", "LANG", "PATH", "USER"]));
    expect(out).toContain("HOME=/root\n");
  });

  test("there are no capabilities, and no way to get some", async () => {
    const out = await scene.output(["do", "grep", "-E", "^(Cap|NoNewPrivs|Seccomp:)", "/proc/self/status"], { caller });
    expect(out.split("\n").map((line) => line.split("\t")[1])).toEqual([...Array<string>(5).fill("0000000000000000"), "1", "2"]);
  });

  test("there is no network but loopback", async () => {
    const out = await scene.output(["do", "cat", "/proc/self/net/dev"], { caller });
    expect(out.split("\n").slice(2).map((line) => line.split(":")[0]?.trim())).toEqual(["lo"]);
  });
});

needs("root")("copy-on-write: what root writes and removes inside is not so on the host", async () => {
  const before = readFileSync("/etc/passwd", "utf8");
  const script = "echo changed > /etc/passwd && rm -r /usr/share/doc && mkdir /usr/new && cat /etc/passwd && ls -d /usr/new";
  expect(await scene.output(["do", "sh", "-c", script])).toBe("changed\n/usr/new");
  expect(readFileSync("/etc/passwd", "utf8")).toBe(before);
  expect(existsSync("/usr/new")).toBe(false);
  expect(existsSync("/usr/share/doc")).toBe(true);
});

needs("root")("root inside is not root of the host: a directory that only root may enter is not there", async () => {
  const secret = scene.makeDirectory("only-root");
  writeFileSync(`${secret}/key`, "k");
  chmodSync(secret, 0o700);
  expect(await scene.output(["do", "sh", "-c", `cat ${secret}/key 2>/dev/null || echo no`], { cwd: "/" })).toBe("no");
});

needs("root")("a home is hidden wherever it is, but for the working directory in it; keys in a home that is shown are masked", async () => {
  const [home, project] = ["/srv/user", "/srv/user/project"];
  const make = `mkdir -p ${project} ${home}/.ssh && echo key > ${home}/.ssh/id && echo text > ${home}/text && chown -R ${ROOTLESS_ID} ${home}`;
  const enter = `mount -t tmpfs tmpfs /srv && ${make} && cd "$DIRECTORY" && exec "$@"`;
  const before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, "sh"];
  const script = `ls -A ${home}; cat ${home}/.ssh/id 2>/dev/null; pwd`;
  const look = (directory: string): Promise<string> =>
    scene.output(["do", "sh", "-c", script], { caller: "rootless", before, env: { HOME: home, DIRECTORY: directory } });
  expect(await look("/")).toBe("/");
  expect(await look(project)).toBe(`project\n${project}`);
  expect(await look(home)).toBe(`.ssh\nproject\ntext\n${home}`);
});

needs("root")("being in a place that is hidden does not show it", async () => {
  for (const place of ["/run", "/home", "/tmp", "/var/log"]) expect(await scene.output(["do", "sh", "-c", "pwd; ls -A"], { cwd: place })).toBe(place);
});
