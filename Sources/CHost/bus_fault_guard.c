// A file that shrinks under its mapping turns the next access into SIGBUS. The guard puts a page of zeros in the
// lost page's place, so that a guest or a VMM that shrinks its memory cannot kill the device's process.
#include "CHost.h"

#include <signal.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/vfs.h>

enum { slot_count = 16384 };

// A slot is free while its end is 0. The handler reads the start first published by the end.
static struct {
  _Atomic uintptr_t start;
  _Atomic uintptr_t end;
  _Atomic size_t page_size;
} slots[slot_count];

static _Atomic int highest_slot = -1;
static _Atomic uint64_t faults;
static atomic_flag installed = ATOMIC_FLAG_INIT;
static struct sigaction previous;
static atomic_bool is_installed;

// The size of the page at a guarded address, 0 for an address that is not guarded.
static size_t guarded_page_size(uintptr_t address) {
  int last = atomic_load_explicit(&highest_slot, memory_order_acquire);
  for (int i = 0; i <= last; i++) {
    uintptr_t end = atomic_load_explicit(&slots[i].end, memory_order_acquire);
    if (end == 0) continue;
    if (address >= atomic_load_explicit(&slots[i].start, memory_order_relaxed) && address < end)
      return atomic_load_explicit(&slots[i].page_size, memory_order_relaxed);
  }
  return 0;
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context) {
  int saved = errno;
  uintptr_t address = (uintptr_t)info->si_addr;
  // A SIGBUS that another process sent with kill has no address to mend (si_code <= 0).
  size_t page_size = info->si_code > 0 ? guarded_page_size(address) : 0;
  if (page_size != 0) {
    void *page = (void *)(address & ~(uintptr_t)(page_size - 1));
    if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
      atomic_fetch_add_explicit(&faults, 1, memory_order_relaxed);
      errno = saved;
      return;
    }
  }
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal_number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal_number);
  } else {
    // Nobody else wants it: let the default action have it when the access is tried again.
    struct sigaction fallback;
    memset(&fallback, 0, sizeof fallback);
    fallback.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &fallback, NULL);
    if (info->si_code <= 0) raise(SIGBUS);
  }
  errno = saved;
}

int chost_install_bus_fault_guard(void) {
  if (atomic_flag_test_and_set(&installed)) return 0;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, NULL, &previous) != 0 || sigaction(SIGBUS, &action, NULL) != 0) {
    int error = errno;
    atomic_flag_clear(&installed);
    return -error;
  }
  atomic_store(&is_installed, true);
  return 0;
}

bool chost_has_bus_fault_guard(void) { return atomic_load(&is_installed); }

size_t chost_page_size(int fd) {
  struct statfs system;
  if (fstatfs(fd, &system) == 0 && system.f_type == HUGETLBFS_MAGIC) return (size_t)system.f_bsize;
  return (size_t)sysconf(_SC_PAGESIZE);
}

int chost_guard_range(const void *start, size_t count, size_t page_size) {
  for (int i = 0; i < slot_count; i++) {
    uintptr_t expected = 0;
    // Taken by an end below every address, so that the handler never matches a half-written slot.
    if (!atomic_compare_exchange_strong(&slots[i].end, &expected, 1)) continue;
    atomic_store_explicit(&slots[i].start, (uintptr_t)start, memory_order_relaxed);
    atomic_store_explicit(&slots[i].page_size, page_size, memory_order_relaxed);
    atomic_store_explicit(&slots[i].end, (uintptr_t)start + count, memory_order_release);
    int last = atomic_load(&highest_slot);
    while (last < i && !atomic_compare_exchange_weak(&highest_slot, &last, i)) {
    }
    return i;
  }
  return -1;
}

void chost_unguard_range(int slot) {
  if (slot >= 0 && slot < slot_count) atomic_store_explicit(&slots[slot].end, 0, memory_order_release);
}

uint64_t chost_bus_faults(void) { return atomic_load_explicit(&faults, memory_order_relaxed); }
