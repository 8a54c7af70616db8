// The legacy interface: one I/O register file in BAR 0 (virtio 1.4 §4.1.4.10).
#include "way.h"

enum {
  DEVICE_FEATURES = 0,
  DRIVER_FEATURES = 4,
  QUEUE_ADDRESS = 8,
  QUEUE_SIZE = 12,
  QUEUE_SELECT = 14,
  QUEUE_NOTIFY = 16,
  DEVICE_STATUS = 18,
  ISR_STATUS = 19,
  DEVICE_CONFIG = 20 // with MSI-X disabled
};
enum { PAGE = 4096 };

static bool open_legacy(struct device *device) {
  const struct bar *bar = &device->pci.bars[0];
  device->io = (uint16_t)bar->at;
  return bar->is_io && bar->size >= DEVICE_CONFIG + 16;
}

static uint8_t status(struct device *device) { return in8(device->io + DEVICE_STATUS); }
static void set_status(struct device *device, uint8_t value) { out8(device->io + DEVICE_STATUS, value); }

static uint32_t features(struct device *device, uint32_t word) {
  return word ? 0 : in32(device->io + DEVICE_FEATURES);
}

static void accept(struct device *device, uint32_t word, uint32_t value) {
  if (!word) out32(device->io + DRIVER_FEATURES, value);
}

static uint16_t largest(struct device *device, uint16_t queue) {
  out16(device->io + QUEUE_SELECT, queue);
  return in16(device->io + QUEUE_SIZE);
}

static bool place(struct device *device, struct queue *queue) {
  ring_allocate_whole(queue, PAGE);
  out16(device->io + QUEUE_SELECT, queue->number);
  out16(device->io + QUEUE_SIZE, 4); // the device's word alone
  bool is_free = in32(device->io + QUEUE_ADDRESS) == 0 && in16(device->io + QUEUE_SIZE) == queue->size;
  uint32_t page = (uint32_t)queue->descriptors / PAGE;
  out32(device->io + QUEUE_ADDRESS, page);
  return is_free && in32(device->io + QUEUE_ADDRESS) == page;
}

static void notify(struct device *device, uint16_t queue) { out16(device->io + QUEUE_NOTIFY, queue); }
static uint8_t take_interrupt(struct device *device) { return in8(device->io + ISR_STATUS); }
static uint32_t config(struct device *device, uint32_t offset) {
  return in32(device->io + DEVICE_CONFIG + offset);
}

const struct way legacy_way = {
    .name = "legacy",
    .has_version_1 = false,
    .chooses_size = false,
    .open = open_legacy,
    .status = status,
    .set_status = set_status,
    .features = features,
    .accept = accept,
    .largest = largest,
    .place = place,
    .notify = notify,
    .take_interrupt = take_interrupt,
    .config = config,
};
