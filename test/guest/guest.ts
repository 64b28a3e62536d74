/** Boots the guest once, runs commands in it one after the other, and brings back how each ended. Needs qemu-system-x86_64, by software emulation. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guestImage } from "./image.ts";
import type { GuestImage } from "./image.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A boot takes ten to thirty seconds. Now and then a guest hangs in the emulator; one that says nothing for so long is tried again. */
const SILENCE_LIMIT = 120_000;
/** Seconds for one command; most take a few. */
const COMMAND_LIMIT = 1800;
const MARK = "guest-result";

// Runs in the guest as root. The second serial port carries a line for each command: its name, exit code, and outputs in base64.
// The first tells that the guest lives.
const JOB = `stty -F /dev/ttyS1 raw -echo
exec >/dev/ttyS1 2>&1 </dev/null
export PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
echo "${MARK} up"
cp -a /srv/rootfs /var/rootfs
cd /
while sleep 5; do echo alive >/dev/ttyS0; done &
for check in /srv/checks/*; do
  timeout -k 5 ${COMMAND_LIMIT} sh "$check" >/tmp/out 2>/tmp/err; code=$?
  echo "${MARK} \${check##*/} $code $(base64 -w0 /tmp/out)|$(base64 -w0 /tmp/err)"
done
echo "${MARK} end"
`;

/** Reads what the job wrote. Lines of others (the kernel's) are passed over. */
export function parseResults(text: string): Map<string, Ended> {
  const results = new Map<string, Ended>();
  for (const line of text.split("\n")) {
    const match = new RegExp(`^${MARK} (\\d+) (\\d+) ([^|]*)\\|(.*)$`).exec(line.trimEnd());
    if (match === null) continue;
    const [, name = "", code = "", out = "", err = ""] = match;
    results.set(name, { code: Number(code), out: Buffer.from(out, "base64").toString(), err: Buffer.from(err, "base64").toString() });
  }
  return results;
}

function fill(share: string, commands: readonly string[], files: Readonly<Record<string, string>>): void {
  for (const folder of ["bin", "checks"]) mkdirSync(join(share, folder), { recursive: true });
  writeFileSync(join(share, "job"), JOB);
  commands.forEach((command, i) => writeFileSync(join(share, "checks", String(i).padStart(3, "0")), command));
  for (const [to, from] of Object.entries(files)) Bun.spawnSync(["cp", "-a", from, join(share, to)]);
}

// On a busy machine the emulated timer comes too late for the kernel's check of it, and the kernel gives up.
async function boot(image: GuestImage, folder: string): Promise<Map<string, Ended>> {
  const [results, console] = [join(folder, "results"), join(folder, "console")];
  rmSync(results, { force: true });
  const drive = (file: string, options: string): string[] => ["-drive", `file=${file},format=raw,if=virtio,cache=unsafe,${options}`];
  const child = Bun.spawn(
    [
      "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
      "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3072",
      "-kernel", image.kernel, "-initrd", image.initrd, "-append", "root=/dev/vda rw console=ttyS0 quiet panic=-1 no_timer_check systemd.show_status=0",
      "-serial", `file:${console}`, "-serial", `file:${results}`, "-device", "virtio-rng-pci",
      ...drive(image.disk, "snapshot=on"), ...drive(join(folder, "share"), "readonly=on"),
    ],
    // qemu keeps what the guest writes to its disk there.
    { stdin: "ignore", stdout: "ignore", stderr: "pipe", env: { ...process.env, TMPDIR: folder } },
  );
  let [length, since] = [0, Date.now()];
  const watch = setInterval(() => {
    const now = [results, console].reduce((sum, path) => sum + (existsSync(path) ? statSync(path).size : 0), 0);
    if (now > length) [length, since] = [now, Date.now()];
    else if (Date.now() - since > SILENCE_LIMIT) child.kill(9);
  }, 1000);
  await child.exited;
  clearInterval(watch);
  const text = existsSync(results) ? readFileSync(results, "latin1") : "";
  if (text.includes(`${MARK} end`)) return parseResults(text);
  const said = await new Response(child.stderr).text();
  throw new Error(`the guest ${text.includes(`${MARK} up`) ? "died" : "did not come up"}: ${said}${readFileSync(console, "latin1").slice(-1500)}`);
}

/**
 * Runs shell scripts in one guest, in order. `files` come along: place in the guest's /srv to place here; /srv/rootfs is copied to /var/rootfs.
 * Throws if the image cannot be built, or two guests do not come to the end.
 */
export async function runInGuest(commands: Readonly<Record<string, string>>, files: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, Ended>> {
  const folder = mkdtempSync(join(tmpdir(), "pidbox-guest-"));
  try {
    const share = join(folder, "tree");
    fill(share, Object.values(commands), files);
    const made = Bun.spawnSync(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=0", "-d", share, join(folder, "share"), "320M"]);
    if (!made.success) throw new Error(`mke2fs: ${made.stderr.toString()}`);
    const image = guestImage();
    const ended = await boot(image, folder).catch((error: unknown) => {
      console.error(`guest: once more after ${String(error)}`);
      return boot(image, folder);
    });
    return new Map(Object.keys(commands).map((name, i) => [name, ended.get(String(i).padStart(3, "0")) ?? { code: -1, out: "", err: "the guest did not run it" }]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
