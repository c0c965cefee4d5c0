/*
 * For LD_PRELOAD: of each four reads and writes of a regular file whose path has "/stave-" in it, three take fewer bytes
 * than they were given, and of each five writes one is told first that a signal came (EINTR; Node hands an interrupted
 * read to who asked for it, so only what it tries again itself is interrupted). Other files, pipes, sockets and programs
 * other than node are left alone. SHORT_CALLS names a file that gets a dot for each call that was cut short.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_ulong calls, writes;
static int ours, log_fd = -1;

#define REAL(name) ({ static __typeof__(name) *real; if (real == NULL) real = dlsym(RTLD_NEXT, #name); real; })

__attribute__((constructor)) static void begin(void) {
  char exe[4096];
  ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  exe[length > 0 ? length : 0] = 0;
  const char *name = strrchr(exe, '/'), *log = getenv("SHORT_CALLS");
  ours = name != NULL && strcmp(name, "/node") == 0;
  if (ours && log != NULL) log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int matters(int fd) {
  if (!ours || fd == log_fd) return 0;
  struct stat stat;
  int before = errno, found = 0;
  if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    found = strstr(path, "/stave-") != NULL;
  }
  errno = before;
  return found;
}

/* Of 1 byte at least: 0 would be the end of the file. */
static size_t cut(int fd, size_t count) {
  if (count < 2 || !matters(fd)) return count;
  unsigned long n = atomic_fetch_add(&calls, 1);
  if (n % 4 == 3) return count;
  size_t most = n % 4 == 0 ? count / 2 : n % 4 == 1 ? count - 1 : 1 + n * 7919 % 65521;
  if (most >= count) return count;
  if (log_fd >= 0) (void)!REAL(write)(log_fd, ".", 1);
  return most;
}

static int interrupted(int fd) {
  if (!matters(fd) || atomic_fetch_add(&writes, 1) % 5 != 0) return 0;
  errno = EINTR;
  return 1;
}

ssize_t read(int fd, void *into, size_t count) { return REAL(read)(fd, into, cut(fd, count)); }
ssize_t pread64(int fd, void *into, size_t count, off64_t at) { return REAL(pread64)(fd, into, cut(fd, count), at); }
ssize_t write(int fd, const void *from, size_t count) {
  return interrupted(fd) ? -1 : REAL(write)(fd, from, cut(fd, count));
}
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
  return interrupted(fd) ? -1 : REAL(pwrite64)(fd, from, cut(fd, count), at);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t count) {
  return REAL(sendfile64)(to, from, at, cut(to, count));
}
/* Of several buffers only the first is written. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return interrupted(fd) ? -1 : REAL(writev)(fd, parts, count > 1 && matters(fd) ? 1 : count);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return interrupted(fd) ? -1 : REAL(pwritev64)(fd, parts, count > 1 && matters(fd) ? 1 : count, at);
}
