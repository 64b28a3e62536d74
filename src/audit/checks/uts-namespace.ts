import { namespaceCheck } from "../namespace-check.ts";

export const check = namespaceCheck({
  id: "L15",
  name: "uts-namespace",
  type: "uts",
  title: "The container is in the host's UTS namespace",
  severity: "low",
  why: "It sees the host's name, and with CAP_SYS_ADMIN changes it.",
  references: ["CIS Docker 5.21"],
  found: "it has the host's name",
  remedy: {
    text: "Give it a UTS namespace of its own",
    docker: "docker run   # without --uts host",
    podman: "podman run   # without --uts host",
    compose: "# remove: uts: host",
  },
});
