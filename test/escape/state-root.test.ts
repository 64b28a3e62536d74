/** The directory of pidbox-oci's state in /tmp, where a user has no XDG_RUNTIME_DIR: another user may have been there first. */
import { afterAll, afterEach, describe, expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exampleConfig } from "../../src/spec/example-config.ts";
import { needs } from "../parts.ts";
import { PIDBOX_OCI, run } from "../oci/runtime.ts";
import type { Result } from "../oci/runtime.ts";

const [VICTIM, ATTACKER] = [200_000 + process.pid, 100_000 + process.pid];
const ROOT = `/tmp/pidbox-oci-${VICTIM}`;
const scene = mkdtempSync("/tmp/pidbox-state-root-");
const ran = join(scene, "ran");
const binary = join(scene, "pidbox-oci");
copyFileSync(PIDBOX_OCI, binary);
for (const path of [scene, binary]) chmodSync(path, 0o755);
writeFileSync(join(scene, "config.json"), JSON.stringify(exampleConfig("1.2.0", true)));
for (const name of ["rootfs", "open"]) mkdirSync(join(scene, name));
chmodSync(join(scene, "open"), 0o777);

afterEach(() => rmSync(ROOT, { recursive: true, force: true }));
afterAll(() => rmSync(scene, { recursive: true, force: true }));

function asVictim(...words: readonly string[]): Result {
  return run("setpriv", [`--reuid=${VICTIM}`, `--regid=${VICTIM}`, "--clear-groups", binary, ...words]);
}

/** A container that has ended, whose poststop hook leaves a mark. */
function plant(root: string): void {
  mkdirSync(join(root, "evil"), { recursive: true });
  for (const path of [root, join(root, "evil")]) chmodSync(path, 0o777);
  const hooks = { poststop: [{ path: "/bin/touch", args: ["touch", ran] }] };
  const config = { ociVersion: "1.2.0", root: { path: "rootfs" }, hooks };
  const state = { version: 1, id: "evil", bundle: scene, rootfs: scene, created: 1, owner: VICTIM, rootless: true, config, cgroups: [] };
  writeFileSync(join(root, "evil/state.json"), JSON.stringify(state));
}

const WORDS = [
  ["delete", "evil"], ["delete", "--force", "evil"], ["list"], ["state", "evil"], ["kill", "evil"], ["exec", "evil", "true"],
  ["create", "--bundle", scene, "new"],
];

describe("a state directory that another user has prepared", () => {
  const places: Readonly<Record<string, () => void>> = {
    "is the attacker's": () => {
      plant(ROOT);
      chownSync(ROOT, ATTACKER, ATTACKER);
    },
    "is the victim's, and all can write it": () => {
      plant(ROOT);
      chownSync(ROOT, VICTIM, VICTIM);
    },
    "is a link to a place of the attacker's": () => {
      plant(join(scene, "open/place"));
      symlinkSync(join(scene, "open/place"), ROOT);
    },
  };
  for (const [name, prepare] of Object.entries(places)) {
    needs("root")(`is not believed where it ${name}`, () => {
      prepare();
      for (const words of WORDS) {
        const { code, out, err } = asVictim(...words);
        expect([words, code > 0, out, err]).toEqual([words, true, "", expect.stringContaining(`${ROOT}\\" is not a directory that only you can write`)]);
      }
      expect(existsSync(ran)).toBe(false);
      expect(asVictim("--version").code).toBe(0);
    });
  }

  needs("root")("cannot be put there once the victim has looked", () => {
    expect(asVictim("list", "--quiet")).toEqual({ code: 0, out: "", err: "" });
    const { uid, mode } = statSync(ROOT);
    expect([uid, mode & 0o7777]).toEqual([VICTIM, 0o700]);
  });
});
