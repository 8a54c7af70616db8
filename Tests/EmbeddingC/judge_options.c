// Options do what they say: the bus, outputs, limits, fences, memory that may not be written.
#include "judge.h"

#include <time.h>

// A display with these options, of one output where they name none.
static void start(vmm *vmm, scanout_display_options options) {
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  vmm_start(vmm);
  options.size = sizeof options;
  if (options.outputs == NULL) {
    options.outputs = &output;
    options.output_count = 1;
  }
  CHECK_IS(scanout_display_create(vmm->memory, &options, &vmm->device), 0);
  vmm_connect(vmm, 0);
}

// Word 1 of the features that the device offers: those from 32 on.
static uint32_t high_features(vmm *vmm) {
  guest_write(vmm->device, vmm->guest.bar, vmm->guest.common, 4, 1);
  return guest_read(vmm->device, vmm->guest.bar, vmm->guest.common + 4, 4);
}

static void bus(void) {
  vmm vmm;
  scanout_device_info info = {.size = sizeof info};
  scanout_bar bar = {.size = sizeof bar};
  start(&vmm, (scanout_display_options){0});
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  CHECK_IS(vmm.guest.notify_multiplier, 4);
  CHECK(high_features(&vmm) & 4);  // VIRTIO_F_RING_PACKED, 34
  CHECK_IS(scanout_device_get_bar(vmm.device, 2, &bar), 0);
  CHECK(bar.kind == SCANOUT_BAR_ABSENT && bar.bytes == 0);
  vmm_end(&vmm);

  scanout_bus_options other = {.size = sizeof other, .flags = SCANOUT_BUS_EXPRESS | SCANOUT_BUS_DOORBELL_PAGES,
                               .transport = SCANOUT_TRANSPORT_TRANSITIONAL, .withheld_features = (uint64_t)1 << 34};
  start(&vmm, (scanout_display_options){.bus = &other, .host_visible_memory = 1 << 20});
  CHECK_IS(scanout_device_get_info(vmm.device, &info), 0);
  CHECK_IS(info.config_size, 4096);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  CHECK_IS(vmm.guest.notify_multiplier, 4096);
  CHECK_IS(high_features(&vmm) & 4, 0);
  CHECK_IS(scanout_device_get_bar(vmm.device, 2, &bar), 0);
  CHECK(bar.kind == SCANOUT_BAR_MEMORY64 && bar.bytes == 1 << 20);
  CHECK_IS(scanout_device_get_bar(vmm.device, 0, &bar), 0);
  CHECK_IS(bar.kind, SCANOUT_BAR_IO);
  CHECK(guest_draw(&vmm.guest, 64, 64));
  vmm_end(&vmm);

  other = (scanout_bus_options){.size = sizeof other, .transport = SCANOUT_TRANSPORT_LEGACY};
  start(&vmm, (scanout_display_options){.bus = &other});
  CHECK_IS(scanout_device_get_bar(vmm.device, 4, &bar), 0);
  CHECK_IS(bar.kind, SCANOUT_BAR_ABSENT);
  vmm_end(&vmm);
}

// What GET_DISPLAY_INFO says of an output (virtio 1.4 §5.7.6.8): x, y, width, height, enabled.
static bool is_told(vmm *vmm, uint32_t output, const uint32_t wanted[5]) {
  if (guest_command(&vmm->guest, 0x100, NULL, 0) != 0x1101) return false;
  return memcmp(guest_ram_at(&vmm->ram, vmm->guest.reply) + 24 + 24 * output, wanted, 20) == 0;
}

static void outputs(void) {
  vmm vmm;
  scanout_output wanted[3] = {
      {.size = sizeof wanted[0], .width = 640, .height = 480},
      {.size = sizeof wanted[0], .width = 1024, .height = 768, .x = 640, .y = 7, .flags = SCANOUT_OUTPUT_OFF},
      {.size = sizeof wanted[0], .width = 1920, .height = 1080, .x = 2000}};
  scanout_output told = {.size = sizeof told};
  start(&vmm, (scanout_display_options){
                  .outputs = wanted, .output_count = 3, .largest_width = 1280, .largest_height = 1024});
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, true));
  CHECK_IS(scanout_display_get_output(vmm.device, 1, &told), 0);
  CHECK(memcmp(&told, &wanted[1], sizeof told) == 0);
  CHECK_IS(scanout_display_get_output(vmm.device, 2, &told), 0);
  CHECK(told.width == 1280 && told.height == 1024 && told.x == 2000 && told.flags == 0);
  CHECK(is_told(&vmm, 0, (uint32_t[]){0, 0, 640, 480, 1}));
  CHECK(is_told(&vmm, 1, (uint32_t[]){640, 7, 1024, 768, 0}));
  // The second and third: one is plugged in, the other out, and the guest hears of one change.
  wanted[1].flags = 0;
  wanted[2].flags = SCANOUT_OUTPUT_OFF;
  CHECK_IS(scanout_display_set_outputs(vmm.device, 1, &wanted[1], 2), 0);
  WAIT_UNTIL(atomic_load(&vmm.messages[0]) == 1);
  CHECK(is_told(&vmm, 0, (uint32_t[]){0, 0, 640, 480, 1}));
  CHECK(is_told(&vmm, 1, (uint32_t[]){640, 7, 1024, 768, 1}));
  CHECK(is_told(&vmm, 2, (uint32_t[]){2000, 0, 1280, 1024, 0}));
  CHECK_IS(scanout_display_set_outputs(vmm.device, 1, wanted, 3), -EINVAL);
  vmm_end(&vmm);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Twelve fenced flushes wait for twelve refreshes; a machine under load only makes it longer.
static void fences(void) {
  vmm vmm;
  start(&vmm, (scanout_display_options){.flags = SCANOUT_DISPLAY_FENCES_AT_REFRESH});
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  double start_time = now();
  uint8_t *request = guest_ram_at(&vmm.ram, vmm.guest.request);
  for (uint32_t i = 1; i <= 12; i++) {
    uint32_t words[12] = {0x104, 1, i, 0, 0, 0, 0, 0, 64, 64, 1, 0};  // VIRTIO_GPU_FLAG_FENCE
    memcpy(request, words, sizeof words);
    guest_offer(&vmm.guest, 0, vmm.guest.request, sizeof words, vmm.guest.reply, 4096);
    CHECK_IS(guest_wait(&vmm.guest, 0), 24);
  }
  CHECK(now() - start_time > 0.1);
  vmm_end(&vmm);
}

// Memory that the device may not write has no place for a used ring.
static void read_only_memory(void) {
  for (int kind = 0; kind < 2; kind++) {
    vmm vmm;
    start(&vmm, (scanout_display_options){0});
    CHECK_IS(scanout_memory_remove(vmm.memory, vmm.ram.base, vmm.ram.size), 0);
    if (kind == 0)
      CHECK_IS(scanout_memory_add_file(vmm.memory, vmm.ram.base, vmm.ram.descriptor, 0, vmm.ram.size, 0), 0);
    else
      CHECK_IS(scanout_memory_add_mapping(vmm.memory, vmm.ram.base, vmm.ram.bytes, vmm.ram.size, 0), 0);
    CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
    guest_offer(&vmm.guest, 0, vmm.guest.request, 24, vmm.guest.reply, 4096);
    // DEVICE_NEEDS_RESET (virtio 1.4 §2.1.2).
    WAIT_UNTIL(guest_read(vmm.device, vmm.guest.bar, vmm.guest.common + 0x14, 1) & 0x40);
    CHECK(!guest_has_used(&vmm.guest, 0));
    vmm_end(&vmm);
  }
}

const judge_case option_cases[] = {
    {"a device appears on the bus as its options say", bus},
    {"outputs are told as the host wants them, no larger than the limit, and changed at once", outputs},
    {"fences wait for refreshes where the options say so", fences},
    {"memory that is not writable is not written", read_only_memory},
    {NULL, NULL}};
