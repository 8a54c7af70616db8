// The kernel's own VFIO structures, for the tests to compare ours with, and calls that only Linux has.
#include <linux/vfio.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

// `struct vfio_irq_set` ends in a flexible array, so Swift cannot make one: these are the places of its fields.
struct vfio_test_offsets {
  long argsz, flags, index, start, count, data;
};

static inline struct vfio_test_offsets vfio_test_irq_set_offsets(void) {
  struct vfio_test_offsets offsets = {
      offsetof(struct vfio_irq_set, argsz), offsetof(struct vfio_irq_set, flags), offsetof(struct vfio_irq_set, index),
      offsetof(struct vfio_irq_set, start), offsetof(struct vfio_irq_set, count), offsetof(struct vfio_irq_set, data),
  };
  return offsets;
}

// Gives the calling thread a table of descriptors of its own: 0, or -1.
static inline long vfio_test_own_descriptors(void) { return syscall(SYS_unshare, 0x400 /* CLONE_FILES */); }
