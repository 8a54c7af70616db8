// A VMM's display in C: what an embedder writes. Usage: first-picture FILE.ppm
//
// The guest is `guest.c`, which stands for a virtual machine: it brings its accesses to the device as a VMM's vCPU threads
// do.
#include "guest.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

// The front-end: its callback wakes a thread of its own, which takes the pixels.
static sem_t changed;

static void output_changed(void *context, uint32_t output) {
  (void)output;
  sem_post(context);
}

// Where interrupts go: a real VMM brings the message to its guest's interrupt controller.
static void message(void *context, uint32_t vector, uint64_t address, uint32_t data) {
  (void)context, (void)vector, (void)address, (void)data;
}

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "%s: error %d\n", what, -result);
  exit(1);
}

// Writes a finished picture as a PPM.
static void save(void *context, const scanout_surface *surface) {
  FILE *file = context;
  fprintf(file, "P6 %u %u 255\n", surface->width, surface->height);
  for (uint32_t y = 0; y < surface->height; y++)
    for (uint32_t x = 0; x < surface->width; x++) {
      const uint8_t *pixel = surface->pixels + (size_t)y * surface->stride + 4 * (size_t)x;
      putc(pixel[2], file), putc(pixel[1], file), putc(pixel[0], file);
    }
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "wb") : NULL;
  if (file == NULL) return 2;
  guest_ram ram = guest_ram_make(0x40000000, 16 << 20);

  // The machine: the guest's memory, a display on it, and where interrupts go.
  scanout_memory *memory;
  check(scanout_memory_create(&memory), "memory");
  check(scanout_memory_add_file(memory, ram.base, ram.descriptor, 0, ram.size, SCANOUT_MEMORY_WRITABLE), "add RAM");
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  scanout_display_options options = {.size = sizeof options, .outputs = &output, .output_count = 1};
  scanout_device *device;
  check(scanout_display_create(memory, &options, &device), "display");
  scanout_interrupts interrupts = {.size = sizeof interrupts, .message = message};
  check(scanout_device_connect(device, &interrupts), "interrupts");

  // The front-end.
  sem_init(&changed, 0, 0);
  scanout_front_end front_end = {
      .interface = {.size = sizeof front_end, .major = SCANOUT_DISPLAY_MAJOR, .minor = SCANOUT_DISPLAY_MINOR,
                    .type = SCANOUT_DISPLAY_TYPE, .label = "first picture"},
      .context = &changed, .output_changed = output_changed};
  scanout_attachment *attachment;
  char refusal[256];
  check(scanout_display_attach(device, &front_end, &attachment, refusal, sizeof refusal), refusal);

  // The guest draws; the front-end looks until everything of it is there.
  guest guest;
  if (!guest_start(&guest, device, &ram, 1, true) || !guest_draw(&guest, 640, 480)) return 1;
  scanout_changes changes = {.size = sizeof changes};
  do {
    sem_wait(&changed);
    check(scanout_take_changes(attachment, 0, &changes), "changes");
  } while (changes.width == 0);
  check(scanout_with_surface(attachment, 0, save, file), "surface");

  scanout_detach(attachment);
  scanout_device_destroy(device);
  scanout_memory_destroy(memory);
  guest_ram_end(&ram);
  return fclose(file) == 0 ? 0 : 1;
}
