import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { MOST_PORTS, parsePublish, parsePublished, publishedText, socketText } from "./publish.ts";

const texts = (text: string): string[] => parsePublish(text).map(publishedText);

function errorOf(action: () => unknown): PidboxError {
  try {
    action();
  } catch (error) {
    if (error instanceof PidboxError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("parsePublish()", () => {
  test.each([
    ["80", ["127.0.0.1:0->80/tcp"]], ["8080:80", ["127.0.0.1:8080->80/tcp"]], ["0:80/tcp", ["127.0.0.1:0->80/tcp"]], [":80/TCP", ["127.0.0.1:0->80/tcp"]],
    ["0.0.0.0:8080:80", ["0.0.0.0:8080->80/tcp"]], ["192.0.2.1::80", ["192.0.2.1:0->80/tcp"]], ["::80", ["127.0.0.1:0->80/tcp"]],
    ["[::1]:80:80", ["[::1]:80->80/tcp"]], ["[::]::80", ["[::]:0->80/tcp"]], ["::1:8080:80", ["[::1]:8080->80/tcp"]], ["[0:0::1]:1:65535", ["[::1]:1->65535/tcp"]],
    ["8000-8002:80-82", ["127.0.0.1:8000->80/tcp", "127.0.0.1:8001->81/tcp", "127.0.0.1:8002->82/tcp"]], ["80-81", ["127.0.0.1:0->80/tcp", "127.0.0.1:0->81/tcp"]],
    ["0-0:5", ["127.0.0.1:0->5/tcp"]],
  ])("reads %s as docker does, at 127.0.0.1 where no address is given", (text, wanted) => expect(texts(text)).toEqual(wanted));

  test.each([
    ["", "no port of the container"], ["0", "not a number from 1 to 65535"], ["65536", "not a number from 1 to 65535"], ["http", "no port of the container"], ["80:", "no port of the container"],
    ["65536:80", "no port of the host"], ["-1:80", "no port of the host"], ["x:80", "no port of the host"], ["82-80", "ends before it begins"], ["8000-8001:80", "different numbers of ports"],
    ["8000:80-81", "different numbers of ports"], ["0-1:80-81", "different numbers of ports"], ["1-200", "it has 200 ports"], ["80/udp", "only TCP can be published"], ["80/", "only TCP can be published"],
    ["80/tcp/tcp", "only TCP can be published"], ["localhost:80:80", "\"localhost\" is no IP address"], ["1.2.3:80:80", "\"1.2.3\" is no IP address"], ["[::1:80:80", "\"[::1\" is no IP address"],
    ["fe80::1%eth0:80:80", "is no IP address"], ["1.2.3.4.5:1:1", "is no IP address"],
  ])("refuses %p with its value, the cause and the next step", (text, why) => {
    const { code, message, hint, context } = errorOf(() => parsePublish(text));
    expect([code, context]).toEqual(["USAGE", { from: "--publish" }]);
    expect(message).toStartWith(`Cannot use ${JSON.stringify(text)} for --publish: `);
    expect(message).toContain(why);
    expect(hint).not.toBe("");
  });

  test("gives ports within their bounds or a USAGE error for any text", () => {
    const part = fc.constantFrom("80", "0", "65535", "65536", "1-3", "3-1", "::1", "[::1]", "127.0.0.1", ":", "/tcp", "/udp", "-", "");
    const parts = fc.oneof(fc.array(part, { maxLength: 8 }).map((list) => list.join("")), fc.array(part, { maxLength: 5 }).map((list) => list.join(":")));
    fc.assert(fc.property(fc.oneof(fc.string(), parts), (text) => {
      try {
        for (const { address, hostPort, port } of parsePublish(text)) {
          expect([hostPort >= 0 && hostPort <= 65535, port >= 1 && port <= 65535]).toEqual([true, true]);
          // What is printed means the same.
          if (hostPort !== 0) expect(parsePublish(`${socketText(address, hostPort)}:${port}`)).toEqual([{ address, hostPort, port }]);
        }
      } catch (error) {
        if (!(error instanceof PidboxError)) throw error;
        expect(error.code).toBe("USAGE");
      }
    }), { numRuns: 1000 });
  });
});

describe("parsePublished()", () => {
  test("takes as many as the relay has places for, and no port of the host twice", () => {
    expect(parsePublished([`1-${MOST_PORTS}`])).toHaveLength(MOST_PORTS);
    expect(errorOf(() => parsePublished([`1-${MOST_PORTS}`, "1"])).message).toContain(`can publish ${MOST_PORTS} ports, and these are ${MOST_PORTS + 1}`);
    expect(errorOf(() => parsePublished(["[0::1]:80:80", "::1:80:81"])).message).toContain("[::1]:80 is given out twice");
    expect(parsePublished(["80", "80", "127.0.0.1:80:80", "[::1]:80:80", "81:80"])).toHaveLength(5);
  });
});
