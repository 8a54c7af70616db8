// The virtio GPU's 2D commands (virtio 1.4 §5.7.6), each one sent, waited for and its answer checked.
#pragma once
#include "way.h"

enum { NO_DATA = 0x1100, DISPLAY_INFO = 0x1101, INVALID_RESOURCE = 0x1203 };
enum { BGRA = 1, BGRX = 2 };

struct gpu {
  struct device *device;
  const struct way *way;
  struct queue queues[QUEUES];
  uint32_t fence;
};
struct area {
  uint32_t x, y, width, height;
};
// A piece of a resource's backing, as it goes to the device.
struct piece {
  uint32_t address, address_high, length, padding;
};

bool gpu_display_info(struct gpu *gpu, struct area *first, bool *is_enabled);
bool gpu_create(struct gpu *gpu, uint32_t resource, uint32_t format, uint32_t width, uint32_t height);
bool gpu_attach(struct gpu *gpu, uint32_t resource, struct piece *pieces, uint32_t count);
bool gpu_set_scanout(struct gpu *gpu, uint32_t scanout, uint32_t resource, struct area area);
bool gpu_transfer(struct gpu *gpu, uint32_t resource, struct area area, uint32_t offset);
bool gpu_flush(struct gpu *gpu, uint32_t resource, struct area area, uint32_t answer);
// Both in one notification.
bool gpu_transfer_and_flush(struct gpu *gpu, uint32_t resource, struct area area, uint32_t offset);
bool gpu_update_cursor(struct gpu *gpu, uint32_t resource, uint32_t x, uint32_t y, uint32_t hot_x,
                       uint32_t hot_y);
bool gpu_move_cursor(struct gpu *gpu, uint32_t x, uint32_t y);

// The device's interrupt; how many answers came without one, and how many interrupts without a reason.
void gpu_interrupt(struct gpu *gpu);
extern uint32_t missed_interrupts, empty_interrupts;
