import { describe, expect, test } from "bun:test";
import { loadFacts } from "../../test/fixtures/proc/load.ts";
import { HOST_NAMESPACES, type Made, makeFacts, separate } from "../../test/fixtures/proc/synthetic.ts";
import { type Container, discover, type StoredContainer, userMapText } from "./discover.ts";

const ID = "a".repeat(64);
const OTHER = "b".repeat(64);

function row(c: Container): unknown[] {
  const walls = [userMapText(c), c.sharedWithHost.join(), c.unknown.length];
  return [c.id.slice(0, 12), c.name, c.engine, c.initPid, c.processes.length, ...walls, c.supervisor?.name ?? null];
}

describe("discover() on a captured host", () => {
  const containers = discover(loadFacts("host.json"));

  test("finds every container with its engine, PIDs and shared namespaces", () => {
    expect(containers.map(row)).toEqual([
      ["f3363aa098ee", null, "docker", 10493, 1, "host", "user,pid,cgroup,time", 0, "containerd-shim"],
      ["pidns-402653", null, "unshare", 9611, 1, "0->0+1", "net,ipc,uts,cgroup,time", 0, "unshare"],
      ["pidns-402653", null, "bubblewrap", 9612, 2, "0->0+1", "time", 0, "bwrap"],
      ["t-runc", "t-runc", "runc", 10070, 1, "host", "user,cgroup,time", 0, "runc"],
      ["pidns-402653", null, "unknown", 10072, 1, "host", "user,cgroup,time", 0, null],
      ["0055ca1ff1ea", null, "docker", 10429, 2, "host", "user,cgroup,time", 0, "containerd-shim"],
      ["277bca5ad2a2", null, "docker", 10556, 1, "host", "user,cgroup,time", 0, "containerd-shim"],
      ["t-ctr", null, "containerd", 10719, 1, "host", "user,cgroup,time", 0, "containerd-shim"],
      ["t-nspawn", "t-nspawn", "systemd-nspawn", 10751, 1, "host", "user,net,time", 0, "systemd-nspawn"],
      ["t-lxc", "t-lxc", "lxc", 10752, 1, "host", "user,net,time", 0, "lxc-start"],
      ["75698a061e81", "p-plain", "podman", 10789, 1, "host", "user,cgroup,time", 0, "conmon"],
      ["37379b5383c5", null, "docker", 11048, 2, "host", "user,cgroup,time", 0, "containerd-shim"],
      ["pidns-402653", null, "unshare", 11076, 1, "host", "user,cgroup,time", 0, "busybox"],
    ]);
  });

  test("knows what is nested, and what joined another's PID namespace", () => {
    const nested = containers.find((c) => c.initPid === 11076);
    expect(nested).toMatchObject({ depth: 3, parent: containers.find((c) => c.initPid === 11048)?.id as string });
    const joined = containers.find((c) => c.initPid === 10556);
    expect(joined).toMatchObject({ parent: null, pidSharedWith: containers.find((c) => c.initPid === 10429)?.id as string });
  });

  test("dates a container by its first process", () => {
    const docker = containers.find((c) => c.initPid === 10429);
    expect(new Date(docker?.since ?? 0).toISOString()).toBe("2026-11-23T23:37:13.650Z");
  });

  test("an unprivileged caller finds the same containers and is told what is unknown", () => {
    const hidden = discover(loadFacts("host-unprivileged.json"));
    expect(hidden.map((c) => [c.engine, c.initPid, c.processes])).toEqual(containers.map((c) => [c.engine, c.initPid, c.processes]));
    for (const c of hidden) {
      expect(c.unknown).toEqual(["user", "mnt", "net", "ipc", "uts", "cgroup", "time"]);
      expect(userMapText(c)).toMatch(/^(host\?|0->0\+1)$/);
    }
    expect(hidden.find((c) => c.initPid === 11076)?.parent).toBe(hidden.find((c) => c.initPid === 11048)?.id as string);
  });
});

describe("discover()", () => {
  test("takes a process that shares the host's PID namespace for a container only with another root directory", () => {
    const facts = makeFacts(
      [{ pid: 50, namespaces: { ...HOST_NAMESPACES, mnt: 500 } }, { pid: 60, namespaces: { ...HOST_NAMESPACES, mnt: 600 } }],
      new Map([[500, "0:99 /"], [600, "254:0 /"]]),
    );
    expect(discover(facts).map((c) => [c.id, c.sharedWithHost.includes("pid")])).toEqual([["mntns-500", true]]);
  });

  test("splits a shared PID namespace by cgroup, and gives an entered process to the init's container", () => {
    const ns = separate(20);
    const facts = makeFacts([
      { pid: 50, pids: [50, 1], cgroup: `/docker/${ID}`, namespaces: ns },
      { pid: 51, pids: [51, 2], cgroup: `/docker/${OTHER}`, namespaces: ns },
      { pid: 52, pids: [52, 3], namespaces: ns },
    ]);
    expect(discover(facts).map((c) => [c.id, c.processes, c.pidSharedWith])).toEqual([[ID, [50, 52], null], [OTHER, [51], ID]]);
  });

  test("a namespace made inside a container does not take over the container's id, nor does a forged one", () => {
    const facts = makeFacts([
      { pid: 50, pids: [50, 1], cgroup: `/docker/${ID}`, namespaces: separate(20) },
      { pid: 51, parent: 50, pids: [51, 2, 1], cgroup: `/docker/${ID}`, namespaces: separate(21), parentNamespace: 201 },
      { pid: 52, parent: 50, pids: [52, 3, 1], cgroup: `/docker/${OTHER}/docker/${ID}`, namespaces: separate(22), parentNamespace: 201 },
    ]);
    expect(discover(facts).map((c) => [c.id, c.parent])).toEqual([[ID, null], ["pidns-211", ID], ["pidns-221", ID]]);
  });

  test("reports a process in the cgroup but outside the PID namespace, and not the one that started the container", () => {
    const facts = makeFacts([
      { pid: 40, cgroup: `/pidbox/${ID}`, namespaces: HOST_NAMESPACES, name: "supervisor" },
      { pid: 41, cgroup: `/pidbox/${ID}`, namespaces: HOST_NAMESPACES, name: "stray" },
      { pid: 50, parent: 40, pids: [50, 1], cgroup: `/pidbox/${ID}`, namespaces: separate(20) },
    ]);
    const [only, ...rest] = discover(facts);
    expect(rest).toEqual([]);
    expect(only).toMatchObject({ id: ID, engine: "pidbox", strays: [41], processes: [50], supervisor: { pid: 40, name: "supervisor" } });
  });

  test("groups by NSpid and parents where no namespace can be read, and keeps unknown unknown", () => {
    const facts = makeFacts([
      { pid: 50, pids: [50, 1] },
      { pid: 51, parent: 50, pids: [51, 2] },
      { pid: 52, parent: 51, pids: [52, 9] },
      { pid: 60, pids: [60, 1] },
      { pid: 61, parent: 1, pids: [61, 7] },
    ]);
    const found = discover(facts);
    expect(found.map((c) => [c.id, c.processes])).toEqual([["init-50", [50, 51, 52]], ["init-60", [60]], ["init-61", [61]]]);
    for (const c of found) expect([c.sharedWithHost, c.unknown.length]).toEqual([[], 7]);
  });

  test("a process that left its details behind (it ended) is still a container, with everything unknown", () => {
    const facts = { ...makeFacts([{ pid: 50, pids: [50, 1], namespaces: separate(20) }]), details: new Map() };
    expect(discover(facts)[0]).toMatchObject({ initPid: 50, since: null, uidMap: null, unknown: ["user", "mnt", "net", "ipc", "uts", "cgroup", "time"] });
  });

  describe("with pidbox's stored containers", () => {
    const stored: StoredContainer = { id: ID, name: "web", initPid: 50, initStart: 5000, unsafe: ["pid-host"], degraded: ["cgroup"] };
    const init: Made = { pid: 50, pids: [50, 1], namespaces: separate(20) };

    test("joins by id, or by init when there is no cgroup", () => {
      for (const cgroup of [`/pidbox/${ID}`, "/"]) {
        const [found] = discover(makeFacts([{ ...init, cgroup }]), [stored]);
        expect(found).toMatchObject({ id: ID, name: "web", engine: "pidbox", unsafe: ["pid-host"], degraded: ["cgroup"] });
      }
    });

    test("does not take a later process with the same PID, or another engine's, for it", () => {
      expect(discover(makeFacts([init]), [{ ...stored, initStart: 1 }])[0]).toMatchObject({ id: "pidns-201", name: null });
      expect(discover(makeFacts([{ ...init, cgroup: `/docker/${OTHER}` }]), [stored])[0]).toMatchObject({ id: OTHER, engine: "docker" });
    });

    test("lists those that have ended last, those without exit status not at all", () => {
      const gone = discover(makeFacts([]), [{ ...stored, exitCode: 137 }, { ...stored, id: OTHER }]);
      expect(gone.map((c) => [c.id, c.state, c.exitCode])).toEqual([[ID, "exited", 137]]);
    });
  });

  test("finds 1,000 containers of 5 processes with the right PIDs on both sides", () => {
    const processes = Array.from({ length: 1000 }, (_, i): Made[] => {
      const base = 10_000 + i * 5;
      const shared = { cgroup: `/docker/${i.toString(16).padStart(64, "0")}`, namespaces: separate(1000 + i, ["user"]) };
      return Array.from({ length: 5 }, (_, k) => ({ pid: base + k, parent: k === 0 ? 1 : base, pids: [base + k, k + 1], ...shared }));
    }).flat();
    const found = discover(makeFacts(processes));
    expect(found).toHaveLength(1000);
    expect(new Set(found.map((c) => c.id)).size).toBe(1000);
    found.forEach((c, i) => {
      expect([c.initPid, c.processes.length, c.processes[4], c.sharedWithHost.join()]).toEqual([10_000 + i * 5, 5, 10_004 + i * 5, "user"]);
    });
  });
});
