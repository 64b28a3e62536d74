/* What a container does to whoever looks at it. Each mode prints a line when it is set up, and stays until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what) {
  perror(what);
  return 1;
}

static __attribute__((noreturn)) int stay(void) {
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}

/* Mounts filesystems whose server never answers, not even the first message: each lookup in them waits. */
static int hang(int count, char **paths) {
  for (int i = 0; i < count; i++) {
    struct stat status;
    char options[96];
    int fd = open("/dev/fuse", O_RDWR);
    if (fd < 0 || lstat(paths[i], &status) != 0) return fail(paths[i]);
    snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=0,group_id=0", fd, S_ISDIR(status.st_mode) ? S_IFDIR : S_IFREG);
    if (mount("hang", paths[i], "fuse.hang", 0, options) != 0) return fail("mount");
  }
  return stay();
}

static int many_mounts(int count) {
  char path[64];
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "/mnt/%d", i);
    if (mkdir(path, 0755) != 0 || mount("/mnt", path, NULL, MS_BIND, NULL) != 0) return fail(path);
  }
  return stay();
}

static int descriptors(int count) {
  struct rlimit limit = {(rlim_t)count + 16, (rlim_t)count + 16};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail("setrlimit");
  for (int i = 0; i < count; i++) if (open("/dev/null", O_RDONLY) < 0) return fail("open");
  return stay();
}

/* PIDs that are given out again as fast as the kernel can. */
static int churn(void) {
  puts("ready");
  fflush(stdout);
  for (;;) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(pid, NULL, 0);
  }
}

static int bomb(void) {
  for (int i = 0; i < 4; i++) {
    if (fork() != 0) continue;
    for (;;) {
      pid_t pid = fork();
      while (pid > 0 && waitpid(-1, NULL, WNOHANG) > 0);
      if (pid < 0) usleep(10000);
    }
  }
  return stay();
}

static int traced(void) {
  pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (;;) pause();
  }
  if (waitpid(pid, NULL, WUNTRACED) != pid) return fail("waitpid");
  return stay();
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "hang") == 0) return hang(argc - 2, argv + 2);
  if (strcmp(mode, "mounts") == 0) return many_mounts(atoi(argv[2]));
  if (strcmp(mode, "descriptors") == 0) return descriptors(atoi(argv[2]));
  if (strcmp(mode, "churn") == 0) return churn();
  if (strcmp(mode, "bomb") == 0) return bomb();
  if (strcmp(mode, "traced") == 0) return traced();
  if (strcmp(mode, "name") == 0) {
    prctl(PR_SET_NAME, argv[2]);
    return stay();
  }
  return fail("mode");
}
