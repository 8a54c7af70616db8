// The system's own layouts, to hold the simulator's against.
#ifndef C_SYSTEM_HEADERS_H
#define C_SYSTEM_HEADERS_H

#include <linux/input.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_input.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

// Structures with arrays of unknown length do not reach Swift whole; their offsets do.
enum {
  SYSTEM_VFIO_IRQ_SET_COUNT_OFFSET = offsetof(struct vfio_irq_set, count),
  SYSTEM_VFIO_IRQ_SET_DATA_OFFSET = offsetof(struct vfio_irq_set, data),
  SYSTEM_VRING_AVAIL_RING_OFFSET = offsetof(struct vring_avail, ring),
  SYSTEM_VRING_USED_RING_OFFSET = offsetof(struct vring_used, ring),
};

#endif
