// The three register interfaces by which a driver reaches the same virtio device.
#pragma once
#include "pci.h"
#include "ring.h"

enum { CONTROL, CURSOR, QUEUES };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

struct device {
  struct pci_function pci;
  volatile uint8_t *common, *isr, *config, *doorbells, *rings;
  uint32_t doorbell_stride;
  uint16_t doorbell_offsets[QUEUES];
  uint16_t io;
  uint32_t alignment; // of the used ring, where the driver may choose it
};

struct way {
  const char *name;
  bool has_version_1;            // features are agreed on by FEATURES_OK, VERSION_1 among them
  bool chooses_size;             // of a queue
  bool (*open)(struct device *); // looks for the register file
  uint8_t (*status)(struct device *);
  void (*set_status)(struct device *, uint8_t);
  uint32_t (*features)(struct device *, uint32_t word);
  void (*accept)(struct device *, uint32_t word, uint32_t value);
  uint16_t (*largest)(struct device *, uint16_t queue); // entries
  bool (*place)(struct device *, struct queue *);       // allocates the ring and tells the device
  void (*notify)(struct device *, uint16_t queue);
  uint8_t (*take_interrupt)(struct device *); // reads ISR status, which clears it
  uint32_t (*config)(struct device *, uint32_t offset);
};

extern const struct way modern_way, legacy_way, contiguous_way;
