/*
 * Runs a command and counts the write-class system calls that it and all its descendants make, in one row; the Nth is
 * never made: its process is killed, or told an errno instead. What strace counts by thread this counts for all, so
 * that each call of a command has a number of its own.
 * usage: fault-at LOG KIND N ACTION COMMAND... ; KIND: writes, engine (not of processes in containers), descriptors;
 * ACTION: count, kill or an errno. LOG gets a line for each call (count) or for the one that was hit, and one for each
 * process that outlived the command by more than GRACE.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITES, ENGINE, DESCRIPTORS };
enum how { FD0, FD2, PATH0, PATH1, OPEN, OPENAT, OPENAT2, CREATES, IOCTL, MOUNT, NEWFD };
static const double GRACE = 5, HUNG = 120;
static const struct call { int nr; enum how how; const char *name; } CALLS[] = {
#define CALL(name, how) {SYS_##name, how, #name}
  CALL(write, FD0), CALL(pwrite64, FD0), CALL(writev, FD0), CALL(pwritev, FD0), CALL(pwritev2, FD0),
  CALL(fsync, FD0), CALL(fdatasync, FD0), CALL(ftruncate, FD0), CALL(fallocate, FD0), CALL(fchmod, FD0),
  CALL(fchown, FD0), CALL(fsetxattr, FD0), CALL(sendfile, FD0), CALL(syncfs, FD0),
  CALL(copy_file_range, FD2), CALL(splice, FD2), CALL(ioctl, IOCTL),
  CALL(open, OPEN), CALL(openat, OPENAT), CALL(openat2, OPENAT2), CALL(creat, CREATES),
  CALL(mkdir, PATH0), CALL(mkdirat, PATH1), CALL(mknod, PATH0), CALL(mknodat, PATH1), CALL(link, PATH0),
  CALL(linkat, PATH1), CALL(symlink, PATH0), CALL(symlinkat, PATH0), CALL(rename, PATH0), CALL(renameat, PATH1),
  CALL(renameat2, PATH1), CALL(unlink, PATH0), CALL(unlinkat, PATH1), CALL(rmdir, PATH0), CALL(truncate, PATH0),
  CALL(chmod, PATH0), CALL(fchmodat, PATH1), CALL(chown, PATH0), CALL(lchown, PATH0), CALL(fchownat, PATH1),
  CALL(setxattr, PATH0), CALL(lsetxattr, PATH0), CALL(utimensat, PATH1), CALL(mount, PATH1), CALL(umount2, PATH0),
  CALL(open_tree, PATH1), CALL(move_mount, MOUNT), CALL(fsopen, PATH0), CALL(fsconfig, MOUNT), CALL(fsmount, MOUNT),
  CALL(pivot_root, PATH0), CALL(mount_setattr, PATH1),
  CALL(pipe2, NEWFD), CALL(memfd_create, NEWFD), CALL(socket, NEWFD), CALL(socketpair, NEWFD), CALL(dup, NEWFD),
};
#define COUNT (sizeof CALLS / sizeof *CALLS)

static FILE *out;
static enum kind kind;
static long wanted, seen;
static int error;
static char action;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* Every call of the table stops for the tracer, no other costs anything. */
static void install(void) {
  struct sock_filter code[COUNT + 3];
  code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < COUNT; i++)
    code[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].nr, COUNT - i, 0);
  code[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  struct sock_fprog program = {COUNT + 3, code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) { perror("seccomp"); _exit(125); }
}

static void procText(pid_t pid, const char *what, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
  ssize_t length = readlink(path, text, size - 1);
  text[length > 0 ? length : 0] = 0;
}

static void comm(pid_t pid, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  FILE *file = fopen(path, "r");
  text[0] = 0;
  if (file == NULL) return;
  if (fgets(text, size, file) != NULL) text[strcspn(text, "\n")] = 0;
  fclose(file);
}

static int peek(pid_t pid, unsigned long long at, void *into, size_t size) {
  struct iovec local = {into, size}, remote = {(void *)at, size};
  return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static void stringAt(pid_t pid, unsigned long long at, char *text, size_t size) {
  text[0] = 0;
  size_t page = 4096 - at % 4096;
  if (at == 0) return;
  if (peek(pid, at, text, page < size ? page : size) <= 0) return;
  if (page < size && memchr(text, 0, page) == NULL) peek(pid, at + page, text + page, size - page);
  text[size - 1] = 0;
}

/* Files of the disk, or of the memory that a sweep's store is in; what is a pipe, a socket or a device is nobody's loss. */
static int isFile(const char *text) {
  if (strncmp(text, "/dev/shm/", 9) == 0) return 1;
  return text[0] == '/' && strncmp(text, "/dev/", 5) != 0 && strncmp(text, "/memfd:", 7) != 0;
}

static int ofFd(pid_t pid, int fd, char *text, size_t size) {
  char what[32];
  snprintf(what, sizeof what, "fd/%d", fd);
  procText(pid, what, text, size);
  return isFile(text);
}

/* What the loader and Node read for themselves is none of the command's doing. */
static int isOwn(const char *path) {
  return strstr(path, "/stave-") != NULL || (path[0] != '/' && path[0] != 0);
}

static int matters(pid_t pid, const struct call *call, const struct user_regs_struct *r, char *text, size_t size) {
  unsigned long long flags = 0;
  text[0] = 0;
  switch (call->how) {
    case FD0: return kind != DESCRIPTORS && ofFd(pid, (int)r->rdi, text, size);
    case FD2: return kind != DESCRIPTORS && ofFd(pid, (int)r->rdx, text, size);
    case IOCTL:
      if (r->rsi != 0x40049409 && r->rsi != 0x4020940d && r->rsi != 0x40086602) return 0;
      return kind != DESCRIPTORS && ofFd(pid, (int)r->rdi, text, size);
    case PATH0: stringAt(pid, r->rdi, text, size); return kind != DESCRIPTORS;
    case PATH1: stringAt(pid, r->rsi, text, size); return kind != DESCRIPTORS;
    case CREATES: stringAt(pid, r->rdi, text, size); return 1;
    case MOUNT: return kind != DESCRIPTORS;
    case NEWFD: return kind == DESCRIPTORS;
    case OPEN: stringAt(pid, r->rdi, text, size); flags = r->rsi; break;
    case OPENAT: stringAt(pid, r->rsi, text, size); flags = r->rdx; break;
    case OPENAT2: stringAt(pid, r->rsi, text, size); peek(pid, r->rdx, &flags, sizeof flags); break;
  }
  return kind == DESCRIPTORS ? isOwn(text) : (flags & (O_CREAT | O_TRUNC)) != 0 && isFile(text[0] == '/' ? text : "/");
}

/* Programs of the test's base image; the machine's are elsewhere. */
static int inContainer(pid_t pid) {
  char exe[4096];
  procText(pid, "exe", exe, sizeof exe);
  return strcmp(exe, "/bin/busybox") == 0;
}

static const struct call *callOf(unsigned long long nr) {
  for (size_t i = 0; i < COUNT; i++)
    if ((unsigned long long)CALLS[i].nr == nr) return &CALLS[i];
  return NULL;
}

static void onCall(pid_t pid) {
  struct user_regs_struct regs;
  char text[512], name[32];
  if (ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0) return;
  const struct call *call = callOf(regs.orig_rax);
  if (call == NULL || !matters(pid, call, &regs, text, sizeof text)) return;
  if (kind != WRITES && inContainer(pid)) return;
  seen++;
  if (action != 'c' && seen != wanted) return;
  comm(pid, name, sizeof name);
  fprintf(out, "%ld %s %s %s\n", seen, name, call->name, text);
  if (action == 'k') {
    char path[64], line[128];
    int group = pid;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "Tgid: %d", &group);
    if (status != NULL) fclose(status);
    kill(group, SIGKILL);
  } else if (action == 'e') {
    regs.orig_rax = -1;
    regs.rax = -error;
    ptrace(PTRACE_SETREGS, pid, 0, &regs);
  }
}

static void onTick(int sig) { (void)sig; }

static void sayWhoIsLeft(const char *word) {
  char command[64], line[256];
  snprintf(command, sizeof command, "/proc/%d/task/%d/children", getpid(), getpid());
  fprintf(out, "%s\n", word);
  for (int pid = 2; pid < 4194304; pid++) {
    char path[64];
    int tracer = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    if (status == NULL) continue;
    while (fgets(line, sizeof line, status) != NULL) sscanf(line, "TracerPid: %d", &tracer);
    fclose(status);
    if (tracer != getpid()) continue;
    comm(pid, line, sizeof line);
    fprintf(out, "%s: %d %s\n", word, pid, line);
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 125;
  out = fopen(argv[1], "w");
  kind = argv[2][0] == 'w' ? WRITES : argv[2][0] == 'e' ? ENGINE : DESCRIPTORS;
  wanted = atol(argv[3]);
  action = argv[4][0] >= '0' && argv[4][0] <= '9' ? 'e' : argv[4][0];
  error = atoi(argv[4]);
  int go[2];
  if (out == NULL || pipe2(go, O_CLOEXEC) != 0) return 125;
  fcntl(fileno(out), F_SETFD, FD_CLOEXEC);
  pid_t leader = fork();
  if (leader == 0) {
    char ready;
    close(go[1]);
    if (read(go[0], &ready, 1) != 1) _exit(125);
    install();
    execvp(argv[5], argv + 5);
    perror(argv[5]);
    _exit(127);
  }
  long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SEIZE, leader, 0, options) != 0) { perror("ptrace"); return 125; }
  struct sigaction tick = {.sa_handler = onTick};
  sigaction(SIGALRM, &tick, NULL);
  struct itimerval timer = {{0, 200000}, {0, 200000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  (void)!write(go[1], "g", 1);
  int end = -1;
  double ended = 0, begun = now();
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno == ECHILD) break;
    if (end >= 0 && now() - ended > GRACE) { sayWhoIsLeft("left"); break; }
    if (now() - begun > HUNG) { sayWhoIsLeft("hung"); end = 124; break; }
    if (pid < 0) continue;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid != leader) continue;
      end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      ended = now();
      continue;
    }
    int event = status >> 16, signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) onCall(pid);
    if (event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU))
      ptrace(PTRACE_LISTEN, pid, 0, 0);
    else ptrace(PTRACE_CONT, pid, 0, event == 0 ? signal : 0);
  }
  fprintf(out, "calls %ld\n", seen);
  fclose(out);
  return end;
}
