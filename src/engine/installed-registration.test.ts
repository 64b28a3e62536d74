import { expect, test } from "bun:test";
import { CONFIG_PARSERS } from "./installed-config.ts";
import { registration } from "./installed-registration.ts";

test.each(["docker", "containerd", "podman", "cri-o"])("the lines for %s are what its configuration says of a runtime", (engine) => {
  const binary = "/opt/a \"b\"/pidbox-oci";
  const found = registration(engine, binary, ["x"]);
  const parsed = CONFIG_PARSERS[engine]?.(found?.lines.join("\n") ?? "");
  expect(parsed?.runtimes.map(({ name, paths }) => ({ name, paths }))).toEqual([{ name: "pidbox", paths: [binary] }]);
  expect(found?.registered).toEqual(["x"]);
});

test("a runtime, or a program that takes none, is not told", () => {
  for (const name of ["runc", "lxc", "nothing", "constructor"]) expect(registration(name, "/x", [])).toBeUndefined();
});
