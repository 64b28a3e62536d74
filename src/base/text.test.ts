import { expect, test } from "bun:test";
import { safeJson } from "./text.ts";

test("safeJson() lets no control or direction-changing character through", () => {
  const hostile = Array.from({ length: 0x3000 }, (_, i) => String.fromCharCode(i)).join("");
  const json = safeJson({ [hostile]: hostile });
  expect(JSON.parse(json)).toEqual({ [hostile]: hostile });
  expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/);
});
