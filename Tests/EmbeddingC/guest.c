#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// ---- RAM

guest_ram guest_ram_make(uint64_t base, size_t size) {
  guest_ram ram = {.base = base, .size = size};
  ram.descriptor = memfd_create("guest", MFD_CLOEXEC);
  if (ram.descriptor >= 0 && ftruncate(ram.descriptor, (off_t)size) == 0)
    ram.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram.descriptor, 0);
  if (ram.bytes == NULL || ram.bytes == MAP_FAILED) {
    perror("guest RAM");
    exit(3);
  }
  return ram;
}

void guest_ram_end(guest_ram *ram) {
  munmap(ram->bytes, ram->size);
  close(ram->descriptor);
}

uint64_t guest_ram_take(guest_ram *ram, size_t count) {
  size_t start = ram->used;
  ram->used += (count + 4095) & ~(size_t)4095;
  if (ram->used > ram->size) {
    fprintf(stderr, "the guest is out of RAM\n");
    exit(3);
  }
  memset(ram->bytes + start, 0, ram->used - start);
  return ram->base + start;
}

uint8_t *guest_ram_at(guest_ram *ram, uint64_t address) { return ram->bytes + (address - ram->base); }

static void put(uint8_t *at, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

// The index of the device's, before what it speaks of.
static uint16_t used_index(guest *guest, guest_queue *queue) {
  uint16_t *index = (uint16_t *)(void *)(guest_ram_at(guest->ram, queue->used) + 2);
  return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

// ---- Registers

uint32_t guest_read(scanout_device *device, uint32_t region, uint64_t offset, size_t width) {
  uint8_t bytes[4] = {0};
  if (scanout_device_read(device, region, offset, bytes, width) != 0) abort();
  return (uint32_t)get(bytes, 4);
}

void guest_write(scanout_device *device, uint32_t region, uint64_t offset, size_t width, uint64_t value) {
  uint8_t bytes[8];
  put(bytes, 8, value);
  if (scanout_device_write(device, region, offset, bytes, width) != 0) abort();
}

static uint32_t configuration(guest *guest, uint32_t offset, size_t width) {
  return guest_read(guest->device, SCANOUT_REGION_CONFIG, offset, width);
}

// The capabilities of virtio 1.4 §4.1.4; false when the two that a driver needs are not there.
static bool find_structures(guest *guest) {
  enum { vendor = 0x09, msix = 0x11, common_type = 1, notify_type = 2, device_type = 4 };
  for (uint32_t at = configuration(guest, 0x34, 1); at != 0; at = configuration(guest, at + 1, 1)) {
    if (configuration(guest, at, 1) == msix) guest->msix = at;
    if (configuration(guest, at, 1) != vendor) continue;
    uint32_t offset = configuration(guest, at + 8, 4);
    switch (configuration(guest, at + 3, 1)) {
    case common_type:
      guest->bar = configuration(guest, at + 4, 1);
      guest->common = offset;
      break;
    case notify_type:
      guest->notify = offset;
      guest->notify_multiplier = configuration(guest, at + 16, 4);
      break;
    case device_type: guest->configuration = offset; break;
    default: break;
    }
  }
  return guest->notify_multiplier != 0;
}

// Common configuration, virtio 1.4 §4.1.4.3.
enum {
  feature_select = 0x08, feature = 0x0c, device_status = 0x14, queue_select = 0x16, queue_size = 0x18,
  queue_vector = 0x1a, queue_enable = 0x1c, queue_notify_off = 0x1e, queue_desc = 0x20, queue_driver = 0x28,
  queue_device = 0x30
};
enum { acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8 };

static void set(guest *guest, uint32_t offset, size_t width, uint64_t value) {
  guest_write(guest->device, guest->bar, guest->common + offset, width, value);
}

static void set_address(guest *guest, uint32_t offset, uint64_t address) {
  set(guest, offset, 4, address);
  set(guest, offset + 4, 4, address >> 32);
}

static void start_queue(guest *guest, int index, bool has_vectors) {
  guest_queue *queue = &guest->queues[index];
  memset(queue, 0, sizeof *queue);
  queue->index = (uint16_t)index;
  queue->descriptors = guest_ram_take(guest->ram, 16 * guest_queue_size);
  queue->available = guest_ram_take(guest->ram, 6 + 2 * guest_queue_size);
  queue->used = guest_ram_take(guest->ram, 6 + 8 * guest_queue_size);
  set(guest, queue_select, 2, (uint64_t)index);
  set(guest, queue_size, 2, guest_queue_size);
  if (has_vectors) set(guest, queue_vector, 2, (uint64_t)index + 1);
  uint32_t place = guest_read(guest->device, guest->bar, guest->common + queue_notify_off, 2);
  queue->doorbell = guest->notify + (uint64_t)place * guest->notify_multiplier;
  set_address(guest, queue_desc, queue->descriptors);
  set_address(guest, queue_driver, queue->available);
  set_address(guest, queue_device, queue->used);
  set(guest, queue_enable, 2, 1);
}

bool guest_start(guest *guest, scanout_device *device, guest_ram *ram, int queue_count, bool has_vectors) {
  memset(guest, 0, sizeof *guest);
  guest->device = device;
  guest->ram = ram;
  if (configuration(guest, 0, 2) != 0x1af4 || !find_structures(guest)) return false;
  guest_write(device, SCANOUT_REGION_CONFIG, 4, 2, 6);  // memory space, bus master
  guest->request = guest_ram_take(ram, 4096);
  guest->reply = guest_ram_take(ram, 4096);
  set(guest, device_status, 1, 0);
  while (guest_read(device, guest->bar, guest->common + device_status, 1) != 0) {
  }
  if (has_vectors) {
    uint32_t table = configuration(guest, guest->msix + 4, 4);
    for (uint32_t vector = 0; vector <= (uint32_t)queue_count; vector++) {
      uint64_t entry = (table & ~7u) + 16 * vector;
      guest_write(device, table & 7, entry, 4, 0xfee00000);
      guest_write(device, table & 7, entry + 4, 4, 0);
      guest_write(device, table & 7, entry + 8, 4, vector);
      guest_write(device, table & 7, entry + 12, 4, 0);
    }
    guest_write(device, SCANOUT_REGION_CONFIG, guest->msix + 2, 2, 0x8000);
    set(guest, 0x10, 2, 0);  // vector 0 for changes of the configuration
  }
  set(guest, device_status, 1, acknowledge | driver);
  set(guest, feature_select, 4, 1);
  set(guest, feature, 4, 1);  // VIRTIO_F_VERSION_1 and nothing else
  set(guest, device_status, 1, acknowledge | driver | features_ok);
  if (!(guest_read(device, guest->bar, guest->common + device_status, 1) & features_ok)) return false;
  for (int index = 0; index < queue_count; index++) start_queue(guest, index, has_vectors);
  set(guest, device_status, 1, acknowledge | driver | features_ok | driver_ok);
  return true;
}

// ---- Rings (virtio 1.4 §2.7)

void guest_offer(guest *guest, int index, uint64_t out, uint32_t out_count, uint64_t in, uint32_t in_count) {
  guest_queue *queue = &guest->queues[index];
  uint32_t first = (uint32_t)(queue->next * 2) % guest_queue_size;
  uint8_t *table = guest_ram_at(guest->ram, queue->descriptors);
  uint32_t at = first;
  if (out_count > 0) {
    put(table + 16 * at, 8, out);
    put(table + 16 * at + 8, 4, out_count);
    put(table + 16 * at + 12, 2, in_count > 0);  // VIRTQ_DESC_F_NEXT
    put(table + 16 * at + 14, 2, at + 1);
    at++;
  }
  if (in_count > 0) {
    put(table + 16 * at, 8, in);
    put(table + 16 * at + 8, 4, in_count);
    put(table + 16 * at + 12, 2, 2);  // VIRTQ_DESC_F_WRITE
  }
  uint8_t *available = guest_ram_at(guest->ram, queue->available);
  put(available + 4 + 2 * (queue->next % guest_queue_size), 2, first);
  queue->next++;
  __atomic_store_n((uint16_t *)(void *)(available + 2), queue->next, __ATOMIC_SEQ_CST);
  guest_write(guest->device, guest->bar, queue->doorbell, 2, queue->index);
}

bool guest_has_used(guest *guest, int index) {
  return used_index(guest, &guest->queues[index]) != guest->queues[index].seen;
}

int64_t guest_wait(guest *guest, int index) {
  guest_queue *queue = &guest->queues[index];
  for (int waited = 0; !guest_has_used(guest, index); waited++) {
    if (waited == 600000) return -1;
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  const uint8_t *used = guest_ram_at(guest->ram, queue->used);
  return (int64_t)get(used + 4 + 8 * (queue->seen++ % guest_queue_size) + 4, 4);
}

// ---- Pictures (virtio 1.4 §5.7.6.8)

uint32_t guest_command(guest *guest, uint32_t type, const uint32_t *words, int count) {
  uint8_t *request = guest_ram_at(guest->ram, guest->request);
  memset(request, 0, 24);
  put(request, 4, type);
  for (int i = 0; i < count; i++) put(request + 24 + 4 * i, 4, words[i]);
  guest_offer(guest, 0, guest->request, 24 + 4 * (uint32_t)count, guest->reply, 4096);
  if (guest_wait(guest, 0) < 24) return 0;
  return (uint32_t)get(guest_ram_at(guest->ram, guest->reply), 4);
}

enum { create_2d = 0x101, set_scanout = 0x103, flush = 0x104, transfer = 0x105, attach_backing = 0x106, done = 0x1100 };

uint64_t guest_resource(guest *guest, uint32_t id, uint32_t width, uint32_t height) {
  uint64_t pixels = guest_ram_take(guest->ram, (size_t)width * height * 4);
  uint32_t format = 2;  // B8G8R8X8
  uint32_t create[] = {id, format, width, height};
  uint32_t attach[] = {id, 1, (uint32_t)pixels, (uint32_t)(pixels >> 32), width * height * 4, 0};
  if (guest_command(guest, create_2d, create, 4) != done) return 0;
  return guest_command(guest, attach_backing, attach, 6) == done ? pixels : 0;
}

bool guest_show(guest *guest, uint32_t output, uint32_t id, uint32_t width, uint32_t height) {
  uint32_t show[] = {0, 0, width, height, output, id};
  return guest_command(guest, set_scanout, show, 6) == done;
}

bool guest_present(guest *guest, uint32_t id, uint32_t resource_width, scanout_rectangle r) {
  uint32_t offset = (r.y * resource_width + r.x) * 4;
  uint32_t move[] = {r.x, r.y, r.width, r.height, offset, 0, id, 0};
  uint32_t show[] = {r.x, r.y, r.width, r.height, id, 0};
  return guest_command(guest, transfer, move, 8) == done && guest_command(guest, flush, show, 6) == done;
}

bool guest_draw(guest *guest, uint32_t width, uint32_t height) {
  uint64_t pixels = guest_resource(guest, 1, width, height);
  if (pixels == 0 || !guest_show(guest, 0, 1, width, height)) return false;
  uint8_t *pixel = guest_ram_at(guest->ram, pixels);
  for (uint32_t y = 0; y < height; y++)
    for (uint32_t x = 0; x < width; x++, pixel += 4) guest_pixel(x, y, pixel);
  scanout_rectangle all = {0, 0, width, height};
  return guest_present(guest, 1, width, all);
}
