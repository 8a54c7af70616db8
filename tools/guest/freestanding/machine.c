#include "machine.h"
#include <stdarg.h>

enum { COM1 = 0x3f8, LINE_STATUS = COM1 + 5 };

static void serial_write(char character) {
  // Bounded: a small VMM may have no line status.
  for (int tries = 0; tries < 100000 && !(in8(LINE_STATUS) & 0x20); tries++) __asm__ volatile("pause");
  out8(COM1, (uint8_t)character);
}

uint8_t serial_read(void) {
  while (!(in8(LINE_STATUS) & 1)) __asm__ volatile("pause");
  return in8(COM1);
}

static void print_number(uint32_t value, uint32_t base) {
  char digits[10];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (count) serial_write(digits[--count]);
}

void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format; format++) {
    if (*format != '%') {
      serial_write(*format);
      continue;
    }
    switch (*++format) {
    case 's':
      for (const char *text = va_arg(arguments, const char *); *text; text++) serial_write(*text);
      break;
    case 'u': print_number(va_arg(arguments, uint32_t), 10); break;
    case 'x': print_number(va_arg(arguments, uint32_t), 16); break;
    }
  }
  va_end(arguments);
}

bool same(const char *left, const char *right) {
  while (*left && *left == *right) left++, right++;
  return *left == *right;
}

// The compiler calls these two by itself as well.
void *memset(void *target, int value, size_t count) {
  for (uint8_t *at = target; count; count--) *at++ = (uint8_t)value;
  return target;
}
void *memcpy(void *restrict target, const void *restrict source, size_t count) {
  const uint8_t *from = source;
  for (uint8_t *at = target; count; count--) *at++ = *from++;
  return target;
}

// The third timer counts 50 ms of 1193182 Hz down once, from when its gate opens; its output then rises.
static uint64_t ticks_of_count(void) {
  enum { COUNT = 59659, DATA = 0x42, COMMAND = 0x43, GATE = 0x61 };
  out8(GATE, in8(GATE) & 0xfc);
  out8(COMMAND, 0xb0);
  out8(DATA, COUNT & 0xff), out8(DATA, COUNT >> 8);
  uint64_t start = ticks();
  out8(GATE, in8(GATE) | 1);
  while (!(in8(GATE) & 0x20) && ticks() - start < 100ull * TENTH) __asm__ volatile("pause");
  return ticks() - start;
}

uint32_t ticks_in_millisecond(void) {
  // A host that runs something else meanwhile makes it longer, never shorter.
  uint32_t least = ~0u;
  for (int count = 0; count < 10; count++) {
    uint64_t taken = ticks_of_count();
    if (taken < least) least = (uint32_t)taken;
  }
  return least / 50;
}

extern uint8_t image_end[];
static uint32_t memory_next, memory_end;

void memory_begin(uint32_t end) {
  memory_next = (uint32_t)image_end;
  memory_end = end;
}

void *allocate(uint32_t size, uint32_t alignment) {
  uint32_t start = (memory_next + alignment - 1) & -alignment;
  if (start < memory_next || start > memory_end || size > memory_end - start) {
    print("error out of memory\nend\n");
    for (;;) __asm__ volatile("cli; hlt");
  }
  memory_next = start + size;
  return memset((void *)start, 0, size);
}

uint32_t memory_mark(void) { return memory_next; }
void memory_release(uint32_t mark) { memory_next = mark; }

enum { PIC1 = 0x20, PIC2 = 0xa0, LEVEL_LINES = 0x4d0, FIRST_VECTOR = 32, VECTORS = 48 };

struct gate {
  uint16_t low, selector, kind, high;
};
static struct gate gates[VECTORS];
static void (*handlers[16])(void);
extern uint8_t interrupt_entries[VECTORS][16];

// Called from start.S with interrupts disabled.
void interrupt(uint32_t vector) {
  if (vector < FIRST_VECTOR) {
    print("\nerror exception %u\nend\n", vector);
    for (;;) __asm__ volatile("cli; hlt");
  }
  uint32_t line = vector - FIRST_VECTOR;
  if (handlers[line]) handlers[line]();
  if (line >= 8) out8(PIC2, 0x20);
  out8(PIC1, 0x20);
}

void interrupts_begin(void) {
  for (int vector = 0; vector < VECTORS; vector++) {
    uint32_t entry = (uint32_t)interrupt_entries[vector];
    gates[vector] = (struct gate){(uint16_t)entry, 0x08, 0x8e00, (uint16_t)(entry >> 16)};
  }
  struct __attribute__((packed)) {
    uint16_t limit;
    uint32_t base;
  } table = {sizeof gates - 1, (uint32_t)gates};
  __asm__ volatile("lidt %0" ::"m"(table));
  out8(PIC1, 0x11), out8(PIC2, 0x11); // start, with a fourth word
  out8(PIC1 + 1, FIRST_VECTOR), out8(PIC2 + 1, FIRST_VECTOR + 8);
  out8(PIC1 + 1, 4), out8(PIC2 + 1, 2); // the second hangs on line 2
  out8(PIC1 + 1, 1), out8(PIC2 + 1, 1); // 8086 mode
  out8(PIC1 + 1, 0xff), out8(PIC2 + 1, 0xff);
  __asm__ volatile("sti");
}

void interrupts_connect(uint8_t line, void (*handler)(void)) {
  handlers[line] = handler;
  uint16_t levels = LEVEL_LINES + line / 8;
  out8(levels, in8(levels) | (uint8_t)(1 << line % 8)); // where no firmware did it
  if (line >= 8) {
    out8(PIC2 + 1, in8(PIC2 + 1) & (uint8_t)~(1 << (line - 8)));
    line = 2;
  }
  out8(PIC1 + 1, in8(PIC1 + 1) & (uint8_t)~(1 << line));
}
