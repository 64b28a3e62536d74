/** Who the program is: user, groups, capabilities, and the ids of the host behind them. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene, ROOTLESS_ID } from "../scene.ts";

const scene = openScene();
const ALL = "000001ffffffffff";
/** CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE. */
const RUN = "00000000000005fb";

/** Bounding, effective, inheritable, permitted and ambient sets of the program. */
function capabilities(status: string): Record<string, string> {
  return Object.fromEntries([...status.matchAll(/^Cap(\w+):\t(\w+)$/gm)].map((m) => [m[1] ?? "", m[2] ?? ""]));
}

needs("root")("-u by name, number, with group, and with groups of /etc/group", async () => {
  const id = async (user: string): Promise<string> => scene.output(["run", "-u", user, "@", "sh", "-c", "id -u; id -g; echo $HOME; grep ^Groups /proc/self/status"]);
  expect(await id("worker")).toBe("1000\n1000\n/srv/worker\nGroups:\t29");
  expect(await id("1000")).toBe("1000\n1000\n/srv/worker\nGroups:\t29");
  expect(await id("worker:audio")).toMatch(/^1000\n29\n/);
  expect(await id("7:8")).toMatch(/^7\n8\n\/\n/);
  expect(await id("7")).toMatch(/^7\n0\n/);
});

needs("root")("--group-add by name and number", async () => {
  expect(await scene.output(["run", "--group-add", "audio", "--group-add", "77", "@", "grep", "^Groups", "/proc/self/status"])).toBe("Groups:\t29 77");
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test.each(["nobody-here", "-1", "1:nogroup-here", "4294967295", "1:2:3", "", "root\n"])("-u %j is refused: a number is a number, a name must be there", async (user) => {
    const { code, err } = await scene.run(["run", "-u", user, "@", "true"], { caller });
    expect(err).toMatch(/\[(USAGE|NOT_FOUND|CONFIG_INVALID|PARSE)\]/);
    expect(code).toBe(125);
  });

  test("an id that is not mapped is refused, with what to do", async () => {
    const { code, err } = await scene.run(["run", "-u", "70000", "@", "true"], { caller });
    expect(err).toMatch(/^pidbox: Cannot run as user 70000: this user namespace has no such id \[HOST_UNSUPPORTED\]/);
    expect(code).toBe(125);
  });

  test("run: nine capabilities, inside the user namespace, none that exec keeps on its own", async () => {
    const found = capabilities(await scene.output(["run", "@", "cat", "/proc/self/status"], { caller }));
    expect(found).toEqual({ Inh: "0000000000000000", Prm: RUN, Eff: RUN, Bnd: RUN, Amb: "0000000000000000" });
  });

  test("--cap-drop ALL leaves none, --cap-add gives one back", async () => {
    const dropped = capabilities(await scene.output(["run", "--cap-drop", "ALL", "@", "cat", "/proc/self/status"], { caller }));
    expect(new Set(Object.values(dropped))).toEqual(new Set(["0000000000000000"]));
    const one = capabilities(await scene.output(["run", "--cap-drop", "all", "--cap-add", "cap_chown", "@", "cat", "/proc/self/status"], { caller }));
    expect(one).toMatchObject({ Eff: "0000000000000001", Bnd: "0000000000000001" });
    const added = capabilities(await scene.output(["run", "--cap-add", "NET_RAW", "@", "cat", "/proc/self/status"], { caller }));
    expect(added).toMatchObject({ Eff: "00000000000025fb", Bnd: "00000000000025fb" });
  });

  test("do: none, and --cap-add counts from there", async () => {
    const one = capabilities(await scene.output(["do", "--cap-add", "KILL", "cat", "/proc/self/status"], { caller }));
    expect(one).toMatchObject({ Eff: "0000000000000020", Bnd: "0000000000000020" });
  });

  test("a dangerous capability needs its override, an unknown one is an error", async () => {
    const refused = await scene.run(["run", "--cap-add", "SYS_ADMIN", "@", "true"], { caller });
    expect(refused.err).toMatch(/^pidbox: Refused the capability CAP_SYS_ADMIN: .*\n {2}hint: .*--unsafe=capabilities/);
    expect(refused.code).toBe(125);
    const one = capabilities(await scene.output(["run", "--unsafe=capabilities", "--cap-drop=ALL", "--cap-add", "SYS_ADMIN", "@", "cat", "/proc/self/status"], { caller }));
    expect(one).toMatchObject({ Eff: "0000000000200000" });
    expect((await scene.run(["run", "--cap-add", "SYS_NOTHING", "@", "true"], { caller })).code).toBe(125);
  });

  test("--privileged needs its override; with it all capabilities, and no filter", async () => {
    const refused = await scene.run(["run", "--privileged", "@", "true"], { caller });
    expect(refused.err).toContain("--unsafe=privileged");
    expect(refused.code).toBe(125);
    const status = await scene.output(["run", "--privileged", "--unsafe=privileged", "@", "cat", "/proc/self/status"], { caller });
    const found = capabilities(status);
    expect(found["Eff"]).toBe(found["Bnd"] as string);
    expect(BigInt(`0x${found["Eff"]}`)).toBeGreaterThanOrEqual(BigInt(`0x${ALL}`));
    expect(status).toMatch(/^NoNewPrivs:\t0$/m);
    expect(status).toMatch(/^Seccomp:\t0$/m);
    // Still inside a user namespace of its own.
    expect(await scene.output(["run", "--privileged", "--unsafe=privileged", "@", "cat", "/proc/self/uid_map"], { caller })).not.toMatch(/^\s*0\s+0\s/);
  });
});

needs("root")("a user that is not root has no capabilities in effect, and cannot get them", async () => {
  const found = capabilities(await scene.output(["run", "-u", "1000", "@", "cat", "/proc/self/status"]));
  expect(found).toEqual({ Inh: "0000000000000000", Prm: "0000000000000000", Eff: "0000000000000000", Bnd: RUN, Amb: "0000000000000000" });
});

needs("root")("root inside is an id of the host that no other container has", async () => {
  const held = [1, 2].map(() => scene.hold(["run", "-i", "@", "sh", "-c", "cat /proc/self/uid_map; cat"]));
  const maps = await Promise.all(held.map((one) => one.line()));
  const starts = maps.map((map) => Number(map?.trim().split(/\s+/)[1]));
  for (const start of starts) expect(start).toBeGreaterThanOrEqual(2 ** 30);
  expect(Math.abs((starts[0] ?? 0) - (starts[1] ?? 0))).toBeGreaterThanOrEqual(65536);
  const init = readFileSync(`/proc/${held[0]?.pid}/task/${held[0]?.pid}/children`, "utf8").trim();
  expect(readFileSync(`/proc/${init}/status`, "utf8")).toMatch(new RegExp(`^Uid:\t${starts[0]}\t`, "m"));
  for (const one of held) expect((await one.end()).code).toBe(0);
});

needs("root")("--userns=host needs its override; with it root inside is root outside, with the other layers", async () => {
  expect((await scene.run(["run", "--userns=host", "@", "true"])).err).toContain("--unsafe=userns-host");
  const out = await scene.output(["run", "--userns=host", "--unsafe=userns-host", "@", "sh", "-c", "cat /proc/self/uid_map; grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; stat -c %u /bin/busybox; ls /dev | wc -l"]);
  expect(out.replace(/\s+/g, " ")).toBe("0 0 4294967295 NoNewPrivs: 1 Seccomp: 2 0 14");
  expect(await scene.output(["run", "--userns=auto", "@", "cat", "/proc/self/uid_map"])).not.toMatch(/^\s*0\s+0\s/);
});

/** A private /etc/subuid, /etc/subgid and /etc/passwd, with the caller's name, for whatever runs behind it. */
function withRanges(range: string, name = "sub-user"): string[] {
  writeFileSync(`${scene.directory}/ranges`, `${ROOTLESS_ID}:${range}\n`, { mode: 0o644 });
  writeFileSync(`${scene.directory}/passwd`, `root:x:0:0::/root:/bin/sh\n${name}:x:${name === "" ? 0 : ROOTLESS_ID}:${ROOTLESS_ID}::/:/bin/sh\n`, { mode: 0o644 });
  const binds = [["ranges", "subuid"], ["ranges", "subgid"], ["passwd", "passwd"]];
  const bind = binds.map(([from, to]) => `mount --bind ${scene.directory}/${from} /etc/${to}`).join(" && ");
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", `${bind} && exec "$@"`, "sh"];
}

needs("root", "uidmap")("an unprivileged user with a range in /etc/subuid: its ids are there, by newuidmap", async () => {
  const before = withRanges("300000:65536");
  const script = "cat /proc/self/uid_map; id -u; id -g; touch /x && chown 5:6 /x && stat -c %u:%g /x; cat /proc/self/setgroups";
  expect((await scene.output(["run", "@", "sh", "-c", script], { caller: "rootless", before })).replace(/ +/g, " "))
    .toBe(` 0 ${ROOTLESS_ID} 1\n 1 300000 65535\n0\n0\n5:6\nallow`.trim());
  expect(await scene.output(["run", "-u", "worker", "--group-add", "77", "@", "sh", "-c", "id -u; id -g; grep ^Groups /proc/self/status"], { caller: "rootless", before }))
    .toBe("1000\n1000\nGroups:\t29 77");
  expect((await scene.run(["run", "-u", "65536", "@", "true"], { caller: "rootless", before })).err).toContain("Ids inside go from 0 to 65535");
});

needs("root", "uidmap")("newuidmap that refuses is told as such: it knows no caller without a name", async () => {
  const { code, err } = await scene.run(["run", "@", "true"], { caller: "rootless", before: withRanges("300000:65536", "") });
  expect(err).toMatch(/^newuidmap: .*\npidbox: Cannot map the ids of the container: newuidmap ended with 1 \[HOST_UNSUPPORTED\]/);
  expect(code).toBe(125);
});

needs("root", "uidmap")("a short range is used as far as it goes", async () => {
  const before = withRanges("300000:100");
  expect(await scene.output(["run", "-u", "100:100", "@", "id", "-u"], { caller: "rootless", before })).toBe("100");
  expect((await scene.run(["run", "-u", "101", "@", "true"], { caller: "rootless", before })).err).toContain("has no such id");
});

needs("root")("an unprivileged user without a range is the one id that it has", async () => {
  const { out } = await scene.run(["run", "@", "sh", "-c", "cat /proc/self/uid_map /proc/self/setgroups; touch /x; chown 5 /x 2>&1"], { caller: "rootless" });
  expect(out.replace(/ +/g, " ")).toBe(` 0 ${ROOTLESS_ID} 1\ndeny\nchown: /x: Invalid argument\n`);
  const { err } = await scene.run(["run", "-u", "1000", "@", "true"], { caller: "rootless" });
  expect(err).toContain("usermod --add-subuids");
});
