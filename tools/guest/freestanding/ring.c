#include "ring.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, TABLE_LENGTH = 4 };
_Static_assert(sizeof(struct descriptor) == 16, "virtio 1.4 §2.7.5");

void ring_allocate_apart(struct queue *queue) {
  allocate(16, 4096); // off the page, where a legacy address could not be
  queue->descriptors = allocate(16u * queue->size, 16);
  allocate(2, 2);
  queue->available = allocate(6u + 2u * queue->size, 2);
  allocate(4, 8);
  queue->used = allocate(6u + 8u * queue->size, 4);
}

void ring_allocate_whole(struct queue *queue, uint32_t alignment) {
  uint32_t behind = 16u * queue->size + 6u + 2u * queue->size;
  uint32_t used = (behind + alignment - 1) & -alignment;
  uint32_t unit = alignment < 16 ? 16 : alignment;
  uint8_t *start = allocate(unit + used + 6u + 8u * queue->size, 2 * unit);
  start += unit;
  queue->descriptors = (void *)start;
  queue->available = (void *)(start + 16u * queue->size);
  queue->used = (void *)(start + used);
}

void ring_use_tables(struct queue *queue) {
  queue->tables = allocate((uint32_t)sizeof(struct descriptor) * TABLE_LENGTH * queue->size, 16);
}

uint16_t ring_add(struct queue *queue, const struct part *parts, unsigned count) {
  uint16_t mask = queue->size - 1, head = queue->next_descriptor & mask;
  struct descriptor *table = queue->tables ? &queue->tables[head * TABLE_LENGTH] : NULL;
  for (unsigned index = 0; index < count; index++) {
    struct descriptor one = {(uint32_t)parts[index].at, 0, parts[index].length, 0, 0};
    uint16_t next = table ? (uint16_t)(index + 1) : (head + index + 1) & mask;
    one.flags = (parts[index].is_writable ? WRITE : 0) | (index + 1 < count ? NEXT : 0);
    if (index + 1 < count) one.next = next;
    if (table) table[index] = one;
    else queue->descriptors[(head + index) & mask] = one;
  }
  if (table) queue->descriptors[head] = (struct descriptor){(uint32_t)table, 0, 16 * count, INDIRECT, 0};
  queue->next_descriptor += table ? 1 : count;
  queue->available->ring[queue->added & mask] = head;
  barrier(); // the entry before the index (§2.7.13.2)
  queue->available->index = ++queue->added;
  return head;
}

bool ring_take(struct queue *queue, struct used_element *element) {
  if (queue->used->index == queue->seen) return false;
  barrier();
  *element = queue->used->ring[queue->seen++ & (queue->size - 1)];
  return true;
}
