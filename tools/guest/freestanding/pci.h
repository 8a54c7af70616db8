// PCI configuration space of bus 0, through ports 0xcf8 and 0xcfc or through memory.
#pragma once
#include "machine.h"

struct bar {
  uint32_t at, size; // size 0: there is none
  bool is_io;
};
struct pci_function {
  uint32_t address; // what goes to 0xcf8 for offset 0
  uint8_t line;     // of the PIC
  struct bar bars[6];
};

// Has configuration space accessed through memory from now on.
void pci_use_memory(void);
uint32_t pci_read(const struct pci_function *function, uint8_t offset, uint8_t width);
void pci_write(const struct pci_function *function, uint8_t offset, uint8_t width, uint32_t value);

// The first virtio GPU, by its modern or its transitional identity; with its interrupt pin's line.
bool pci_find_gpu(struct pci_function *found);
// Sizes the base address registers, gives those a place below 4 GiB that have none (or all of them), then
// turns on decoding, bus mastering and INTx, and MSI-X off.
bool pci_enable(struct pci_function *function, bool place_all);
// The first capability with this id behind `after` (0: from the beginning); 0 when there is none.
uint8_t pci_capability(const struct pci_function *function, uint8_t id, uint8_t after);
