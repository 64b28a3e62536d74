import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../spec/runtime-config.ts";
import { settleMounts } from "./mount-places.ts";

const bundle = mkdtempSync("/tmp/pidbox-places-");
const root = join(bundle, "rootfs");
afterAll(() => rmSync(bundle, { recursive: true, force: true }));
for (const folder of ["etc", "var", "dev", "real/deep", "proc"]) mkdirSync(join(root, folder), { recursive: true });
writeFileSync(join(root, "etc/hosts"), "");
for (const [path, target] of [
  ["etc/resolv.conf", "../run/systemd/stub.conf"], ["var/run", "/run"], ["var/up", "../../../../etc/new"], ["link", "real"], ["loop", "loop"], ["chain", "link/deep/../none"],
  ["dev/shm", "/run/shm"], ["sys", "/run/sys"], ["etc/out", "/../../../root/none"],
] as const) symlinkSync(target, join(root, path));

const bind = (destination: string): Mount => ({ destination, source: "/x", options: ["bind"] });
const place = (...destinations: readonly string[]): string[] => settleMounts(destinations.map(bind), bundle, root).map(({ destination }) => destination);

describe("settleMounts()", () => {
  test("takes links out, inside the root", () => {
    const table = {
      "/etc/resolv.conf": "/run/systemd/stub.conf", "/var/run/docker.sock": "/run/docker.sock", "/var/up": "/etc/new",
      "/chain/more": "/real/none/more", "/etc/out": "/root/none",
    };
    for (const [from, to] of Object.entries(table)) expect([from, place(from)]).toEqual([from, [to]]);
  });

  test("leaves what can be found or made without links as it is, and links that end nowhere to the kernel", () => {
    const paths = ["/etc/hosts", "/real/deep", "/new/place", "etc/hosts", "/loop", "/loop/x", "/etc/hosts/x"];
    for (const path of paths) expect([path, place(path)]).toEqual([path, [path]]);
    expect(place("/link/deep", "/link/new")).toEqual(["/real/deep", "/real/new"]);
  });

  test("reads no links below a mount of the config, which will hide them", () => {
    expect(place("/dev", "/dev/shm")).toEqual(["/dev", "/dev/shm"]);
    expect(place("/run", "/var/run/shm/x")).toEqual(["/run", "/run/shm/x"]);
    expect(place("/dev/shm")).toEqual(["/run/shm"]);
  });

  test("resolves nothing for what shows the kernel", () => {
    const mounts: Mount[] = [{ destination: "/sys", type: "sysfs" }, { destination: "/var/run/p", type: "proc" }];
    expect(settleMounts(mounts, bundle, root)).toEqual(mounts);
  });

  test("takes relative sources of binds from the bundle, and no others", () => {
    const mounts: Mount[] = [{ ...bind("/a"), source: "data" }, { destination: "/b", type: "tmpfs", source: "tmpfs" }, bind("/c")];
    expect(settleMounts(mounts, bundle, root).map(({ source }) => source)).toEqual([`${bundle}/data`, "tmpfs", "/x"]);
  });

  test("is the same without a root filesystem", () => {
    expect(settleMounts([bind("/a")], bundle, "/nonexistent")).toEqual([bind("/a")]);
  });
});
