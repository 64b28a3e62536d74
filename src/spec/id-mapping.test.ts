import { expect, test } from "bun:test";
import { hostId } from "./id-mapping.ts";

test("hostId() finds the range that an id is in, and nothing beyond its end", () => {
  const map = [{ containerID: 0, hostID: 1000, size: 1 }, { containerID: 1, hostID: 100_000, size: 10 }];
  expect([0, 1, 10, 11].map((id) => hostId(map, id))).toEqual([1000, 100_000, 100_009, undefined]);
  expect([hostId(undefined, 7), hostId([], 7)]).toEqual([7, undefined]);
});
