/** How pidbox-oci becomes a runtime of an engine: the file, the lines, and how to try it. Pure. */

export interface Registration {
  /** Names under which the engine's configuration has a pidbox-oci already. */
  readonly registered: readonly string[];
  readonly file: string;
  /** What goes into the file, as it stands there. */
  readonly lines: readonly string[];
  /** Commands after that: the engine takes the file up, and a container is run. */
  readonly next: readonly string[];
}

/** The file's name by which a runtime is known to be ours. */
export const OCI_PROGRAM = "pidbox-oci";

type Recipe = (binary: string) => Omit<Registration, "registered">;

const RECIPES: Readonly<Record<string, Recipe>> = {
  docker: (binary) => ({
    file: "/etc/docker/daemon.json",
    lines: [`{ "runtimes": { "pidbox": { "path": ${JSON.stringify(binary)} } } }`],
    next: ["sudo systemctl reload docker", "docker run --runtime=pidbox --rm IMAGE; with \"default-runtime\": \"pidbox\" in the file all containers use it (systemctl restart docker)"],
  }),
  containerd: (binary) => ({
    file: "/etc/containerd/config.toml",
    lines: [
      '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.pidbox]',
      '  runtime_type = "io.containerd.runc.v2"',
      '  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.pidbox.options]',
      `    BinaryName = ${JSON.stringify(binary)}`,
    ],
    next: ["sudo systemctl restart containerd", `ctr run --rm --runc-binary ${binary} IMAGE ID; in Kubernetes, a RuntimeClass with the handler pidbox (config.toml of version 3 names the plugin io.containerd.cri.v1.runtime)`],
  }),
  podman: (binary) => ({
    file: "/etc/containers/containers.conf.d/pidbox.conf",
    // Without the last line podman takes the whole line of the log for the message. It stands for the default list, and goes on with it.
    lines: [
      "[engine.runtimes]", `pidbox = [${JSON.stringify(binary)}]`, "[engine]", 'runtime_supports_json = ["crun", "runc", "kata", "runsc", "youki", "krun", "pidbox"]',
    ],
    next: ["podman --runtime pidbox run --rm IMAGE; with runtime = \"pidbox\" in [engine] all containers use it"],
  }),
  "cri-o": (binary) => ({
    file: "/etc/crio/crio.conf.d/50-pidbox.conf",
    lines: ["[crio.runtime.runtimes.pidbox]", `runtime_path = ${JSON.stringify(binary)}`, 'runtime_type = "oci"', 'runtime_root = "/run/pidbox-oci"'],
    next: ["sudo systemctl restart crio", "a RuntimeClass with the handler pidbox"],
  }),
};

/** What to do to have `engine` run containers by `binary`, an absolute path; undefined for programs that take no runtime. */
export function registration(engine: string, binary: string, registered: readonly string[]): Registration | undefined {
  const recipe = Object.hasOwn(RECIPES, engine) ? RECIPES[engine] : undefined;
  return recipe === undefined ? undefined : { registered, ...recipe(binary) };
}
