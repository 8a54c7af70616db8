#include "pattern.h"

static uint32_t mix(uint32_t word) {
  word ^= word >> 16;
  word *= 0x7feb352d;
  word ^= word >> 15;
  word *= 0x846ca68b;
  return word ^ word >> 16;
}

uint32_t pattern_pixel(uint32_t seed, uint32_t x, uint32_t y) {
  return (mix(seed ^ x * 0x9e3779b1) ^ mix(~seed ^ y * 0x85ebca77)) >> 8 | (x + y) << 24;
}

uint32_t cursor_pixel(uint32_t seed, uint32_t x, uint32_t y) {
  static const uint8_t opacity[4] = {0, 85, 128, 255};
  uint32_t alpha = opacity[(x / 8 + y / 8) % 4], colour = mix(seed ^ (y * CURSOR_SIDE + x) * 0x9e3779b1) >> 8;
  uint32_t pixel = alpha << 24;
  for (int shift = 0; shift < 24; shift += 8) pixel |= ((colour >> shift & 255) * alpha + 127) / 255 << shift;
  return pixel;
}
