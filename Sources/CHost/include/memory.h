#ifndef CHOST_MEMORY_H
#define CHOST_MEMORY_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/// The size of a regular file (memfds are), or a negative errno; -EINVAL for what is no regular file.
static inline int64_t chost_file_size(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -errno;
  if (!S_ISREG(status.st_mode)) return -EINVAL;
  return status.st_size;
}

/// Whether the file is sealed against shrinking, so that a mapping inside its size cannot lose its pages.
static inline bool chost_is_sealed_against_shrinking(int fd) {
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

/// A new memfd of `size` bytes, sealed against shrinking if asked, or a negative errno.
static inline int chost_memfd(const char *name, uint64_t size, bool sealed) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)size) != 0 || (sealed && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

/// Makes SIGBUS inside registered ranges harmless: the page that is gone is replaced by a page of zeros.
///
/// The handler acts only inside registered ranges and hands every other SIGBUS to the handler that was there
/// before. Returns 0 or a negative errno; a second call does nothing.
int chost_install_bus_fault_guard(void);

/// Whether the guard was installed.
bool chost_has_bus_fault_guard(void);

/// Registers a mapped range of whole pages with the guard; returns a slot of 0 or more, or -1 when all slots are taken.
///
/// `page_size` is that of the mapped file, `chost_page_size`: a huge page can only be replaced as a whole.
int chost_guard_range(const void *start, size_t count, size_t page_size);

/// The size of the pages that a mapping of the file has: the system's, or those of a file of huge pages.
size_t chost_page_size(int fd);

/// Gives a slot back; before the range is unmapped.
void chost_unguard_range(int slot);

/// How many pages the guard has replaced since the program started.
uint64_t chost_bus_faults(void);

#endif
