/**
 * Builds build/launcher (C), build/launcher-image.ts (the same bytes, for import), dist/pidbox and dist/pidbox-oci. Builds only what changed.
 * Run: bun tools/build.ts [--launcher-only]
 */
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { graft } from "./graft.ts";

const ROOT = join(import.meta.dir, "..");
const LAUNCHER = "build/launcher";
const LAUNCHER_IMAGE = "build/launcher-image.ts";
const FRONT = "build/front";
const BINARY = "dist/pidbox";
/** The same file under the name by which engines call it: src/cli/main.ts goes by the name. */
const OCI_BINARY = "dist/pidbox-oci";
/** Bytes; the launcher is copied into memory at every start. */
export const LAUNCHER_LIMIT = 64 * 1024;

// No libc, no start files, nothing that the loader or an unwinder would need: launcher.ld places what is left.
const CC_FLAGS = [
  "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-nostartfiles", "-ffreestanding", "-fno-pie", "-no-pie", "-s",
  "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-Wl,--build-id=none", "-Wl,-z,norelro",
];

// Splitting keeps each verb in a chunk of its own that loads when it is used: 25 verbs cost 0.2 ms at start, bundled together 0.9 ms.
// The autoload switches matter for safety: without them the binary runs code that the current directory names.
const BUN_FLAGS = [
  "build", "--compile", "--minify", "--bytecode", "--format=esm", "--splitting", "--target=bun", "--compile-jit-policy=100",
  "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig", "--no-compile-autoload-tsconfig", "--no-compile-autoload-package-json",
];

function fail(message: string): never {
  console.error(`build: ${message}`);
  process.exit(1);
}

function run(command: readonly string[]): string {
  const result = Bun.spawnSync([...command], { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  if (result.exitCode !== 0) fail(`${command[0]} exited with ${result.exitCode}:\n${result.stderr.toString()}${result.stdout.toString()}`);
  return result.stdout.toString().trim();
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A hash of everything that the result depends on. */
function digest(files: readonly string[], words: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const word of [Bun.version, Bun.revision, ...words]) hash.update(`${word}\0`);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** Runs `make` unless `target` exists and was made from the same inputs. Returns whether it ran. */
function whenChanged(target: string, inputs: string, make: () => void): boolean {
  const stamp = join(ROOT, `build/${target.replaceAll("/", "-")}.stamp`);
  if (existsSync(join(ROOT, target)) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return false;
  make();
  writeFileSync(stamp, inputs);
  return true;
}

/** Replaces `target` at once, so that whoever runs the old file keeps it whole. */
function place(temporary: string, target: string): void {
  renameSync(join(ROOT, temporary), join(ROOT, target));
}

function buildLauncher(): void {
  const compiler = process.env["CC"] ?? "cc";
  const version = run([compiler, "--version"]).split("\n")[0] ?? "";
  const inputs = digest(filesBelow("launcher"), [version, ...CC_FLAGS]);
  whenChanged(LAUNCHER_IMAGE, inputs, () => {
    const temporary = `${LAUNCHER}.${process.pid}`;
    run([compiler, ...CC_FLAGS, "-T", "launcher/launcher.ld", "launcher/launcher.c", "-o", temporary]);
    const bytes = readFileSync(join(ROOT, temporary));
    if (bytes.length > LAUNCHER_LIMIT) fail(`the launcher has ${bytes.length} bytes; the limit is ${LAUNCHER_LIMIT}`);
    place(temporary, LAUNCHER);
    // Base64 is the cheapest form at start: 35 us to decode, where a literal of numbers makes the bytecode larger by more than that.
    const text = `/** The launcher's ELF file in base64. Written by tools/build.ts: do not edit. */\nexport const LAUNCHER_BASE64 =\n  "${bytes.toString("base64")}";\n`;
    writeFileSync(join(ROOT, `${LAUNCHER_IMAGE}.${process.pid}`), text);
    place(`${LAUNCHER_IMAGE}.${process.pid}`, LAUNCHER_IMAGE);
    console.log(`${LAUNCHER}: ${bytes.length} bytes`);
  });
}

/** What runs in the executable before Bun: launcher/front.c as one piece. Only x86-64 has it; elsewhere everything goes through Bun. */
function buildFront(): boolean {
  if (process.arch !== "x64") return false;
  const compiler = process.env["CC"] ?? "cc";
  const inputs = digest(filesBelow("launcher"), [run([compiler, "--version"]).split("\n")[0] ?? "", ...CC_FLAGS]);
  whenChanged(FRONT, inputs, () => {
    const temporary = `${FRONT}.${process.pid}`;
    run([compiler, ...CC_FLAGS, "-T", "launcher/front.ld", "-Wl,--oformat=binary", "launcher/front.c", "-o", temporary]);
    place(temporary, FRONT);
  });
  return true;
}

/** The commit that the tree is at, with `+` if it has changes, or undefined outside of a git work tree. */
function commit(): string | undefined {
  const git = (...words: string[]) => Bun.spawnSync(["git", ...words], { cwd: ROOT, stdout: "pipe", stderr: "ignore" });
  if (Bun.which("git") === null || git("rev-parse", "--show-prefix").stdout.toString().trim() !== "") return undefined;
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.exitCode !== 0) return undefined;
  const dirty = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
  return head.stdout.toString().trim() + (dirty ? "+" : "");
}

function buildBinary(): void {
  const id = commit();
  const front = buildFront() ? [join(ROOT, FRONT), join(ROOT, "tools/graft.ts")] : [];
  const sources = [...filesBelow("src"), join(ROOT, "package.json"), join(ROOT, LAUNCHER_IMAGE), ...front];
  const commitDefine = id === undefined ? [] : ["--define", `PIDBOX_COMMIT=${JSON.stringify(id)}`];
  const defines = [...commitDefine, "--define", `PIDBOX_BUILD=${JSON.stringify(digest(sources, BUN_FLAGS))}`];
  const inputs = digest(sources, [...BUN_FLAGS, ...defines]);
  const built = whenChanged(BINARY, inputs, () => {
    const temporary = `${BINARY}.${process.pid}`;
    run([process.execPath, ...BUN_FLAGS, ...defines, "src/cli/main.ts", "--outfile", temporary]);
    if (front[0] !== undefined) writeFileSync(join(ROOT, temporary), graft(readFileSync(join(ROOT, temporary)), readFileSync(front[0])));
    place(temporary, BINARY);
  });
  const same = existsSync(join(ROOT, OCI_BINARY)) && statSync(join(ROOT, OCI_BINARY)).ino === statSync(join(ROOT, BINARY)).ino;
  if (!same) {
    linkSync(join(ROOT, BINARY), join(ROOT, `${OCI_BINARY}.${process.pid}`));
    place(`${OCI_BINARY}.${process.pid}`, OCI_BINARY);
  }
  if (built) console.log(`${BINARY}: ${(statSync(join(ROOT, BINARY)).size / 2 ** 20).toFixed(1)} MiB`);
}

if (import.meta.main) {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  buildLauncher();
  if (!process.argv.includes("--launcher-only")) buildBinary();
}
