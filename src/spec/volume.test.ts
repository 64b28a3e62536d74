import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { parseDevice, parseMount, parseTmpfs, parseVolume } from "./volume.ts";

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof PidboxError ? error.code : String(error);
  }
  return "nothing was thrown";
}

const bind = (source: string, destination: string, options: string[], relabel = "no"): object => ({ kind: "bind", source, destination, options, relabel });

describe("parseVolume()", () => {
  const GOOD: [string, object][] = [
    ["/a:/b", bind("/a", "/b", ["rbind", "rprivate"])],
    ["./a:/b:ro", bind("./a", "/b", ["rbind", "rprivate", "ro", "rro"])],
    [".:/b/", bind(".", "/b", ["rbind", "rprivate"])],
    ["/a://b//./c:rw", bind("/a", "/b/c", ["rbind", "rprivate"])],
    ["/a:/b:ro,Z,rslave,noexec", bind("/a", "/b", ["rbind", "rslave", "noexec", "ro", "rro"], "private")],
    ["/a:/b:bind,ro,cached,z", bind("/a", "/b", ["bind", "rprivate", "ro"], "shared")],
    ["/a:/proc/meminfo", bind("/a", "/proc/meminfo", ["rbind", "rprivate"])],
    ["data:/b:ro", { kind: "volume", name: "data", destination: "/b", options: ["ro"] }],
    ["/b", { kind: "volume", name: undefined, destination: "/b", options: [] }],
  ];
  for (const [value, expected] of GOOD) test(`reads ${value}`, () => expect(parseVolume(value)).toEqual(expected as ReturnType<typeof parseVolume>));
  const BAD = [
    "", ":", "a", ":/b", "/a:b", "/a:/", "/a:/b/../c", "/a:/b:x", "/a:/b:ro:z",
    "a/b:/c", "/a\0:/b", "-x:/b", "/a:/.", "~/a:/b", "/a:/proc", "/a:/proc/1", "/a:/./proc//self/attr",
  ];
  for (const bad of BAD) {
    test(`refuses ${JSON.stringify(bad)}`, () => expect(code(() => parseVolume(bad))).toBe("USAGE"));
  }
});

describe("parseMount()", () => {
  const GOOD: [string, object][] = [
    ["type=bind,src=/a,dst=/b", bind("/a", "/b", ["rbind", "rprivate"])],
    ["type=bind,source=/a:c,target=/b,readonly", bind("/a:c", "/b", ["rbind", "rprivate", "ro", "rro"])],
    ["type=bind,src=/a,dst=/b,ro=true,bind-recursive=writable", bind("/a", "/b", ["rbind", "rprivate", "ro"])],
    ["type=bind,src=/a,dst=/b,ro=false,bind-propagation=rshared,bind-nonrecursive", bind("/a", "/b", ["bind", "rshared"])],
    ['type=bind,"src=/a,""b""",dst=/b', bind('/a,"b"', "/b", ["rbind", "rprivate"])],
    ["type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770,readonly", { kind: "tmpfs", destination: "/t", options: ["nosuid", "nodev", "noexec", "size=1048576", "mode=1770", "ro"] }],
    ["src=data,dst=/d", { kind: "volume", name: "data", destination: "/d", options: ["rw"] }],
  ];
  for (const [value, expected] of GOOD) test(`reads ${value}`, () => expect(parseMount(value)).toEqual(expected as ReturnType<typeof parseMount>));
  for (const bad of [
    "", "type=bind", "type=bind,src=/a", "type=bind,dst=/b", "type=x,dst=/b", "type=tmpfs,src=/a,dst=/b", "type=tmpfs,dst=/b,tmpfs-mode=999", "type=bind,src=/a,dst=/b,foo=1",
    "type=bind,src=/a,dst=/b,bind-propagation=x", "dst=/b,tmpfs-size=1m", "type=bind,src=/a,dst=b", 'type=bind,"src=/a,dst=/b', "src=/a,dst=/b", "dst", "type=bind,src=/a,dst=/b,ro=maybe",
    "type=bind,src=/a,dst=/b,__proto__=1", 'dst=/b"x"',
  ]) test(`refuses ${bad}`, () => expect(code(() => parseMount(bad))).toBe("USAGE"));
});

describe("parseTmpfs()", () => {
  test("adds docker's defaults, which later options undo", () => {
    expect(parseTmpfs("/t")).toEqual({ kind: "tmpfs", destination: "/t", options: ["nosuid", "nodev", "noexec"] });
    expect(parseTmpfs("/t:size=64k,mode=755,exec,uid=5").options).toEqual(["nosuid", "nodev", "noexec", "size=65536", "mode=755", "exec", "uid=5"]);
    expect(parseTmpfs("/t:size=50%").options).toContain("size=50%");
  });
  for (const bad of ["", "t", "/", "/t:size=x", "/t:mode=9", "/t:foo", "/t:uid=x", "/t:bind", "/t:mpol=x", "/t:huge=always"]) {
    test(`refuses ${bad}`, () => expect(code(() => parseTmpfs(bad))).toBe("USAGE"));
  }
});

describe("parseDevice()", () => {
  test("reads one to three parts", () => {
    expect(parseDevice("/dev/fuse")).toEqual({ source: "/dev/fuse", destination: "/dev/fuse", access: "rwm" });
    expect(parseDevice("/dev/sda:/dev/x:r")).toEqual({ source: "/dev/sda", destination: "/dev/x", access: "r" });
    expect(parseDevice("/dev/sda:rw")).toEqual({ source: "/dev/sda", destination: "/dev/sda", access: "rw" });
  });
  for (const bad of ["", "dev", "/dev/a:/b:x", "/dev/a:rr", "/dev/a:/b:r:w", "/dev/a:", "/dev/a:/../b", "/dev/a:/b:"]) {
    test(`refuses ${bad}`, () => expect(code(() => parseDevice(bad))).toBe("USAGE"));
  }
});
