#include "pci.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc };
enum { COMMAND = 0x04, STATUS = 0x06, REVISION = 0x08, HEADER_TYPE = 0x0e, BAR0 = 0x10, SUBSYSTEM = 0x2e };
enum { CAPABILITIES = 0x34, INTERRUPT_LINE = 0x3c, INTERRUPT_PIN = 0x3d };
enum { DECODE_IO = 1, DECODE_MEMORY = 2, BUS_MASTER = 4, INTX_DISABLE = 0x400 };
enum { VIRTIO = 0x1af4, GPU = 16, MSIX = 0x11 };

// 0xb0000000 is where PC firmware of a PCI Express machine puts the configuration space of bus 0.
static volatile uint8_t *const configuration = (volatile uint8_t *)0xb0000000;
static bool uses_memory;

void pci_use_memory(void) { uses_memory = true; }

static volatile uint8_t *place(const struct pci_function *function, uint8_t offset) {
  return configuration + ((function->address >> 8 & 0xff) << 12) + offset;
}

uint32_t pci_read(const struct pci_function *function, uint8_t offset, uint8_t width) {
  if (uses_memory) {
    volatile uint8_t *at = place(function, offset);
    return width == 1 ? *at : width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
  }
  out32(ADDRESS, function->address | (offset & 0xfcu));
  uint16_t port = DATA + (offset & 3);
  return width == 1 ? in8(port) : width == 2 ? in16(port) : in32(port);
}

void pci_write(const struct pci_function *function, uint8_t offset, uint8_t width, uint32_t value) {
  if (uses_memory) {
    volatile uint8_t *at = place(function, offset);
    if (width == 1) *at = (uint8_t)value;
    else if (width == 2) *(volatile uint16_t *)at = (uint16_t)value;
    else *(volatile uint32_t *)at = value;
    return;
  }
  out32(ADDRESS, function->address | (offset & 0xfcu));
  uint16_t port = DATA + (offset & 3);
  if (width == 1) out8(port, (uint8_t)value);
  else if (width == 2) out16(port, (uint16_t)value);
  else out32(port, value);
}

// Every function of bus 0 in turn; false behind the last.
static bool next_function(struct pci_function *function) {
  uint32_t number = function->address ? (function->address >> 8 & 0xff) + 1 : 0;
  for (; number < 256; number++) {
    function->address = 0x80000000u | number << 8;
    if (pci_read(function, 0, 2) != 0xffff) return true;
  }
  return false;
}

// Modern: 0x1040 + type (virtio 1.4 §4.1.2). With a legacy interface: the type stands in the subsystem,
// revision 0; the published list of such devices has no GPU, 0x1010 goes on in the way of the others.
bool pci_find_gpu(struct pci_function *found) {
  *found = (struct pci_function){0};
  while (next_function(found)) {
    if (pci_read(found, 0, 2) != VIRTIO) continue;
    uint32_t device = pci_read(found, 2, 2);
    bool transitional =
        device == 0x1000 + GPU && pci_read(found, REVISION, 1) == 0 && pci_read(found, SUBSYSTEM, 2) == GPU;
    if (device != 0x1040 + GPU && !transitional) continue;
    found->line = (uint8_t)pci_read(found, INTERRUPT_LINE, 1);
    print("note device %x of %x, pin %u, line %u\n", device, (uint32_t)VIRTIO,
          pci_read(found, INTERRUPT_PIN, 1), (uint32_t)found->line);
    return true;
  }
  return false;
}

// True if a base address register of any function, ours too, may reach into [start, start + size). No other
// function is disturbed by sizing it: its registers are taken for 256 ports or 16 MiB.
static bool is_taken(uint32_t start, uint32_t size, bool is_io) {
  struct pci_function other = {0};
  while (next_function(&other)) {
    if (pci_read(&other, HEADER_TYPE, 1) & 0x7f) continue;
    for (uint8_t index = 0; index < 6; index++) {
      uint32_t value = pci_read(&other, BAR0 + 4 * index, 4);
      bool other_io = value & 1;
      uint32_t at = value & (other_io ? ~3u : ~15u);
      bool is_wide = !other_io && (value & 6) == 4;
      if (at && other_io == is_io && at + (is_io ? 0x100 : 0x1000000) > start && at < start + size)
        return true;
      index += is_wide;
    }
  }
  return false;
}

// From above downwards: PC firmware fills these windows from below.
static uint32_t find_place(uint32_t size, bool is_io) {
  uint32_t low = is_io ? 0x1000 : 0xe0000000, high = is_io ? 0xf000 : 0xfe000000;
  for (uint32_t at = (high - size) & -size; at >= low; at -= size)
    if (!is_taken(at, size, is_io)) return at;
  return 0;
}

static uint32_t size_of(uint32_t answer, uint32_t flags) { return -(answer & ~flags); }

bool pci_enable(struct pci_function *function, bool place_all) {
  uint32_t command = pci_read(function, COMMAND, 2) & ~(uint32_t)(DECODE_IO | DECODE_MEMORY | INTX_DISABLE);
  pci_write(function, COMMAND, 2, command);
  for (uint8_t index = 0; index < 6; index++) {
    struct bar *bar = &function->bars[index];
    uint8_t offset = BAR0 + 4 * index;
    uint32_t before = pci_read(function, offset, 4);
    pci_write(function, offset, 4, ~0u);
    uint32_t answer = pci_read(function, offset, 4);
    pci_write(function, offset, 4, before);
    if (!answer) continue;
    bar->is_io = answer & 1;
    bool is_wide = !bar->is_io && (answer & 6) == 4;
    // An I/O register may leave its upper half out.
    bar->size = bar->is_io ? size_of(answer, 3) & 0xffff : size_of(answer, 15);
    bar->at = before & (bar->is_io ? ~3u : ~15u);
    if (place_all || !bar->at || (is_wide && pci_read(function, offset + 4, 4))) {
      pci_write(function, offset, 4, 0);
      bar->at = find_place(bar->size, bar->is_io);
      if (!bar->at) return false;
      pci_write(function, offset, 4, bar->at);
      if (is_wide) pci_write(function, offset + 4, 4, 0);
    }
    if ((pci_read(function, offset, 4) & (bar->is_io ? ~3u : ~15u)) != bar->at) return false;
    const char *kind = bar->is_io ? "io" : is_wide ? "memory64" : "memory32";
    print("note bar %u %s at %x, %x bytes\n", (uint32_t)index, kind, bar->at, bar->size);
    index += is_wide;
  }
  uint8_t msix = pci_capability(function, MSIX, 0);
  if (msix) pci_write(function, msix + 2, 2, pci_read(function, msix + 2, 2) & 0x7fff);
  command |= DECODE_IO | DECODE_MEMORY | BUS_MASTER;
  pci_write(function, COMMAND, 2, command);
  return (pci_read(function, COMMAND, 2) & (BUS_MASTER | INTX_DISABLE)) == BUS_MASTER;
}

uint8_t pci_capability(const struct pci_function *function, uint8_t id, uint8_t after) {
  if (!(pci_read(function, STATUS, 2) & 0x10)) return 0;
  uint8_t at = (uint8_t)pci_read(function, after ? after + 1 : CAPABILITIES, 1) & 0xfc;
  for (int count = 0; at && count < 48; count++) {
    if (pci_read(function, at, 1) == id) return at;
    at = (uint8_t)pci_read(function, at + 1, 1) & 0xfc;
  }
  return 0;
}
