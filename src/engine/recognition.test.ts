import { describe, expect, test } from "bun:test";
import { recogniseCgroup, recogniseParent } from "./recognition.ts";

const ID = "0055ca1ff1eae87a6119a90e3e43bfee7c7bfc2ef688afb1fa53ecb57ae31fc8";
const UID = "12345678-9abc-def0-1234-56789abcdef0";
const SLICE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice`;

describe("recogniseCgroup()", () => {
  const cases: readonly (readonly [string, object | undefined])[] = [
    [`/pidbox/${ID}`, { engine: "pidbox", id: ID }],
    [`/user.slice/user-1000.slice/user@1000.service/pidbox-${ID}.scope`, { engine: "pidbox", id: ID }],
    [`/docker/${ID}`, { engine: "docker", id: ID }],
    [`/system.slice/docker-${ID}.scope`, { engine: "docker", id: ID }],
    [`/system.slice/docker-${ID}.scope/init.scope`, { engine: "docker", id: ID }],
    [`/../../docker/${ID}`, { engine: "docker", id: ID }],
    ["/docker/buildkit/abcdefghijklmnopqrstuvwxy", { engine: "docker", id: "abcdefghijklmnopqrstuvwxy" }],
    [`/docker/${"f".repeat(64)}/docker/${ID}`, { engine: "docker", id: ID }],
    [`/custom-parent/${ID}`, { engine: "unknown", id: ID }],
    [`/system.slice/nerdctl-${ID}.scope`, { engine: "containerd", id: ID }],
    [`/machine.slice/libpod-${ID}.scope/container`, { engine: "podman", id: ID }],
    [`/libpod_parent/libpod-${ID}`, { engine: "podman", id: ID }],
    [`/user.slice/x.service/libpod-payload-${ID}`, { engine: "podman", id: ID }],
    [`/machine.slice/libpod-conmon-${ID}.scope`, undefined],
    [`/kubepods/burstable/pod${UID}/${ID}`, { engine: "kubernetes", id: ID, pod: UID }],
    [`/kubepods/pod${UID}/${ID}`, { engine: "kubernetes", id: ID, pod: UID }],
    [`${SLICE}/cri-containerd-${ID}.scope`, { engine: "containerd", id: ID, pod: UID }],
    [`${SLICE}/docker-${ID}.scope`, { engine: "docker", id: ID, pod: UID }],
    [`${SLICE}/crio-${ID}.scope`, { engine: "cri-o", id: ID, pod: UID }],
    [`${SLICE}/crio-conmon-${ID}.scope`, undefined],
    ["/lxc.payload.web", { engine: "lxc", id: "web", name: "web" }],
    ["/lxc.payload/web/init.scope", { engine: "lxc", id: "web", name: "web" }],
    ["/lxc/web", { engine: "lxc", id: "web", name: "web" }],
    ["/lxc.monitor.web", undefined],
    ["/machine.slice/machine-my\\x2dbox.scope/payload", { engine: "systemd-nspawn", id: "my-box", name: "my-box" }],
    ["/machine.slice/systemd-nspawn@web.service/payload", { engine: "systemd-nspawn", id: "web", name: "web" }],
    ["/machine.slice/systemd-nspawn@web.service/supervisor", undefined],
    ["/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", undefined],
    ["/user.slice/app.slice/app-flatpak-org.gnome.Maps-4711.scope", { engine: "bubblewrap", name: "org.gnome.Maps" }],
    ["/system.slice/ssh.service", undefined],
    [`/docker/${ID.toUpperCase()}`, undefined],
    ["/", undefined],
  ];
  for (const [path, expected] of cases) {
    test(path, () => {
      expect(recogniseCgroup(path)).toEqual(expected as never);
    });
  }
});

describe("recogniseParent()", () => {
  const cases: readonly (readonly [string, readonly string[], object | undefined])[] = [
    ["containerd-shim", ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID], { engine: "docker", id: ID }],
    ["containerd-shim", ["/usr/bin/containerd-shim-runc-v2", "-namespace", "default", "-id", "web"], { engine: "containerd", id: "web" }],
    ["containerd-shim", ["containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", ID], { engine: "containerd" }],
    ["conmon", ["/usr/bin/conmon", "-c", ID, "-n", "web", "--exit-dir", "/run/libpod/exits"], { engine: "podman", id: ID, name: "web" }],
    ["conmon", ["conmon", "-c", ID, "-n", "k8s_web", "--exit-dir", "/var/run/crio/exits"], { engine: "cri-o", id: ID, name: "k8s_web" }],
    ["systemd-nspawn", ["systemd-nspawn", "-D", "/srv/web/", "-M", "box"], { engine: "systemd-nspawn", id: "box", name: "box" }],
    ["systemd-nspawn", ["systemd-nspawn", "-D", "/srv/web/"], { engine: "systemd-nspawn", id: "web", name: "web" }],
    ["bwrap", ["bwrap", "--unshare-all"], { engine: "bubblewrap" }],
    ["unshare", ["unshare", "-pf"], { engine: "unshare" }],
    ["busybox", ["/bin/busybox", "unshare", "-p"], { engine: "unshare" }],
    ["runc", ["runc", "--root", "/x", "run", "web"], { engine: "runc", id: "web", name: "web" }],
    ["lxc-start", ["[lxc monitor] /var/lib/lxc web"], { engine: "lxc", id: "web", name: "web" }],
    ["incusd", ["[lxc monitor] /var/lib/incus/containers web"], { engine: "incus", id: "web", name: "web" }],
    ["lxd", ["[lxc monitor] /var/snap/lxd/common/lxd/containers web"], { engine: "lxd", id: "web", name: "web" }],
    ["bash", ["bash"], undefined],
    ["", [], undefined],
  ];
  for (const [name, command, expected] of cases) {
    test(command.join(" ") || "nothing", () => {
      expect(recogniseParent(name, command)).toEqual(expected as never);
    });
  }
});
