import { expect, test } from "bun:test";
import { bundleOf } from "./facts-declared.ts";

const ID = "ab".padEnd(64, "0");
const MOBY = "/run/containerd/io.containerd.runtime.v2.task/moby";

test("a shim works in a bundle, and those of its other containers are beside it", () => {
  expect(bundleOf(ID, "containerd-shim", ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID], `${MOBY}/${ID}`)).toBe(`${MOBY}/${ID}`);
  expect(bundleOf("second", "containerd-shim", [], `${MOBY}/first`)).toBe(`${MOBY}/second`);
  for (const id of ["../x", "..", "a/b", ""]) expect(bundleOf(id, "containerd-shim", [], `${MOBY}/first`)).toBeUndefined();
});

test("conmon names the bundle", () => {
  expect(bundleOf(ID, "conmon", ["conmon", "-c", ID, "-b", "/var/lib/containers/storage/overlay-containers/x/userdata", "-n", "web"], "/")).toBe("/var/lib/containers/storage/overlay-containers/x/userdata");
  expect(bundleOf(ID, "conmon", ["conmon", "-b", "relative"], "/")).toBeUndefined();
  expect(bundleOf(ID, "conmon", ["conmon", "-b"], "/")).toBeUndefined();
});

test("others name none", () => {
  expect(bundleOf(ID, "bash", ["bash", "-b", "/x"], "/x")).toBeUndefined();
});
