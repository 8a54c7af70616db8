// What is drawn, as formulas of the place: see tools/guest/lib/reference.py for the same in words.
#pragma once
#include <stdint.h>

enum { CURSOR_SIDE = 64 };

// Bytes blue, green, red and one that must not matter.
uint32_t pattern_pixel(uint32_t seed, uint32_t x, uint32_t y);
// Bytes blue, green, red, alpha, the colours multiplied by alpha.
uint32_t cursor_pixel(uint32_t seed, uint32_t x, uint32_t y);
