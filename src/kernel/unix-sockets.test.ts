import { expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { stat } from "./file.ts";
import { readUnixSockets } from "./unix-sockets.ts";

test("readUnixSockets() knows the file of a socket by inode, also under another name", () => {
  const directory = mkdtempSync("/tmp/pidbox-sockets-");
  const server = Bun.listen({ unix: `${directory}/a.sock`, socket: { data() { /* nothing is sent */ } } });
  try {
    renameSync(`${directory}/a.sock`, `${directory}/b.sock`);
    const file = stat(`${directory}/b.sock`);
    const sockets = readUnixSockets();
    if (typeof file === "number" || typeof sockets === "number") throw new Error("neither file nor sockets could be read");
    const found = sockets.find((socket) => socket.file?.inode === file.inode && socket.file.minor === file.device.minor);
    expect(found).toMatchObject({ listening: true, name: `${directory}/a.sock`, file: { ...file.device, inode: file.inode } });
  } finally {
    server.stop(true);
    rmSync(directory, { recursive: true });
  }
});
