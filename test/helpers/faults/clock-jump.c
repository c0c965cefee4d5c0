/*
 * For LD_PRELOAD: node's wall clock goes by CLOCK_JUMP ("SECONDS AFTER") seconds, from the AFTERth time it is asked for.
 * The monotonic clock, files' times and other programs are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;
static long seconds, after;

__attribute__((constructor)) static void begin(void) {
  char exe[4096];
  ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  exe[length > 0 ? length : 0] = 0;
  const char *name = strrchr(exe, '/'), *jump = getenv("CLOCK_JUMP");
  if (name == NULL || strcmp(name, "/node") != 0 || jump == NULL || sscanf(jump, "%ld %ld", &seconds, &after) != 2)
    seconds = 0;
}

static long jump(void) {
  return seconds != 0 && atomic_fetch_add(&calls, 1) >= after ? seconds : 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "gettimeofday");
  int done = real(time, zone);
  if (done == 0 && time != NULL) time->tv_sec += jump();
  return done;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int done = real(clock, time);
  if (done == 0 && clock == CLOCK_REALTIME) time->tv_sec += jump();
  return done;
}
