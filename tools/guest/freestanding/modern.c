// The modern interface (virtio 1.4 §4.1.4) by capabilities, and the project's contiguous-ring register file,
// which takes the place of the three queue addresses and shares all else.
#include "way.h"

enum { COMMON = 1, NOTIFY, ISR, DEVICE, VENDOR = 9 };
enum { VENDOR_CAPABILITY = 0x09 };
// The extension's owner; the rest of its mark is the signature.
enum { RING_VENDOR = 0x5304, RING_VERSION = 1, RING_SIGNATURE = 0x474e4952 };
enum {
  DEVICE_FEATURE_SELECT = 0x00,
  DEVICE_FEATURE = 0x04,
  DRIVER_FEATURE_SELECT = 0x08,
  DRIVER_FEATURE = 0x0c,
  DEVICE_STATUS = 0x14,
  QUEUE_SELECT = 0x16,
  QUEUE_SIZE = 0x18,
  QUEUE_ENABLE = 0x1c,
  QUEUE_NOTIFY_OFF = 0x1e,
  QUEUE_DESC = 0x20,
  QUEUE_DRIVER = 0x28,
  QUEUE_DEVICE = 0x30
};
// The contiguous-ring register file.
enum {
  RING_ADDRESS = 0x00,
  RING_ALIGN = 0x08,
  RING_SIZE = 0x0c,
  RING_SELECT = 0x0e,
  RING_ENABLE = 0x10,
  RING_END = 0x12
};

static uint8_t get8(volatile uint8_t *at) { return *at; }
static uint16_t get16(volatile uint8_t *at) { return *(volatile uint16_t *)at; }
static uint32_t get32(volatile uint8_t *at) { return *(volatile uint32_t *)at; }
static void set8(volatile uint8_t *at, uint8_t value) { *at = value; }
static void set16(volatile uint8_t *at, uint16_t value) { *(volatile uint16_t *)at = value; }
static void set32(volatile uint8_t *at, uint32_t value) { *(volatile uint32_t *)at = value; }
// 64 bits as two halves (§4.1.3.1).
static void set_address(volatile uint8_t *at, volatile void *address) {
  set32(at, (uint32_t)address);
  set32(at + 4, 0);
}

static volatile uint8_t *region(struct device *device, uint8_t bar, uint32_t offset, uint32_t length,
                                uint32_t least) {
  if (bar > 5) return NULL;
  const struct bar *found = &device->pci.bars[bar];
  if (!found->size || found->is_io || length < least || offset > found->size || length > found->size - offset)
    return NULL;
  return (volatile uint8_t *)(found->at + offset);
}

static uint8_t find(struct device *device, uint8_t type) {
  uint8_t at = 0;
  while ((at = pci_capability(&device->pci, VENDOR_CAPABILITY, at)))
    if (pci_read(&device->pci, at + 3, 1) == type) return at;
  return 0;
}

static volatile uint8_t *structure(struct device *device, uint8_t type, uint32_t least) {
  uint8_t at = find(device, type);
  if (!at) return NULL;
  return region(device, (uint8_t)pci_read(&device->pci, at + 4, 1), pci_read(&device->pci, at + 8, 4),
                pci_read(&device->pci, at + 12, 4), least);
}

static bool open_modern(struct device *device) {
  device->common = structure(device, COMMON, 0x38);
  device->isr = structure(device, ISR, 1);
  device->config = structure(device, DEVICE, 16);
  device->doorbells = structure(device, NOTIFY, 2);
  if (!device->common || !device->isr || !device->config || !device->doorbells) return false;
  device->doorbell_stride = pci_read(&device->pci, find(device, NOTIFY) + 16, 4);
  return true;
}

static bool open_contiguous(struct device *device) {
  uint8_t at = find(device, VENDOR);
  if (!at || !open_modern(device)) return false;
  const struct pci_function *pci = &device->pci;
  print("note ring capability of vendor %x, version %u\n", pci_read(pci, at + 4, 2),
        pci_read(pci, at + 7, 1));
  if (pci_read(pci, at + 4, 2) != RING_VENDOR || pci_read(pci, at + 7, 1) != RING_VERSION
      || pci_read(pci, at + 16, 4) != RING_SIGNATURE)
    return false;
  device->rings = region(device, (uint8_t)pci_read(pci, at + 6, 1), pci_read(pci, at + 8, 4),
                         pci_read(pci, at + 12, 4), RING_END);
  return device->rings != NULL;
}

static uint8_t status(struct device *device) { return get8(device->common + DEVICE_STATUS); }
static void set_status(struct device *device, uint8_t value) { set8(device->common + DEVICE_STATUS, value); }

static uint32_t features(struct device *device, uint32_t word) {
  set32(device->common + DEVICE_FEATURE_SELECT, word);
  return get32(device->common + DEVICE_FEATURE);
}

static void accept(struct device *device, uint32_t word, uint32_t value) {
  set32(device->common + DRIVER_FEATURE_SELECT, word);
  set32(device->common + DRIVER_FEATURE, value);
}

static uint16_t largest(struct device *device, uint16_t queue) {
  set16(device->common + QUEUE_SELECT, queue);
  return get16(device->common + QUEUE_SIZE);
}

static void select(struct device *device, struct queue *queue) {
  set16(device->common + QUEUE_SELECT, queue->number);
  device->doorbell_offsets[queue->number] = get16(device->common + QUEUE_NOTIFY_OFF);
}

static bool place_apart(struct device *device, struct queue *queue) {
  select(device, queue);
  ring_allocate_apart(queue);
  set16(device->common + QUEUE_SIZE, queue->size);
  set_address(device->common + QUEUE_DESC, queue->descriptors);
  set_address(device->common + QUEUE_DRIVER, queue->available);
  set_address(device->common + QUEUE_DEVICE, queue->used);
  set16(device->common + QUEUE_ENABLE, 1);
  return get16(device->common + QUEUE_SIZE) == queue->size && get16(device->common + QUEUE_ENABLE) == 1;
}

static uint16_t largest_contiguous(struct device *device, uint16_t queue) {
  set16(device->rings + RING_SELECT, queue);
  return get16(device->rings + RING_SIZE);
}

// Tries to enable the selected queue; what the device says of it.
static bool enable_contiguous(struct device *device, uint32_t alignment, volatile void *address) {
  set32(device->rings + RING_ALIGN, alignment);
  set_address(device->rings + RING_ADDRESS, address);
  set16(device->rings + RING_ENABLE, 1);
  return get16(device->rings + RING_ENABLE) == 1;
}

static bool place_contiguous(struct device *device, struct queue *queue) {
  select(device, queue);
  ring_allocate_whole(queue, device->alignment);
  set16(device->rings + RING_SELECT, queue->number);
  set16(device->rings + RING_SIZE, queue->size);
  // An address is a multiple of 16 and of the alignment, which is a power of two.
  uint8_t *start = (uint8_t *)queue->descriptors;
  uint32_t unit = device->alignment < 16 ? 16 : device->alignment;
  if (enable_contiguous(device, device->alignment, start + 8) || enable_contiguous(device, 2 * unit, start)
      || enable_contiguous(device, 12, start))
    return false;
  return enable_contiguous(device, device->alignment, start)
      && get16(device->rings + RING_SIZE) == queue->size
      && get32(device->rings + RING_ALIGN) == device->alignment
      && get32(device->rings + RING_ADDRESS) == (uint32_t)queue->descriptors
      && get32(device->rings + RING_ADDRESS + 4) == 0;
}

static void notify(struct device *device, uint16_t queue) {
  set16(device->doorbells + device->doorbell_offsets[queue] * device->doorbell_stride, queue);
}

static uint8_t take_interrupt(struct device *device) { return get8(device->isr); }
static uint32_t config(struct device *device, uint32_t offset) { return get32(device->config + offset); }

const struct way modern_way = {
    .name = "modern",
    .has_version_1 = true,
    .chooses_size = true,
    .open = open_modern,
    .status = status,
    .set_status = set_status,
    .features = features,
    .accept = accept,
    .largest = largest,
    .place = place_apart,
    .notify = notify,
    .take_interrupt = take_interrupt,
    .config = config,
};
const struct way contiguous_way = {
    .name = "contiguous",
    .has_version_1 = true,
    .chooses_size = true,
    .open = open_contiguous,
    .status = status,
    .set_status = set_status,
    .features = features,
    .accept = accept,
    .largest = largest_contiguous,
    .place = place_contiguous,
    .notify = notify,
    .take_interrupt = take_interrupt,
    .config = config,
};
