/* Seizes every process that turns up and says what of the machine it sees of it (RELIABILITY A23). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell(int pid) {
  char path[64], lead[512];
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *fds = opendir(path);
  for (struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;) {
    char link[128];
    snprintf(link, sizeof link, "/proc/%d/fd/%s", pid, entry->d_name);
    ssize_t length = readlink(link, lead, sizeof lead - 1);
    if (length <= 0) continue;
    lead[length] = 0;
    if (lead[0] == '/' && strncmp(lead, "/dev/", 5) != 0 && strncmp(lead, "/proc/", 6) != 0) printf("FD %s\n", lead);
  }
  if (fds != NULL) closedir(fds);
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t length = readlink(path, lead, sizeof lead - 1);
  if (length > 0) {
    lead[length] = 0;
    printf("EXE %s\n", lead);
  }
  fflush(stdout);
}

int main(void) {
  printf("READY\n");
  fflush(stdout);
  for (;;) {
    DIR *all = opendir("/proc");
    for (struct dirent *entry; all != NULL && (entry = readdir(all)) != NULL;) {
      int pid = atoi(entry->d_name);
      if (pid > 1 && pid != getpid() && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
        tell(pid);
        /* What is not let go, or waited for, stays a zombie of ours. */
        if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0) waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, 0, 0);
      }
    }
    if (all != NULL) closedir(all);
  }
}
