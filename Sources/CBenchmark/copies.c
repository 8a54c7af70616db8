#define _GNU_SOURCE 1
#include "CBenchmark.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

uint64_t cbenchmark_thread_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cbenchmark_copy_pieces(void *to, const void *from, const uint64_t *offsets, size_t count, size_t piece) {
  for (size_t i = 0; i < count; i++) memcpy((char *)to + i * piece, (const char *)from + offsets[i], piece);
}

void *cbenchmark_pixels(size_t count) {
  void *memory = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  if (count >= 4u << 20) madvise(memory, count, MADV_HUGEPAGE);
  return memory;
}
