import { expect, test } from "bun:test";
import { parsePasswd } from "./users.ts";

test("parsePasswd() takes the first name of a uid and skips what is not an entry", () => {
  const users = parsePasswd("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n# comment\n+::::::\nbad:x:-1:0::/:\nwww:x:33:33::/:\n:x:5:5::/:\n");
  expect([...users]).toEqual([[0, "root"], [33, "www"]]);
});
