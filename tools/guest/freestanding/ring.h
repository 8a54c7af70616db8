// A split virtqueue (virtio 1.4 §2.7), driver's side.
#pragma once
#include "machine.h"

struct descriptor {
  uint32_t address, address_high, length;
  uint16_t flags, next;
};
struct available {
  uint16_t flags, index, ring[];
};
struct used_element {
  uint32_t id, length;
};
struct used {
  uint16_t flags, index;
  struct used_element ring[];
};
struct queue {
  uint16_t number, size;
  volatile struct descriptor *descriptors;
  volatile struct available *available;
  volatile struct used *used;
  struct descriptor *tables; // one indirect table of 4 for each descriptor, or none
  uint16_t next_descriptor, added, seen;
};
// A buffer's part; its device-readable parts come first.
struct part {
  void *at;
  uint32_t length;
  bool is_writable;
};

// Three areas of their own, each aligned to no more than it has to be (§2.7).
void ring_allocate_apart(struct queue *queue);
// One contiguous piece with the used ring at a multiple of `alignment`, as legacy queues lie (§2.7.2). It
// begins at an odd multiple of 16 or of `alignment`, whichever is more.
void ring_allocate_whole(struct queue *queue, uint32_t alignment);
void ring_use_tables(struct queue *queue);

// Adds a buffer to the available ring; the descriptor's number that the device will give back.
uint16_t ring_add(struct queue *queue, const struct part *parts, unsigned count);
// True, with the element, when the device has used another buffer.
bool ring_take(struct queue *queue, struct used_element *element);
