// Cases that judge the C interface, and a small VMM that they share.
#ifndef JUDGE_H
#define JUDGE_H

#include "guest.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Says where a case went wrong; the first time counts.
void judge_fail(const char *file, int line, const char *what);
void judge_fail_value(const char *file, int line, const char *what, long long value, const char *wanted);

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) judge_fail(__FILE__, __LINE__, #condition);    \
  } while (0)
#define CHECK_IS(value, wanted)                                                        \
  do {                                                                                 \
    long long judge_value = (value), judge_wanted = (wanted);                          \
    if (judge_value != judge_wanted)                                                   \
      judge_fail_value(__FILE__, __LINE__, #value, judge_value, #wanted);              \
  } while (0)

// One case; the name states the behaviour.
typedef struct judge_case {
  const char *name;
  void (*body)(void);
} judge_case;

// Each file's cases, up to one without a name.
extern const judge_case argument_cases[], option_cases[], picture_cases[];
extern const judge_case front_end_cases[], input_cases[], function_cases[];

// A VMM with one device, RAM, and ears for interrupts.
typedef struct vmm {
  guest_ram ram;
  scanout_memory *memory;
  scanout_device *device;
  guest guest;
  atomic_uint messages[8];
  atomic_uint strange_messages;
  atomic_int level;
  atomic_uint level_changes;
} vmm;

// RAM and the map of it; the caller makes the device.
void vmm_start(vmm *vmm);
// Hears the device's interrupts.
void vmm_connect(vmm *vmm, uint32_t flags);
void vmm_end(vmm *vmm);
// A VMM with a display of so many outputs of 640x480.
void vmm_start_display(vmm *vmm, uint32_t outputs, const scanout_bus_options *bus);

// A front-end that counts.
typedef struct viewer {
  scanout_attachment *attachment;
  sem_t changed;
  atomic_uint calls;
  atomic_bool is_gone;
} viewer;

scanout_front_end viewer_front_end(viewer *viewer);
// Attaches it; the result of the call.
int viewer_attach(viewer *viewer, scanout_device *device);
void viewer_detach(viewer *viewer);
// Waits until a condition holds, 60 seconds at most.
#define WAIT_UNTIL(condition)                                                                      \
  do {                                                                                             \
    for (int judge_waited = 0; !(condition) && judge_waited < 600000; judge_waited++) judge_nap(); \
    CHECK(condition);                                                                              \
  } while (0)
void judge_nap(void);

#endif
