import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseBuildInfo, readProgramVersion, sectionTable, versionIn } from "./program-version.ts";

const text = "path\tgithub.com/opencontainers/runc\nmod\tgithub.com/opencontainers/runc\tv1.3.3\th1:x=\nbuild\t-ldflags=\"-X main.gitCommit=abc -X main.version=1.3.2 -extldflags -static\"\n";

/** Go's .go.buildinfo section with inline strings. */
function section(module: string): Uint8Array {
  const string = (bytes: Uint8Array): number[] => [(bytes.length & 0x7f) | 0x80, bytes.length >> 7, ...bytes];
  const encoder = new TextEncoder();
  const header = [0xff, ...encoder.encode(" Go buildinf:"), 8, 2];
  const padding = Array.from({ length: 32 - header.length }, () => 0);
  const sentinel = "0123456789abcdef";
  return Uint8Array.from([...header, ...padding, ...string(encoder.encode("go1.22.1")), ...string(encoder.encode(`${sentinel}${module}${sentinel}`))]);
}

test("the linker's variable comes before the module", () => {
  expect(versionIn(text)).toBe("1.3.2");
  expect(versionIn("mod\tgithub.com/x/y\tv2.0.1\th1:\n")).toBe("2.0.1");
  expect(versionIn("build\t-ldflags=\"-X github.com/docker/docker/dockerversion.Version=27.1.1 -X github.com/containerd/containerd/version.Revision=1\"\n")).toBe("27.1.1");
  expect(versionIn("mod\tgithub.com/x/y\t(devel)\t\n")).toBeUndefined();
});

test("Go's build information of inline strings", () => {
  expect(parseBuildInfo(section(text))).toBe(text);
  expect(parseBuildInfo(section(text).subarray(0, 60))).toBeUndefined();
  expect(parseBuildInfo(new Uint8Array(100))).toBeUndefined();
});

test("any bytes are no version or one", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    parseBuildInfo(Uint8Array.from([...section("").subarray(0, 32), ...bytes]));
    sectionTable(bytes);
    const header = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, ...bytes]);
    const table = sectionTable(header);
    if (table !== undefined) expect(table.names).toBeLessThan(table.count);
  }));
});

test("files that are no programs have none", () => {
  expect(readProgramVersion("/etc/passwd")).toBeUndefined();
  expect(readProgramVersion("/no/such/file")).toBeUndefined();
  expect(readProgramVersion(process.execPath)).toBeUndefined();
});
