// A small guest for programs that try the C interface: RAM, and a driver for the virtio functions that it finds.
//
// It knows virtio from the specification and the library as a bus alone: it reads and writes registers and its own RAM.
#ifndef GUEST_H
#define GUEST_H

#include <scanout.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// RAM of a guest's, in a memfd, and what of it is taken.
typedef struct guest_ram {
  uint8_t *bytes;
  uint64_t base;
  size_t size;
  size_t used;
  int descriptor;
} guest_ram;

// RAM at a guest address; ends the program when the system has none.
guest_ram guest_ram_make(uint64_t base, size_t size);
void guest_ram_end(guest_ram *ram);
// The guest address of so many zeroed bytes, by whole pages.
uint64_t guest_ram_take(guest_ram *ram, size_t count);
// Where a guest address is in this process.
uint8_t *guest_ram_at(guest_ram *ram, uint64_t address);

enum { guest_queue_size = 16 };

// A split virtqueue; every chain is one device-readable and one device-writable buffer at most.
typedef struct guest_queue {
  uint16_t index;
  uint64_t descriptors, available, used;
  uint64_t doorbell;
  uint16_t next, seen;
} guest_queue;

// A virtio function and its driver.
typedef struct guest {
  scanout_device *device;
  guest_ram *ram;
  uint32_t bar;
  uint64_t common, notify, configuration;
  uint32_t notify_multiplier;
  uint32_t msix;  // where its capability is
  guest_queue queues[2];
  uint64_t request, reply;
} guest;

uint32_t guest_read(scanout_device *device, uint32_t region, uint64_t offset, size_t width);
void guest_write(scanout_device *device, uint32_t region, uint64_t offset, size_t width, uint64_t value);

// Finds the virtio structures of a function and brings it up with so many queues; false when it is no such function.
// With vectors every queue has the vector of its number plus 1, whose message is 0xfee00000 and that number.
bool guest_start(guest *guest, scanout_device *device, guest_ram *ram, int queue_count, bool has_vectors);

// Offers a chain, rings, and returns; a count of 0 leaves a buffer out.
void guest_offer(guest *guest, int queue, uint64_t out, uint32_t out_count, uint64_t in, uint32_t in_count);
// Waits until the next chain comes back, 60 seconds at most; the bytes that were written, or -1.
int64_t guest_wait(guest *guest, int queue);
// Whether a chain has come back that was not waited for.
bool guest_has_used(guest *guest, int queue);

// Sends a request of the control queue and returns the reply's type; what follows the header comes in 32-bit words.
uint32_t guest_command(guest *guest, uint32_t type, const uint32_t *words, int count);
// Creates a resource with backing, and returns where its pixels are; 0 when the device refuses.
uint64_t guest_resource(guest *guest, uint32_t id, uint32_t width, uint32_t height);
// Shows a resource on an output; with 0 for the resource the output is off.
bool guest_show(guest *guest, uint32_t output, uint32_t id, uint32_t width, uint32_t height);
// Transfers and flushes a rectangle of a resource.
bool guest_present(guest *guest, uint32_t id, uint32_t resource_width, scanout_rectangle rectangle);

// The picture that is drawn everywhere, for all languages: blue, green, red of a pixel.
static inline void guest_pixel(uint32_t x, uint32_t y, uint8_t pixel[4]) {
  pixel[0] = (uint8_t)x;
  pixel[1] = (uint8_t)y;
  pixel[2] = (uint8_t)(x * 7 + y * 13);
  pixel[3] = 0;
}

// Does all of it: resource 1 with that picture on output 0.
bool guest_draw(guest *guest, uint32_t width, uint32_t height);

#ifdef __cplusplus
}
#endif

#endif
