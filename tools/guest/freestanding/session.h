// One life of the device, from a reset to the next: brought up one way, a picture drawn, a part of it drawn
// anew, a cursor set.
#pragma once
#include "way.h"

struct session {
  const char *name;
  const struct way *way;
  bool uses_tables;   // indirect descriptors
  uint16_t size;      // of the control queue at most, where the driver may choose it; 0: the device's
  uint32_t alignment; // contiguous rings only
};

// Draws with three patterns: `seed` and the two numbers behind it. False when something was not as it has to
// be, which it has then said.
bool session_run(const struct session *session, struct device *device, uint32_t seed);
// Brings the device up that way, writes its first doorbell so many times with nothing in the ring, and says how long that
// took.
bool session_ring(const struct session *session, struct device *device, uint32_t count);
// The device's interrupt.
void session_interrupt(void);
