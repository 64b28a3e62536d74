import { expect, test } from "bun:test";
import fc from "fast-check";
import { parsePackages } from "./facts-packages.ts";

const STATUS = [
  "Package: adduser",
  "Status: install ok installed",
  "Version: 3.134",
  "",
  "Package: runc",
  "Status: install ok installed",
  "Architecture: amd64",
  "Source: runc-app (1.3.3-0ubuntu1~22.04.2)",
  "Version: 1.3.3-0ubuntu1~22.04.2+b1",
  "Description: Open Container Project - runtime",
  " Version: 9",
  "",
  "Package: crun",
  "Status: deinstall ok config-files",
  "Version: 1.8.1-1",
  "",
].join("\n");

test("what is installed, with its source", () => {
  expect([...parsePackages(STATUS, ["runc", "crun", "podman"]).values()]).toEqual([{ name: "runc", version: "1.3.3-0ubuntu1~22.04.2", source: "runc-app" }]);
  expect(parsePackages(STATUS, ["adduser"]).get("adduser")).toEqual({ name: "adduser", version: "3.134", source: "adduser" });
});

test("any text", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    expect(parsePackages(`Package: runc\n${text}`, ["runc"]).size).toBeLessThan(2);
  }));
});
