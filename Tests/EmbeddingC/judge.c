// Judges libscanout through its C interface. Usage: judge [PART OF A NAME]
#include "judge.h"

#include <time.h>

static char failure[512];

void judge_fail(const char *file, int line, const char *what) {
  if (failure[0] == 0) snprintf(failure, sizeof failure, "%s:%d: %s", file, line, what);
}

void judge_fail_value(const char *file, int line, const char *what, long long value, const char *wanted) {
  if (failure[0] == 0) snprintf(failure, sizeof failure, "%s:%d: %s is %lld, not %s", file, line, what, value, wanted);
}

void judge_nap(void) { nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL); }

void vmm_start(vmm *vmm) {
  memset(vmm, 0, sizeof *vmm);
  vmm->ram = guest_ram_make(0x40000000, 16 << 20);
  CHECK_IS(scanout_memory_create(&vmm->memory), 0);
  CHECK_IS(scanout_memory_add_file(vmm->memory, vmm->ram.base, vmm->ram.descriptor, 0, vmm->ram.size,
                                   SCANOUT_MEMORY_WRITABLE), 0);
}

static void message(void *context, uint32_t vector, uint64_t address, uint32_t data) {
  vmm *vmm = context;
  bool is_right = vector < 8 && ((address == 0xfee00000 && data == vector) || (address == 0 && data == 0));
  atomic_fetch_add(is_right ? &vmm->messages[vector] : &vmm->strange_messages, 1);
}

static void intx(void *context, int level) {
  vmm *vmm = context;
  atomic_store(&vmm->level, level);
  atomic_fetch_add(&vmm->level_changes, 1);
}

void vmm_connect(vmm *vmm, uint32_t flags) {
  scanout_interrupts interrupts = {
      .size = sizeof interrupts, .flags = flags, .context = vmm, .message = message, .intx = intx};
  CHECK_IS(scanout_device_connect(vmm->device, &interrupts), 0);
}

void vmm_start_display(vmm *vmm, uint32_t count, const scanout_bus_options *bus) {
  vmm_start(vmm);
  scanout_output outputs[16];
  for (uint32_t i = 0; i < 16; i++)
    outputs[i] = (scanout_output){.size = sizeof outputs[i], .width = 640, .height = 480, .x = 640 * i};
  scanout_display_options options = {
      .size = sizeof options, .outputs = outputs, .output_count = count, .bus = bus};
  CHECK_IS(scanout_display_create(vmm->memory, &options, &vmm->device), 0);
  vmm_connect(vmm, 0);
}

void vmm_end(vmm *vmm) {
  scanout_device_destroy(vmm->device);
  scanout_memory_destroy(vmm->memory);
  guest_ram_end(&vmm->ram);
  CHECK_IS(atomic_load(&vmm->strange_messages), 0);
}

static void changed(void *context, uint32_t output) {
  viewer *viewer = context;
  if (output >= 16 || atomic_load(&viewer->is_gone)) abort();
  atomic_fetch_add(&viewer->calls, 1);
  sem_post(&viewer->changed);
}

scanout_front_end viewer_front_end(viewer *viewer) {
  return (scanout_front_end){
      .interface = {.size = sizeof(scanout_front_end), .major = SCANOUT_DISPLAY_MAJOR,
                    .minor = SCANOUT_DISPLAY_MINOR, .type = SCANOUT_DISPLAY_TYPE, .label = "judge"},
      .context = viewer, .output_changed = changed};
}

int viewer_attach(viewer *viewer, scanout_device *device) {
  memset(viewer, 0, sizeof *viewer);
  sem_init(&viewer->changed, 0, 0);
  scanout_front_end front_end = viewer_front_end(viewer);
  return scanout_display_attach(device, &front_end, &viewer->attachment, NULL, 0);
}

void viewer_detach(viewer *viewer) {
  scanout_detach(viewer->attachment);
  atomic_store(&viewer->is_gone, true);
}

int main(int argc, char **argv) {
  const judge_case *groups[] = {argument_cases,  option_cases, picture_cases,
                                front_end_cases, input_cases,  function_cases};
  int passed = 0, failed = 0;
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    for (const judge_case *each = groups[i]; each->name != NULL; each++) {
      if (argc > 1 && strstr(each->name, argv[1]) == NULL) continue;
      failure[0] = 0;
      each->body();
      if (failure[0] == 0) {
        passed++;
        printf("ok %s\n", each->name);
      } else {
        failed++;
        printf("not ok %s: %s\n", each->name, failure);
      }
      fflush(stdout);
    }
  return failed == 0 && passed > 0 ? 0 : 1;
}
