/**
 * Which face of pidbox this process has, by the name that it was called by: `pidbox-oci`, or `pidbox oci`, is an OCI runtime.
 *
 * cli/ alone reads argv and the environment, prints and exits. Each face loads alone.
 */
const OCI_NAME = "pidbox-oci";

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A symbolic link has the face of its own name, and under another name (`runc`) that of what it leads to. */
function isOciName(): boolean {
  const called = baseName(process.argv0);
  return called === OCI_NAME || (called !== "pidbox" && baseName(process.execPath) === OCI_NAME);
}

async function main(words: readonly string[]): Promise<number> {
  const subcommand = words[0] === "oci";
  // What the launcher re-executes begins with two underscores and is meant for the face for people, whatever the file's name.
  if (subcommand || (isOciName() && words[0]?.startsWith("__") !== true)) {
    const { runOci } = await import("./oci.ts");
    return runOci(subcommand ? words.slice(1) : words);
  }
  const { runDaily } = await import("./daily.ts");
  return runDaily(words);
}

process.exit(await main(process.argv.slice(2)));
