// The machine without a library: ports, the serial line, memory, time, interrupts.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t value) {
  __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint16_t in16(uint16_t port) {
  uint16_t value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}
static inline uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

// Keeps the compiler's accesses in order; x86 keeps stores in order by itself.
static inline void barrier(void) { __asm__ volatile("" ::: "memory"); }

// The processor's counter: the only clock that is there without a timer chip.
static inline uint64_t ticks(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}
// Some tenth of a second on today's processors.
enum { TENTH = 250000000 };

// How many ticks the counter makes in a millisecond, by the timer chip.
uint32_t ticks_in_millisecond(void);

// Prints to COM1: %s text, %u decimal, %x hexadecimal.
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Waits for a byte from COM1.
uint8_t serial_read(void);

void *memset(void *target, int value, size_t count);
void *memcpy(void *restrict target, const void *restrict source, size_t count);
bool same(const char *left, const char *right);

// Memory that stays: zeroed, at a multiple of `alignment` (a power of two).
void *allocate(uint32_t size, uint32_t alignment);
// Takes back all that was allocated since the mark was taken.
uint32_t memory_mark(void);
void memory_release(uint32_t mark);
void memory_begin(uint32_t end);

// Sets up the interrupt table and both PICs, all lines masked.
void interrupts_begin(void);
// Has `handler` called on a level-triggered line of the PIC.
void interrupts_connect(uint8_t line, void (*handler)(void));
