#include "malice.h"
#include "machine.h"

// Numbers that are the same in every run.
static uint32_t next(void) {
  static uint32_t state = 0x2545f491;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

// Ports that would end the machine, take its interrupts away or speak on the serial line.
static bool is_spared(uint16_t first, uint32_t count) {
  static const struct {
    uint16_t first, last;
  } spared[] = {{0x20, 0x21}, {0x64, 0x64}, {0x92, 0x92}, {0xa0, 0xa1}, {0x3f8, 0x3ff}, {0x4d0, 0x4d1}, {0xcf9, 0xcf9}};
  for (uint32_t index = 0; index < sizeof spared / sizeof *spared; index++)
    if (first <= spared[index].last && first + count > spared[index].first) return true;
  return false;
}

// A port anywhere, or where PCI's and the device's are.
static uint16_t some_port(void) {
  static const uint16_t likely[] = {0xcf8, 0xcfc, 0xc000, 0xc040};
  for (;;) {
    uint32_t pick = next();
    uint16_t port = pick & 1 ? (uint16_t)(pick >> 16) : likely[pick >> 1 & 3] + (pick >> 8 & 63);
    if (!is_spared(port, 4)) return port;
  }
}

// An address that is no memory: anywhere below the interrupt controllers, or where configuration space and registers are.
static volatile uint8_t *some_address(uint32_t memory_end) {
  static const uint32_t likely[] = {0xb0000000, 0xb0008000, 0xc0000000, 0xc0008000};
  uint32_t pick = next();
  if (pick & 1) return (volatile uint8_t *)(likely[pick >> 1 & 3] + (pick >> 8 & 0x7fff));
  uint32_t at = memory_end + next() % (0xfec00000 - 16 - memory_end);
  return (volatile uint8_t *)at;
}

static void use_port(uint16_t port, uint32_t pick) {
  switch (pick % 6) {
  case 0: out8(port, (uint8_t)next()); break;
  case 1: out16(port, (uint16_t)next()); break;
  case 2: out32(port, next()); break;
  case 3: in8(port); break;
  case 4: in16(port); break;
  case 5: in32(port); break;
  }
}

static void use_address(volatile uint8_t *at, uint32_t pick) {
  switch (pick % 6) {
  case 0: *at = (uint8_t)next(); break;
  case 1: *(volatile uint16_t *)at = (uint16_t)next(); break;
  case 2: *(volatile uint32_t *)at = next(); break;
  case 3: (void)*at; break;
  case 4: (void)*(volatile uint16_t *)at; break;
  case 5: (void)*(volatile uint32_t *)at; break;
  }
}

// Rows of accesses in one instruction, between memory and one port or addresses one behind the other.
static void use_row(uint32_t memory_end) {
  static uint8_t room[4 * 4096];
  uint32_t pick = next(), count = next() & 4095;
  void *at = room;
  uint16_t port = some_port();
  volatile uint8_t *device = some_address(memory_end);
  switch (pick % 5) {
  case 0: __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(port) : "memory"); break;
  case 1: __asm__ volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory"); break;
  case 2: __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory"); break;
  case 3: __asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory"); break;
  case 4:
    count &= 63;
    __asm__ volatile("rep movsl" : "+S"(device), "+D"(at), "+c"(count)::"memory");
    break;
  }
}

void malice(uint32_t count, uint32_t memory_end) {
  for (uint32_t index = 0; index < count; index++) use_port(some_port(), next());
  print("ok malice ports\n");
  for (uint32_t index = 0; index < count; index++) use_address(some_address(memory_end), next());
  print("ok malice addresses\n");
  for (uint32_t index = 0; index < count / 64; index++) use_row(memory_end);
  print("ok malice rows\n");
}
