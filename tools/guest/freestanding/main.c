// A guest of a few kilobytes that drives a virtio GPU by every register interface it may have. It needs a
// 32-bit processor, ports, memory and the PIC: no firmware, no paging, no other clock than the processor's
// own.
//
// Words of the command line: path=modern|legacy|contiguous|all (default: all), picture=NUMBER (the first
// pattern's seed, default 1), place=own (gives every base address register a new place, whatever the firmware
// did), config=memory (PCI configuration space through memory), doorbells=NUMBER (no pictures: the path's first doorbell is
// written so many times), malice=NUMBER (so many senseless accesses instead of all else), end=reset (resets the machine in the end, as PCs can).
//
// On COM1, line by line: "ok SESSION STEP", "error ...", "note ..."; "ready SESSION PICTURE" when there is
// something to see, and then waits for a byte; in the end "end".
#include "malice.h"
#include "session.h"

struct multiboot_information {
  uint32_t flags, lower_kib, upper_kib, boot_device, command_line;
};
enum { MULTIBOOT = 0x2badb002, HAS_MEMORY = 1, HAS_COMMAND_LINE = 4, MIB = 1 << 20, SEEDS = 16 };

static const struct session sessions[] = {
    {"modern", &modern_way, false, 0, 0},
    {"modern-tables", &modern_way, true, 8, 0},
    {"legacy", &legacy_way, false, 0, 0},
    {"legacy-tables", &legacy_way, true, 0, 0},
    {"contiguous-4", &contiguous_way, false, 0, 4},
    {"contiguous-64", &contiguous_way, false, 8, 64},
    {"contiguous-4096", &contiguous_way, true, 16, 4096},
    {"contiguous-65536", &contiguous_way, false, 4, 65536},
};

// The value of a word KEY=value of the command line, copied; false when there is none.
static bool option(const char *line, const char *key, char *value, uint32_t size) {
  for (; *line; line++) {
    const char *at = line, *wanted = key;
    while (*wanted && *at == *wanted) at++, wanted++;
    if (!*wanted && *at == '=') {
      uint32_t length = 0;
      for (at++; *at && *at != ' ' && length + 1 < size; at++) value[length++] = *at;
      value[length] = 0;
      return true;
    }
    while (*line && *line != ' ') line++;
    if (!*line) break;
  }
  return false;
}

static uint32_t number(const char *digits) {
  uint32_t value = 0;
  for (; *digits >= '0' && *digits <= '9'; digits++) value = value * 10 + (uint32_t)(*digits - '0');
  return value;
}

static bool drive(struct device *device, const char *path, uint32_t seed, uint32_t doorbells) {
  bool is_right = true, has_run = false;
  for (uint32_t index = 0; index < sizeof sessions / sizeof *sessions; index++) {
    if (!same(path, "all") && !same(path, sessions[index].way->name)) continue;
    has_run = true;
    is_right = (doorbells ? session_ring(&sessions[index], device, doorbells)
                          : session_run(&sessions[index], device, seed + SEEDS * index))
        && is_right;
  }
  return is_right && has_run;
}

void run(uint32_t magic, const struct multiboot_information *boot) {
  static char line[256], value[16], path[16] = "all";
  static struct device device;
  uint32_t memory = 64 * MIB, seed = 1, doorbells = 0, senseless = 0;
  if (magic == MULTIBOOT && boot->flags & HAS_MEMORY) memory = MIB + boot->upper_kib * 1024;
  // Before anything else is written: nobody says where the loader left it.
  if (magic == MULTIBOOT && boot->flags & HAS_COMMAND_LINE)
    for (const char *from = (const char *)boot->command_line, *to = line;
         *from && to < line + sizeof line - 1;)
      *(char *)to++ = *from++;
  memory_begin(memory);
  option(line, "path", path, sizeof path);
  if (option(line, "picture", value, sizeof value)) seed = number(value);
  if (option(line, "doorbells", value, sizeof value)) doorbells = number(value);
  if (option(line, "malice", value, sizeof value)) senseless = number(value);
  if (option(line, "config", value, sizeof value) && same(value, "memory")) pci_use_memory();
  bool place_all = option(line, "place", value, sizeof value) && same(value, "own");

  print("note path %s, picture %u, memory to %x\n", path, seed, memory);
  interrupts_begin();
  if (senseless) malice(senseless, memory);
  else if (!pci_find_gpu(&device.pci)) print("error no virtio GPU on bus 0\n");
  else if (!pci_enable(&device.pci, place_all)) print("error base address registers\n");
  else if (device.pci.line == 0 || device.pci.line > 15)
    print("error interrupt line %u\n", (uint32_t)device.pci.line);
  else {
    interrupts_connect(device.pci.line, session_interrupt);
    if (!drive(&device, path, seed, doorbells)) print("error path %s\n", path);
  }
  print("end\n");
  enum { KEYBOARD_COMMAND = 0x64, PULSE_RESET = 0xfe };
  if (option(line, "end", value, sizeof value) && same(value, "reset")) out8(KEYBOARD_COMMAND, PULSE_RESET);
}
