/*
 * What a container's process can see and do, one `section<TAB>item<TAB>value` a line: run by two engines on one
 * machine, the lines can be compared. Nothing is changed: files are opened for writing, never written.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void say(const char *section, const char *item, const char *value) {
  printf("%s\t%s\t%s\n", section, item, value);
}

static void say_number(const char *section, const char *item, long long value) {
  char text[32];
  snprintf(text, sizeof text, "%lld", value);
  say(section, item, text);
}

static void say_call(const char *section, const char *item, long result) {
  say(section, item, result < 0 ? strerrorname_np(errno) : "works");
}

static ssize_t content(const char *path, char *text, size_t room) {
  int fd = open(path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return -1;
  ssize_t length = read(fd, text, room - 1);
  close(fd);
  if (length < 0) return -1;
  text[length] = 0;
  text[strcspn(text, "\n")] = 0;
  return length;
}

/* Identity, the five capability sets, signals, as the kernel words them. */
static void status(void) {
  FILE *file = fopen("/proc/self/status", "r");
  const char *wanted[] = {"Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
                          "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "THP_enabled",
                          "NSpid", "CoreDumping", "Speculation_Store_Bypass", "SpeculationIndirectBranch"};
  char line[512];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *colon = strchr(line, ':');
    if (colon == NULL) continue;
    *colon = 0;
    for (char *at = colon + 1; *at != 0; at++)
      if (*at == '\t' || *at == '\n') *at = ' ';
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
      if (strcmp(line, wanted[i]) == 0) say("status", line, colon + 2);
  }
  if (file != NULL) fclose(file);
}

/* Mount point, its options, propagation, kind and the options of the file system: no ids, no sources. */
static void mounts(void) {
  FILE *file = fopen("/proc/self/mountinfo", "r");
  char line[8192];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *words[64];
    int count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < 64; word = strtok(NULL, " \n")) words[count++] = word;
    int dash = 6;
    while (dash < count && strcmp(words[dash], "-") != 0) dash++;
    char value[8192];
    const char *propagation = dash > 6 ? words[6] : "private";
    const int own = strncmp(words[dash + 1], "ext", 3) != 0 && strcmp(words[dash + 1], "overlay") != 0;
    snprintf(value, sizeof value, "%s %.6s %s %s", words[5], propagation, words[dash + 1], own ? words[dash + 3] : "");
    say("mount", words[4], value);
  }
  if (file != NULL) fclose(file);
}

static void describe(const char *path) {
  struct stat stat;
  if (lstat(path, &stat) != 0) return;
  char value[512], lead[256] = "";
  if (S_ISLNK(stat.st_mode)) (void)!readlink(path, lead, sizeof lead - 1);
  snprintf(value, sizeof value, "%o %u:%u %u:%u %s", stat.st_mode, stat.st_uid, stat.st_gid, major(stat.st_rdev),
           minor(stat.st_rdev), lead);
  say("dev", path, value);
}

static void devices(const char *path, int depth) {
  DIR *directory = opendir(path);
  if (directory == NULL) return;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char below[512];
    snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
    describe(below);
    if (entry->d_type == DT_DIR && depth > 0) devices(below, depth - 1);
  }
  closedir(directory);
}

/* Can a node be made, and opened: in the root, in /dev, in /dev/shm, in a mount of one's own where that can be made. */
static void verdicts(void) {
  say_call("call", "mount tmpfs", mount("x", "/tmp", "tmpfs", 0, ""));
  const char *places[] = {"", "/dev", "/dev/shm", "/tmp"};
  const struct { mode_t type; int major, minor; } nodes[] = {
      {S_IFCHR, 1, 1}, {S_IFCHR, 1, 3}, {S_IFCHR, 1, 5}, {S_IFCHR, 1, 7}, {S_IFCHR, 1, 8}, {S_IFCHR, 1, 9},
      {S_IFCHR, 1, 11}, {S_IFCHR, 4, 1}, {S_IFCHR, 5, 1}, {S_IFCHR, 5, 2}, {S_IFCHR, 10, 183}, {S_IFCHR, 10, 200},
      {S_IFCHR, 10, 229}, {S_IFCHR, 10, 232}, {S_IFCHR, 10, 235}, {S_IFCHR, 10, 237}, {S_IFBLK, 7, 0},
      {S_IFBLK, 253, 0}};
  for (size_t place = 0; place < sizeof places / sizeof *places; place++)
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
      char path[64], item[96];
      snprintf(path, sizeof path, "%s/probe-node", places[place]);
      snprintf(item, sizeof item, "%s %c %d:%d", places[place], nodes[i].type == S_IFCHR ? 'c' : 'b', nodes[i].major,
               nodes[i].minor);
      unlink(path);
      if (mknod(path, nodes[i].type | 0666, makedev(nodes[i].major, nodes[i].minor)) != 0) {
        say_call("mknod", item, -1);
        continue;
      }
      int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
      say_call("node", item, fd);
      if (fd >= 0) close(fd);
      unlink(path);
    }
  umount("/tmp");
}

static void limits(void) {
  const char *names[] = {"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks",
                         "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  for (int i = 0; i < 16; i++) {
    struct rlimit limit;
    char value[64];
    if (getrlimit(i, &limit) != 0) continue;
    snprintf(value, sizeof value, "%lld %lld", (long long)limit.rlim_cur, (long long)limit.rlim_max);
    say("rlimit", names[i], value);
  }
}

static void process(void) {
  char text[4096];
  const char *files[] = {"/proc/self/oom_score_adj", "/proc/self/coredump_filter", "/proc/self/timerslack_ns",
                         "/proc/self/setgroups", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/loginuid",
                         "/proc/self/personality"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    say("process", files[i], content(files[i], text, sizeof text) < 0 ? strerrorname_np(errno) : text);
  say_number("process", "dumpable", prctl(PR_GET_DUMPABLE));
  say_number("process", "subreaper", (prctl(PR_GET_CHILD_SUBREAPER, &(int){0}), 0));
  int signal = -1;
  prctl(PR_GET_PDEATHSIG, &signal);
  say_number("process", "pdeathsig", signal);
  say_number("process", "securebits", prctl(PR_GET_SECUREBITS));
  say_number("process", "keepcaps", prctl(PR_GET_KEEPCAPS));
  say_number("process", "nice", getpriority(PRIO_PROCESS, 0));
  say_number("process", "scheduler", sched_getscheduler(0));
  say_number("process", "ioprio", syscall(SYS_ioprio_get, 1, 0));
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  say_number("process", "cpus", CPU_COUNT(&cpus));
  say_number("process", "pid", getpid());
  say_number("process", "parent", getppid());
  say_number("process", "session", getsid(0));
  say_number("process", "group", getpgrp());
  for (int fd = 0; fd < 64; fd++) {
    char item[32];
    struct stat stat;
    snprintf(item, sizeof item, "fd %d", fd);
    if (fstat(fd, &stat) == 0) say_number("process", item, stat.st_mode & S_IFMT);
  }
}

static void names(void) {
  char text[4096], path[64];
  const char *kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    ssize_t length = readlink(path, text, sizeof text - 1);
    text[length < 0 ? 0 : length] = 0;
    say("namespace", kinds[i], text);
  }
  FILE *file = fopen("/proc/self/cgroup", "r");
  while (file != NULL && fgets(text, sizeof text, file) != NULL) {
    text[strcspn(text, "\n")] = 0;
    char *controller = strchr(text, ':'), *where = strrchr(text, ':');
    if (controller == NULL) continue;
    *where = 0;
    say("cgroup", controller + 1, where + 1);
  }
  gethostname(text, sizeof text);
  say("uts", "hostname", text);
  (void)!getdomainname(text, sizeof text);
  say("uts", "domainname", text);
}

static void sysctls(void) {
  char text[4096];
  const char *files[] = {"net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range", "net/ipv4/ip_forward",
                         "net/ipv6/conf/all/disable_ipv6", "kernel/shmmax", "kernel/shm_rmid_forced", "kernel/msgmax",
                         "kernel/sem", "kernel/hostname", "kernel/domainname", "fs/mqueue/msg_max", "fs/mqueue/queues_max",
                         "kernel/yama/ptrace_scope", "kernel/keys/maxkeys", "user/max_user_namespaces"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/%s", files[i]);
    say("sysctl", files[i], content(path, text, sizeof text) < 0 ? strerrorname_np(errno) : text);
  }
}

static void calls(void) {
  char text[4096];
  say_call("call", "keyctl get session", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
  ssize_t length = content("/proc/keys", text, sizeof text);
  say_number("call", "bytes of /proc/keys", length > 0);
  say_call("call", "add_key", syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
  say_call("call", "remount root", mount("", "/", "", MS_REMOUNT | MS_BIND, ""));
  say_call("call", "remount /proc/sys", mount("", "/proc/sys", "", MS_REMOUNT | MS_BIND, ""));
  say_call("call", "umount /proc/kcore", umount("/proc/kcore"));
  say_call("call", "chroot", chroot("/"));
  gethostname(text, sizeof text);
  say_call("call", "sethostname", sethostname(text, strlen(text)));
  say_call("call", "setpriority", setpriority(PRIO_PROCESS, 0, -1));
  say_call("call", "ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
  say_call("call", "setns", syscall(SYS_setns, open("/proc/self/ns/uts", O_RDONLY), 0));
}

/* Every file of a kernel file system: may it be read, may it be written? Only opened. */
static void walk(const char *path, int depth) {
  DIR *directory = opendir(path);
  if (directory == NULL) {
    say("open", path, strerrorname_np(errno));
    return;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char below[1024];
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (strcmp(path, "/proc") == 0 && (name[0] >= '1' && name[0] <= '9')) continue;
    snprintf(below, sizeof below, "%s/%s", path, name);
    if (entry->d_type == DT_DIR && depth > 0) walk(below, depth - 1);
    if (entry->d_type != DT_REG && entry->d_type != DT_CHR) continue;
    char value[64];
    int reads = open(below, O_RDONLY | O_NONBLOCK | O_NOCTTY), why = errno;
    int writes = open(below, O_WRONLY | O_NONBLOCK | O_NOCTTY), whyNot = errno;
    snprintf(value, sizeof value, "%s %s", reads < 0 ? strerrorname_np(why) : "r",
             writes < 0 ? strerrorname_np(whyNot) : "w");
    say("open", below, value);
    if (reads >= 0) close(reads);
    if (writes >= 0) close(writes);
  }
  closedir(directory);
}

int main(void) {
  status();
  mounts();
  devices("/dev", 1);
  limits();
  process();
  names();
  sysctls();
  verdicts();
  walk("/proc", 6);
  walk("/sys", 8);
  calls();
  return 0;
}
