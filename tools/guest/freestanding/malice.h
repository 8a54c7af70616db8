// A guest that touches what it should not.
#pragma once
#include <stdint.h>

// Reads and writes ports and addresses that are no memory, of every width and in rows, with no sense at all.
void malice(uint32_t count, uint32_t memory_end);
