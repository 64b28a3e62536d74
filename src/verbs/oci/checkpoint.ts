/** `pidbox-oci checkpoint` and `restore`: known, and refused. An image of a container is data that an attacker may write (CVE-2026-119101). */
import { PidboxError } from "../../base/error.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciOption, OciVerb } from "./verb.ts";

function refuse(verb: string): never {
  throw new PidboxError("HOST_UNSUPPORTED", `${verb} is not supported by pidbox-oci`, { context: { feature: "checkpoint" }, hint: "use an engine with runc for containers that are to be checkpointed" });
}

const text = (name: string, help: string): OciOption => ({ name, kind: "text", help });

const COMMON: readonly OciOption[] = [
  text("image-path", "path for criu image files"),
  text("work-path", "path for saving work files and logs"),
  { name: "tcp-established", help: "allow open tcp connections" },
  { name: "ext-unix-sk", help: "allow external unix sockets" },
  { name: "shell-job", help: "allow shell jobs" },
  { name: "lazy-pages", help: "use userfaultfd to lazily restore memory pages" },
  { name: "file-locks", help: "handle file locks, for safety" },
  text("manage-cgroups-mode", "cgroups mode: 'soft', 'full', 'strict' and 'ignore'"),
  { name: "empty-ns", kind: "text", repeat: true, help: "create a namespace, but don't restore its properties" },
  { name: "auto-dedup", help: "enable auto deduplication of memory images" },
];

export const checkpoint: OciVerb = {
  name: "checkpoint",
  summary: "not supported",
  usage: "<container-id>",
  description: "pidbox-oci does not checkpoint containers: the options of runc are read, and then it says so. See pidbox-oci features.",
  options: [
    ...COMMON,
    text("parent-path", "path for previous criu image files in pre-dump"),
    { name: "leave-running", help: "leave the process running after checkpointing" },
    { name: "status-fd", kind: "integer", initial: "-1", help: "criu writes \\0 to this FD once lazy-pages is ready" },
    text("page-server", "ADDRESS:PORT of the page server"),
    { name: "pre-dump", help: "dump container's memory information only, leave the container running after this" },
  ],
  operands: [CONTAINER_ID],
  run: () => refuse("checkpoint"),
};

export const restore: OciVerb = {
  name: "restore",
  summary: "not supported",
  usage: "<container-id>",
  description: "pidbox-oci does not restore containers: the options of runc are read, and then it says so. See pidbox-oci features.",
  options: [
    ...COMMON,
    text("console-socket", "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal"),
    { name: "bundle", short: "b", kind: "text", help: "path to the root of the bundle directory" },
    { name: "detach", short: "d", help: "detach from the container's process" },
    text("pid-file", "specify the file to write the process id to"),
    { name: "no-subreaper", help: "disable the use of the subreaper used to reap reparented processes" },
    { name: "no-pivot", help: "do not use pivot root to jail process inside rootfs" },
    text("lsm-profile", "Specify an LSM profile to be used during restore in the form of TYPE:NAME."),
    text("lsm-mount-context", "Specify an LSM mount context to be used during restore."),
  ],
  operands: [CONTAINER_ID],
  run: () => refuse("restore"),
};
