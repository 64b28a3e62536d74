/** What the guest is asked, as shell scripts with the answer that each must give; they run in this order. */
import { OCI_CHECKS } from "./oci-checks.ts";
import { OCI_VERB_CHECKS } from "./oci-verb-checks.ts";

export interface Check {
  readonly script: string;
  /** 0 unless given. */
  readonly code?: number;
  readonly out?: string | RegExp;
  readonly err?: string | RegExp;
}

const ALICE = "setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000";
const SCOPE = `${ALICE} systemd-run --user --scope -q -p Delegate=yes`;
const FREE = "--allow-degraded=cgroups";
const LABELS = "/bin/cat /proc/1/attr/current /proc/self/attr/current";
const DEFAULT = "pidbox-default (enforce)\n";

/** A program for the container that shows files of its cgroup. */
function limits(...files: readonly string[]): string {
  return `/bin/sh -c 'for f in ${files.join(" ")}; do echo $f $(cat /sys/fs/cgroup/$f); done'`;
}

export const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  AppArmor: {
    "without the default profile a user's container does not start": { script: `${ALICE} pidbox do ${FREE} true`, code: 125, err: /"exec pidbox-default": ENOENT[^]*HOST_UNSUPPORTED[^]*sudo pidbox do true/ },
    "unless that is asked for by name": { script: `${ALICE} pidbox do ${FREE} --allow-degraded=apparmor ${LABELS}`, out: "unconfined\nunconfined\n" },
    "without a parser root's does not start": {
      script: "mv /sbin/apparmor_parser /sbin/away; pidbox do true; code=$?; mv /sbin/away /sbin/apparmor_parser; exit $code", code: 125, err: /there is no apparmor_parser on this host/,
    },
    "root loads the profile, and program and init have it": { script: `pidbox run --rm dir:/var/rootfs ${LABELS}`, out: DEFAULT + DEFAULT },
    "a user's container has it from then on": { script: `${ALICE} pidbox do ${FREE} ${LABELS}`, out: DEFAULT + DEFAULT },
    "it forbids mounts and the kernel's files even with CAP_SYS_ADMIN and no filter": {
      script: `pidbox run --rm --unsafe=capabilities --unsafe=systempaths --unsafe=seccomp --security-opt seccomp=unconfined \\
        --security-opt systempaths=unconfined --cap-add SYS_ADMIN dir:/var/rootfs /bin/sh -c '
          mount -t tmpfs x /tmp || echo no mount; umount /dev/shm || echo no umount
          echo x >/proc/sys/kernel/domainname || echo no sysctl; echo h >/proc/sysrq-trigger || echo no sysrq' 2>/dev/null`,
      out: "no mount\nno umount\nno sysctl\nno sysrq\n",
    },
    "a profile of one's own is applied": {
      script: `echo 'profile mine flags=(attach_disconnected) { file, capability, signal, deny /tmp/no* w, }' | apparmor_parser -Kr
        pidbox run --rm --security-opt apparmor=mine dir:/var/rootfs /bin/sh -c '${LABELS}; touch /tmp/yes; touch /tmp/no; ls /tmp'`,
      out: "mine (enforce)\nmine (enforce)\nyes\n", err: /\/tmp\/no: Permission denied/,
    },
    "one that is not loaded is an error": { script: "pidbox run --rm --security-opt apparmor=absent dir:/var/rootfs /bin/true", code: 125, err: /"exec absent": ENOENT/ },
    "none at all is refused without the override": {
      script: `pidbox do --security-opt apparmor=unconfined true; echo $?; pidbox do --security-opt apparmor=unconfined --unsafe=apparmor ${LABELS}`, out: "125\nunconfined\nunconfined\n", err: /REFUSED_UNSAFE/,
    },
    "a default profile that only complains does not pass": {
      script: "echo 'profile pidbox-default flags=(complain) { file, }' | apparmor_parser -Kr; pidbox do true; code=$?; echo 'profile pidbox-default { }' | apparmor_parser -R; exit $code",
      code: 125, err: /The kernel did not confirm "\/process\/apparmorProfile"/,
    },
    "a confined pidbox leaves its container in its own profile": {
      script: `echo 'profile outer flags=(attach_disconnected) { file, capability, network, mount, umount, pivot_root, signal, ptrace, }' | apparmor_parser -Kr
        aa-exec -p outer -- pidbox do ${LABELS}`,
      out: "outer (enforce)\nouter (enforce)\n",
    },
  },
  "cgroup v2 as root": {
    "holds every limit of the flags": {
      script: `pidbox run --rm -m 64m --cpus 0.5 --cpu-shares 512 --pids-limit 20 --cpuset-cpus 0 dir:/var/rootfs ${limits("memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cpuset.cpus")}`,
      out: "memory.max 67108864\nmemory.swap.max 0\npids.max 20\ncpu.max 50000 100000\ncpu.weight 59\ncpuset.cpus 0\n",
    },
    "switches on no controller that nobody asked for": { script: "tr ' ' '\\n' </sys/fs/cgroup/pidbox/cgroup.subtree_control | sort | tr '\\n' ' '", out: "cpu cpuset memory pids " },
    "says that memory ran out": { script: "pidbox run --rm -m 32m dir:/var/rootfs /bin/dd if=/dev/zero of=/dev/null bs=64M count=1", code: 137, err: /the kernel killed it: out of memory \(limit 32M\)/ },
    "says that forks were refused": {
      script: "pidbox run --rm --pids-limit 8 dir:/var/rootfs /bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done'", code: 2, err: /forks were refused \(limit 8\)/,
    },
    "goes below the parent that was named": {
      script: `pidbox run --rm --cgroup-parent /tenant/one dir:/var/rootfs /bin/sleep 60 & pid=$!
        until cat /sys/fs/cgroup/tenant/one/*/cgroup.procs 2>/dev/null | grep -q .; do kill -0 $pid || exit 1; sleep 0.1; done
        ls /sys/fs/cgroup/tenant/one | grep -cE '^[0-9a-f]{64}$'; kill $pid; wait $pid; echo $?
        ls /sys/fs/cgroup/tenant/one | grep -cE '^[0-9a-f]{64}$' || true`,
      out: "1\n143\n0\n", err: /SIGTERM from process \d+ \(sh\) ended it/,
    },
    "works from a service": { script: `systemd-run --wait --pipe -q pidbox run --rm -m 64m dir:/var/rootfs ${limits("memory.max")}`, out: "memory.max 67108864\n" },
  },
  "cgroup v2 as a user": {
    "limits hold in a delegated scope": {
      script: `${SCOPE} pidbox run --rm -m 64m --cpus 0.5 --pids-limit 20 dir:/var/rootfs ${limits("memory.max", "memory.swap.max", "pids.max", "cpu.max")}`,
      out: "memory.max 67108864\nmemory.swap.max 0\npids.max 20\ncpu.max 50000 100000\n",
    },
    "and where a shell is in it too": { script: `${SCOPE} sh -c 'pidbox run --rm -m 64m dir:/var/rootfs ${limits("memory.max").replaceAll("'", '"').replaceAll("$", "\\$")}; pidbox do echo again'`, out: "memory.max 67108864\nagain\n" },
    "the end of memory is told": { script: `${SCOPE} pidbox run --rm -m 32m dir:/var/rootfs /bin/dd if=/dev/zero of=/dev/null bs=64M count=1`, code: 137, err: /out of memory \(limit 32M\)/ },
    "without delegation there is an error that says how to get one": {
      script: `${ALICE} pidbox do true`, code: 125, err: /Cannot limit memory, cpu, pids: no cgroup[^]*HOST_UNSUPPORTED[^]*systemd-run --user --scope -p Delegate=yes/,
    },
    "others in the delegated cgroup of a service are told": {
      script: "systemd-run --uid=1000 --gid=1000 --wait --pipe -q -p Delegate=yes sh -c '/srv/bin/pidbox run --rm dir:/var/rootfs /bin/true || exit 9'", code: 9, err: /EBUSY[^]*start pidbox alone in it/,
    },
    "alone in one it starts": { script: `systemd-run --uid=1000 --gid=1000 --wait --pipe -q -p Delegate=yes pidbox run --rm -m 64m dir:/var/rootfs ${limits("memory.max")}`, out: "memory.max 67108864\n" },
    "a range of ids comes from newuidmap": {
      script: `${ALICE} pidbox run --rm ${FREE} dir:/var/rootfs /bin/sh -c 'mkdir /x && chown 1000:1000 /x && stat -c %u:%g /x; cat /proc/self/uid_map | tr -s " "'`, out: "1000:1000\n 0 1000 1\n 1 100000 65535\n",
    },
  },
  "an older kernel": {
    "an overlay takes directories away and puts them back": {
      script: `pidbox run --rm dir:/var/rootfs /bin/sh -c 'rm -r /usr/old && mkdir /usr/old && ls -A /usr/old && mv /etc /etc2 && cat /etc2/name && chown 5:6 /etc2 && stat -c %u:%g /etc2 && stat -c %u:%g /'; cat /var/rootfs/usr/old/file`,
      out: "name\n5:6\n0:0\nfile\n",
    },
    "what do hides stays hidden when its directory goes": {
      script: "pidbox do sh -c 'cat /etc/shadow; mkdir /etc/shadow && rmdir /etc/shadow; rm -rf /etc; mkdir /etc; ls -A /etc'; test -s /etc/shadow", err: /\/etc\/shadow: No such file/, out: "",
    },
    "a filesystem that cannot be id-mapped is nobody's": {
      script: "mkdir -p /opt/old && mount -t ext2 -o ro,loop /srv/ext2 /opt/old && pidbox do sh -c 'cat /opt/old/file; stat -c %U /opt/old/file; mount | grep -c \"/opt/old.*ro\"'; umount /opt/old", out: "file\nnobody\n1\n",
    },
    "the table of layers holds": {
      script: `pidbox run --rm --name held dir:/var/rootfs /bin/sleep 60 & pid=$!
        until pidbox ps --format json | grep -q held; do kill -0 $pid || exit 1; sleep 0.1; done
        pidbox verify held; echo $?; kill $pid; wait $pid; true`,
      out: /, all hold\.\n[^]*security module +yes +pidbox-default[^]*\n0\n$/, err: /SIGTERM from process \d+ \(sh\) ended it/,
    },
    "doctor finds all that is needed": { script: "pidbox doctor", out: /Everything that do and run need is here\.\n$/ },
    "a container in a container starts when the outer one lets it": {
      script: `pidbox run --rm --cap-add SETFCAP --cap-add SYS_ADMIN --unsafe=capabilities --security-opt seccomp=unconfined --unsafe=seccomp \\
        --security-opt systempaths=unconfined --unsafe=systempaths --security-opt landlock=unconfined --unsafe=landlock \\
        --security-opt apparmor=unconfined --unsafe=apparmor --unsafe=mount -v /srv/bin:/srv/bin:ro \\
        dir:/ /srv/bin/pidbox run --rm ${FREE} dir:/var/rootfs ${LABELS}`,
      out: DEFAULT + DEFAULT,
    },
    "and says what forbids it": {
      script: `pidbox run --rm --cap-add SETFCAP --cap-add SYS_ADMIN --unsafe=capabilities --security-opt seccomp=unconfined --unsafe=seccomp \\
        --security-opt systempaths=unconfined --unsafe=systempaths --security-opt landlock=unconfined --unsafe=landlock \\
        --unsafe=mount -v /srv/bin:/srv/bin:ro \\
        dir:/ /srv/bin/pidbox run --rm ${FREE} dir:/var/rootfs /bin/true`,
      code: 125, err: /EACCES[^]*AppArmor forbids mounts here/,
    },
    "containers with every privilege start": { script: "pidbox run --rm --privileged --unsafe=privileged dir:/var/rootfs /bin/sh -c 'mount -t tmpfs x /tmp && echo mounted'", out: "mounted\n" },
  },
  "pidbox-oci": OCI_CHECKS,
  "pidbox-oci's verbs": OCI_VERB_CHECKS,
  "at the end": {
    "nothing is left": {
      script: "ls -A /run/pidbox/containers /run/pidbox/names /run/pidbox/ids; find /sys/fs/cgroup -type d | grep -E '/[0-9a-f]{64}$'; pgrep -l pidbox; grep -c overlay /proc/self/mountinfo",
      code: 1, out: "/run/pidbox/containers:\n\n/run/pidbox/ids:\n\n/run/pidbox/names:\n0\n",
    },
  },
};
