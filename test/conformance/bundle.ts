/** bundle.md, glossary.md, and the parts of config.md that stand for themselves: version, root, names, annotations, extensibility. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { type Case, clause, look, verdict, verdicts } from "./case.ts";
import { merge, mounted, namespaces, type Patch } from "./config.ts";

const format = clause("bundle.md#containerFormat");
const json = clause("glossary.md#glossaryJson");
const version = clause("config.md#configSpecificationVersion");
const root = clause("config.md#configRoot");
const hostname = clause("config.md#configHostname");
const domainname = clause("config.md#configDomainname");
const annotations = clause("config.md#configAnnotations");
const platform = clause("config.md#configPlatformSpecificConfiguration");
const extensibility = clause("config.md#configExtensibility");
const values = clause("config.md#valid-values");

/** Creates from a config.json with this text. */
async function fromText(bench: Bench, text: (config: Patch) => string | Uint8Array): Promise<string> {
  const container = bench.container();
  writeFileSync(`${container.bundle}/config.json`, text(container.config));
  if ((await container.create()).code !== 0) return ["refused", ...bench.leftovers()].join(", leaving ");
  await container.destroy();
  return "accepted";
}

async function stateAnnotations(bench: Bench, given: unknown): Promise<unknown> {
  const container = bench.container({ annotations: given });
  const { code } = await container.create();
  return code === 0 ? ((await container.state())?.annotations ?? {}) : "refused";
}

const FORMAT: readonly Case[] = [
  format("bundle-config-place", "MUST", "This REQUIRED file MUST reside in the root of the bundle directory and MUST be named `config.json`.",
    { place: "accepted", "config.yaml": "refused", "etc/config.json": "refused" }, async (bench) => {
      const found: Record<string, string> = { place: await verdict(bench, {}) };
      for (const name of ["config.yaml", "etc/config.json"]) {
        const container = bench.container();
        mkdirSync(`${container.bundle}/etc`);
        renameSync(`${container.bundle}/config.json`, `${container.bundle}/${name}`);
        found[name] = (await container.create()).code === 0 ? "accepted" : "refused";
      }
      return found;
    }),
  format("bundle-root-directory", "MUST", "container's root filesystem: the directory referenced by `root.path`, if that property is set in `config.json`.",
    { root: "accepted", absent: "refused" }, async (bench) => {
      const container = bench.container();
      rmSync(container.rootfs, { recursive: true });
      return { root: await verdict(bench, {}), absent: (await container.create()).code === 0 ? "accepted" : "refused" };
    }),
  json("json-utf-8", "MUST", "All configuration JSON MUST be encoded in UTF-8.", { utf8: "ü", latin1: "refused" }, async (bench) => {
    const text = (config: Patch): string => JSON.stringify({ ...config, annotations: { key: "ü" } });
    const container = bench.container({ annotations: { key: "ü" } });
    const { code } = await container.create();
    const seen = code === 0 ? (await container.state())?.annotations?.["key"] : "refused";
    await container.destroy();
    return { utf8: seen, latin1: await fromText(bench, (config) => Buffer.from(text(config), "latin1")) };
  }),
  json("json-duplicate-names", "MUST NOT", "JSON objects MUST NOT include duplicate names.", "refused",
    (bench) => fromText(bench, (config) => JSON.stringify(config).replace("{", '{"hostname":"one","hostname":"two",'))),
  json("json-order", "MUST", "The order of entries in JSON objects is not significant.", "accepted",
    (bench) => fromText(bench, (config) => JSON.stringify(Object.fromEntries(Object.entries(config).reverse())))),
  json("json-syntax", "MUST", "All configuration JSON", { truncated: "refused", trailing: "refused", empty: "refused", list: "refused" }, async (bench) => ({
    truncated: await fromText(bench, (config) => JSON.stringify(config).slice(0, -1)),
    trailing: await fromText(bench, (config) => `${JSON.stringify(config)}}`),
    empty: await fromText(bench, () => ""),
    list: await fromText(bench, () => "[]"),
  })),
];

const VERSION: readonly Case[] = [
  version("version-semver", "MUST", "`ociVersion` (string, REQUIRED) MUST be in SemVer v2.0.0 format",
    {
      "1.0.2": "accepted", "1.0.2-dev": "accepted", "1.0.0-rc.1+build.5": "accepted", one: "refused", "1.0": "refused", "01.0.0": "refused", absent: "refused",
      number: "refused",
    },
    verdicts({
      "1.0.2": { ociVersion: "1.0.2" }, "1.0.2-dev": { ociVersion: "1.0.2-dev" }, "1.0.0-rc.1+build.5": { ociVersion: "1.0.0-rc.1+build.5" },
      one: { ociVersion: "one" }, "1.0": { ociVersion: "1.0" }, "01.0.0": { ociVersion: "01.0.0" }, absent: { ociVersion: undefined },
      number: { ociVersion: 1 },
    })),
  version("version-compatible", "MUST", "a configuration compliant with version 1.1 is compatible with all runtimes that support any 1.1 or later release",
    { "1.0.0": "accepted", "1.1.0": "accepted", "1.2.1": "accepted" },
    verdicts({ "1.0.0": { ociVersion: "1.0.0" }, "1.1.0": { ociVersion: "1.1.0" }, "1.2.1": { ociVersion: "1.2.1" } })),
  version("version-newer-minor", "MAY", "retains forward and backward compatibility within major versions", { "1.3.0": "accepted", "1.99.0": "accepted" },
    verdicts({ "1.3.0": { ociVersion: "1.3.0" }, "1.99.0": { ociVersion: "1.99.0" } })),
  version("version-other-major", "MUST", "follows semantic versioning: another major version is another specification", { "2.0.0": "refused" },
    verdicts({ "2.0.0": { ociVersion: "2.0.0" } })),
];

const ROOT: readonly Case[] = [
  root("root-required", "MUST", "On all other platforms, this field is REQUIRED.", { root: "accepted", absent: "refused", empty: "refused" },
    verdicts({ root: {}, absent: { root: undefined }, empty: { root: { path: "" } } })),
  root("root-relative", "MUST", "`path` is either an absolute path or a relative path to the bundle.", { relative: "ok", absolute: "ok", above: "ok" }, async (bench) => {
    const ways: Record<string, (bundle: string) => string> = {
      relative: () => "./rootfs/", absolute: (bundle) => `${bundle}/rootfs`, above: (bundle) => `..${bundle.slice(bundle.lastIndexOf("/"))}/rootfs`,
    };
    const found: Record<string, unknown> = {};
    for (const [name, way] of Object.entries(ways)) {
      const container = bench.container({ process: { args: ["/bin/probe", "read:/etc/here"] } });
      writeFileSync(`${container.rootfs}/etc/here`, "ok");
      container.config = merge(container.config, { root: { path: way(container.bundle) } });
      container.write();
      const { out } = await container.run();
      found[name] = out.trim().replace("read:/etc/here=", "");
    }
    return found;
  }),
  root("root-conventional", "SHOULD", "The value SHOULD be the conventional `rootfs`.", "accepted", async (bench) => {
    const container = bench.container({ root: { path: "tree" } });
    renameSync(container.rootfs, `${container.bundle}/tree`);
    return (await container.run()).code === 0 ? "accepted" : "refused";
  }),
  root("root-exists", "MUST", "A directory MUST exist at the path declared by the field.", { absent: "refused", file: "refused" },
    verdicts({ absent: { root: { path: "nowhere" } }, file: { root: { path: "config.json" } } })),
  root("root-readonly", "MUST", "If true then the root filesystem MUST be read-only inside the container",
    { "create:/new": "EROFS", "write:/etc/passwd": "EROFS", "mkdir:/home/new": "EROFS", "create:/dev/new": "ok" },
    look({ root: { readonly: true } }, "create:/new", "write:/etc/passwd", "mkdir:/home/new", "create:/dev/new")),
  root("root-writable", "MUST", "`readonly` ... defaults to false.", [{ "create:/new": "ok" }, { "create:/new": "ok" }],
    async (bench) => [await bench.look({}, ["create:/new"]), await bench.look({ root: { readonly: false } }, ["create:/new"])]),
];

const NAMES: readonly Case[] = [
  hostname("hostname-set", "MUST", "`hostname` specifies the container's hostname as seen by processes running inside the container.", { hostname: "mrsdalloway" },
    look({ hostname: "mrsdalloway" }, "hostname")),
  hostname("hostname-host", "MUST", "this will change the hostname in the container UTS namespace", "as before", async (bench) => {
    const before = Bun.spawnSync([bench.probe, "hostname"]).stdout.toString();
    await bench.look({ hostname: "mrsdalloway" }, ["hostname"]);
    return Bun.spawnSync([bench.probe, "hostname"]).stdout.toString() === before ? "as before" : "changed";
  }),
  hostname("hostname-shared", "MAY", "the container UTS namespace may be the runtime UTS namespace", { without: "accepted", with: "refused" },
    verdicts({ without: namespaces(["uts"]), with: merge(namespaces(["uts"]), { hostname: "mrsdalloway" }) })),
  domainname("domainname-set", "MUST", "`domainname` specifies the container's domainname as seen by processes running inside the container.",
    { hostname: "mrsdalloway", domainname: "foobarbaz.test" }, look({ hostname: "mrsdalloway", domainname: "foobarbaz.test" }, "hostname", "domainname")),
];

const ANNOTATIONS: readonly Case[] = [
  annotations("annotations-map", "MUST", "Annotations MUST be a key-value map.", { map: "accepted", empty: "accepted", list: "refused", text: "refused" },
    verdicts({ map: { annotations: { "com.example.gpu-cores": "2" } }, empty: { annotations: {} }, list: { annotations: ["a"] }, text: { annotations: "a=b" } })),
  annotations("annotations-key", "MUST NOT", "Keys MUST NOT be an empty string.", { empty: "refused" }, verdicts({ empty: { annotations: { "": "value" } } })),
  annotations("annotations-values", "MUST", "Values MUST be strings.", { text: "accepted", number: "refused", object: "refused" },
    verdicts({ text: { annotations: { key: "1" } }, number: { annotations: { key: 1 } }, object: { annotations: { key: {} } } })),
  annotations("annotations-empty-value", "MAY", "Values MAY be an empty string.", { key: "" }, (bench) => stateAnnotations(bench, { key: "" })),
  annotations("annotations-unknown", "MUST", "Runtimes MUST handle unknown annotation keys like any other unknown property.",
    { "org.opencontainers.unheard-of": "x", "com.example.\u{1f980}": "y" },
    (bench) => stateAnnotations(bench, { "org.opencontainers.unheard-of": "x", "com.example.\u{1f980}": "y" })),
];

const REST: readonly Case[] = [
  platform("platform-others", "MAY", "`windows`, `solaris`, `vm`, `zos`: configuration of other platforms", { windows: "accepted", solaris: "accepted", vm: "accepted", freebsd: "accepted" },
    verdicts({
      windows: { windows: { layerFolders: ["c:\\layer"] } }, solaris: { solaris: { milestone: "svc:/milestone/container:default" } },
      vm: { vm: { kernel: { path: "/vmlinuz" } } }, freebsd: { freebsd: { jail: { host: "new" } } },
    })),
  extensibility("unknown-properties", "MUST", "Runtimes MAY log unknown properties but MUST otherwise ignore them.",
    { top: "accepted", process: "accepted", mount: "accepted", linux: "accepted", resources: "accepted", seccomp: "accepted", hooks: "accepted" },
    verdicts({
      top: { unheard: { of: [1, null, { deep: true }] } },
      process: { process: { unheard: "of", user: { unheard: 1 } } },
      mount: mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs", unheard: true }),
      linux: { linux: { unheard: ["of"] } },
      resources: { linux: { resources: { unheard: {}, pids: { limit: 100, unheard: 1 } } } },
      seccomp: { linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", unheard: 1, syscalls: [{ names: ["getcwd"], action: "SCMP_ACT_ALLOW", unheard: 1 }] } } },
      hooks: { hooks: { unheard: [{ path: "/nowhere" }], prestart: [] } },
    })),
  values("wrong-types", "MUST", "Runtimes MUST generate an error when invalid or unsupported values are encountered.",
    { uid: "refused", args: "refused", env: "refused", mounts: "refused", readonly: "refused", namespaces: "refused", limit: "refused", negative: "refused" },
    verdicts({
      uid: { process: { user: { uid: "0" } } }, args: { process: { args: "/bin/true" } }, env: { process: { env: { PATH: "/bin" } } }, mounts: { mounts: {} },
      readonly: { root: { readonly: "yes" } }, namespaces: { linux: { namespaces: ["pid"] } }, limit: { linux: { resources: { pids: { limit: "5" } } } },
      negative: { process: { user: { uid: -1 } } },
    })),
];

export const BUNDLE: readonly Case[] = [...FORMAT, ...VERSION, ...ROOT, ...NAMES, ...ANNOTATIONS, ...REST];
