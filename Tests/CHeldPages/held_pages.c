#define _GNU_SOURCE
#include "held_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uintptr_t held_start;
static size_t held_size;
static int touched[2], released[2];
static struct sigaction previous;

// Only what a signal handler may do. It is called on the thread that touched the pages, and returning tries again.
static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  int saved = errno;
  uintptr_t address = (uintptr_t)info->si_addr;
  char byte = 0;
  if (address >= held_start && address - held_start < held_size) {
    ssize_t told = write(touched[1], &byte, 1);
    (void)told;
    // The end of the pipe lets everybody go on.
    while (read(released[0], &byte, 1) < 0 && errno == EINTR) {
    }
  } else {
    sigaction(SIGSEGV, &previous, NULL);  // somebody else's: the access is tried again without this handler
  }
  errno = saved;
}

int held_pages_hold(void *start, size_t size) {
  // A program that another test starts meanwhile may not keep the end that lets everybody go on.
  if (pipe2(touched, O_CLOEXEC) != 0) return -errno;
  if (pipe2(released, O_CLOEXEC) != 0) return -errno;
  held_start = (uintptr_t)start;
  held_size = size;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSEGV, &action, &previous) != 0) return -errno;
  return mprotect(start, size, PROT_NONE) == 0 ? 0 : -errno;
}

int held_pages_await(int milliseconds) {
  struct pollfd waiting = {.fd = touched[0], .events = POLLIN};
  return poll(&waiting, 1, milliseconds) == 1;
}

void held_pages_release(void) {
  mprotect((void *)held_start, held_size, PROT_READ | PROT_WRITE);
  close(released[1]);
  // Whoever was held has to have left the handler before its pipe goes: the descriptors stay for the process's life.
  sigaction(SIGSEGV, &previous, NULL);
}
