/**
 * `make demo`: the main job, shown. A real process runs as PID 1 of its own namespaces; the host sees it under another PID; the kernel is asked what separates
 * the two. Works as root and as any user; what this host cannot do is said and named on the command line.
 */
import { join } from "node:path";

const PIDBOX = join(import.meta.dir, "../dist/pidbox");
const NAME = `demo-${process.pid}`;
const PROGRAM = 'echo "inside: my PID is $$, I am $(id -un) on $(hostname), and I see $(ls -d /proc/[0-9]* | wc -l) processes"; read line';

function show(...words: readonly string[]): number {
  console.log(`\n$ pidbox ${words.join(" ")}`);
  const result = Bun.spawnSync([PIDBOX, ...words], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  return result.exitCode;
}

/** Flags for a host without cgroups that this user may write: asked of the refusal itself. */
function degraded(): string[] {
  const dry = Bun.spawnSync([PIDBOX, "do", "--explain", "true"], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if (dry.exitCode === 0) return [];
  const text = dry.stderr.toString();
  const flag = /--allow-degraded=[a-z]+/.exec(text)?.[0];
  process.stdout.write(text);
  if (flag === undefined) process.exit(dry.exitCode);
  return [flag];
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return text;
}

const flags = [...degraded(), "--init=false", "--name", NAME, "--hostname", "box"];
console.log(`$ pidbox do ${flags.join(" ")} sh -c '${PROGRAM}' &`);
const box = Bun.spawn([PIDBOX, "do", ...flags, "sh", "-c", PROGRAM], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
const said = await firstLine(box.stdout);
process.stdout.write(said);
let failures = said.startsWith("inside: my PID is 1,") ? 0 : 1;
failures += show("ps", "--filter", `name=${NAME}`) === 0 ? 0 : 1;
failures += show("top", NAME) === 0 ? 0 : 1;
const verified = show("verify", NAME);
// A layer that was left out by name is a finding of verify, and rightly so.
failures += verified === 0 || (verified === 2 && flags.some((flag) => flag.startsWith("--allow-degraded"))) ? 0 : 1;
void box.stdin.end();
const code = await box.exited;
console.log(`\nThe program ended; nothing of it is left: ${Bun.spawnSync([PIDBOX, "ps", "-q", "--filter", `name=${NAME}`]).stdout.toString() === "" ? "true" : "false"}`);
process.exit(failures === 0 && code <= 1 ? 0 : 1);
