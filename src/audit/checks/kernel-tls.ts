import type { ContainerCheck } from "../check.ts";
import { answerOf, ktlsAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K08",
  name: "kernel-tls",
  title: "Kernel TLS is in reach",
  severity: "medium",
  why:
    "Nine of 79 bugs of Google's kernelCTF were in kernel TLS, which any process may switch on for its TCP sockets once the module is there. No default filter denies it.",
  references: ["T1068"],
  remedy: {
    text: "Keep the module from being loaded where no program needs it: a filter sees the number of a socket option, not the name in it",
    host: "echo 'install tls /bin/false' > /etc/modprobe.d/tls.conf",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(ktlsAccess(container, facts)),
};
