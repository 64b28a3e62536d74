/** Ordinary programs under the strict filter: the ones that are installed must do their daily work. What strict allows, default allows (seccomp.test.ts). */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtinFilter } from "../../src/plan/seccomp-compiled.ts";
import { has, needs } from "../parts.ts";
import type { Part } from "../parts.ts";

const PYTHON = `
import asyncio, multiprocessing, os, socket, subprocess, tempfile, threading
t = threading.Thread(target=lambda: None); t.start(); t.join()
assert subprocess.run(["true"]).returncode == 0
with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); s.accept()
socket.if_nameindex(); os.getrandom(4); os.memfd_create("m"); os.pidfd_open(os.getpid()); os.sendfile; os.setxattr
asyncio.run(asyncio.sleep(0))
with tempfile.TemporaryDirectory() as d: os.mkfifo(d + "/f"); os.symlink("f", d + "/l"); os.rename(d + "/l", d + "/m")
print("done")
`;
const NODE = `
const { Worker } = require("node:worker_threads"); const net = require("node:net"); const { execFileSync } = require("node:child_process");
execFileSync("true");
const server = net.createServer((s) => s.end("x")).listen(0, "127.0.0.1", () => net.connect(server.address().port, "127.0.0.1").on("data", () => {
  server.close(); new Worker("", { eval: true }).on("exit", () => console.log("done")); }));
`;
const SHELL = "set -e; printf 'int main(void){return 0;}' > a.c; printf 'a: a.c\\n\\tcc -pthread -o a a.c\\n' > Makefile; make -j2 >/dev/null; ./a; echo done";
const GIT = "set -e; git init -q r; cd r; echo x > f; git add f; git -c user.name=a -c user.email=a@b commit -qm m; git gc -q; git clone -q . ../c; echo done";
const GO = "set -e; export HOME=$PWD GOFLAGS=-mod=mod; printf 'module m\\n' > go.mod; printf 'package main\\nfunc main(){ c := make(chan int); go func(){ c <- 1 }(); <-c; println() }\\n' > m.go; go run m.go 2>/dev/null; echo done";
const JAVA = "set -e; printf 'class A { public static void main(String[] a) throws Exception { Thread t = new Thread(() -> {}); t.start(); t.join(); } }' > A.java; java A.java; echo done";
const APT = "set -e; apt-get --version >/dev/null; apt-cache policy >/dev/null; dpkg -l >/dev/null; tar cf t.tar /etc/hostname 2>/dev/null; tar xf t.tar; echo done";

const PROGRAMS: readonly { readonly name: string; readonly parts: readonly Part[]; readonly argv: readonly string[] }[] = [
  { name: "python3", parts: ["python"], argv: ["python3", "-c", PYTHON] },
  { name: "node", parts: ["node"], argv: ["node", "-e", NODE] },
  { name: "bun", parts: [], argv: [process.execPath, "-e", NODE] },
  { name: "make and cc", parts: ["make"], argv: ["sh", "-c", SHELL] },
  { name: "git", parts: ["git"], argv: ["sh", "-c", GIT] },
  { name: "go", parts: ["go"], argv: ["sh", "-c", GO] },
  { name: "java", parts: ["java"], argv: ["sh", "-c", JAVA] },
  { name: "apt and dpkg", parts: ["apt"], argv: ["sh", "-c", APT] },
];

describe("under the strict filter", () => {
  let directory = "";
  beforeAll(() => {
    if (!has("cc")) return;
    directory = mkdtempSync(join(tmpdir(), "pidbox-seccomp-"));
    expect(Bun.spawnSync(["cc", "-O1", "-Wall", "-o", join(directory, "confine"), join(import.meta.dir, "confine.c")]).exitCode).toBe(0);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  for (const { name, parts, argv } of PROGRAMS) {
    needs("cc", ...parts)(`${name} works`, () => {
      writeFileSync(join(directory, "filter"), builtinFilter("strict", process.arch === "arm64" ? "arm64" : "x64"));
      const work = mkdtempSync(join(directory, "work-"));
      const run = Bun.spawnSync([join(directory, "confine"), join(directory, "filter"), ...argv], { cwd: work });
      expect(run.stderr.toString()).toBe("");
      expect(run.stdout.toString()).toEndWith("done\n");
      expect(run.exitCode).toBe(0);
    });
  }
});
