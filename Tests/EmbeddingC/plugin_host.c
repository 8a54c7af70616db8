// Loads front-ends and attaches them. Usage: plugin_host PLUGIN PLUGIN_OF_ANOTHER_MAJOR_VERSION
#include "guest.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned (*plugin_calls)(void);

// Attaches the front-end of an object; the result of the call.
static int attach(scanout_device *device, const char *path, scanout_attachment **attachment, char message[256]) {
  void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const scanout_front_end *(*front_end)(void);
  if (plugin == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(3);
  }
  memcpy(&front_end, (void *[]){dlsym(plugin, "plugin_front_end")}, sizeof(void *));
  memcpy(&plugin_calls, (void *[]){dlsym(plugin, "plugin_calls")}, sizeof(void *));
  return scanout_display_attach(device, front_end(), attachment, message, 256);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  guest_ram ram = guest_ram_make(0x40000000, 16 << 20);
  scanout_memory *memory;
  scanout_device *device;
  scanout_attachment *attachment = NULL;
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  scanout_display_options options = {.size = sizeof options, .outputs = &output, .output_count = 1};
  guest guest;
  char message[256];
  if (scanout_memory_create(&memory) != 0 ||
      scanout_memory_add_file(memory, ram.base, ram.descriptor, 0, ram.size, SCANOUT_MEMORY_WRITABLE) != 0 ||
      scanout_display_create(memory, &options, &device) != 0 || !guest_start(&guest, device, &ram, 1, false))
    return 3;

  int refused = attach(device, argv[2], &attachment, message);
  bool is_drawn = guest_draw(&guest, 64, 64);
  bool is_right = refused == -EPROTO && attachment == NULL && is_drawn && plugin_calls() == 0;
  printf("%s a front-end that was built for another major version is refused: %s\n", is_right ? "ok" : "not ok",
         message);

  int accepted = attach(device, argv[1], &attachment, message);
  scanout_rectangle part = {0, 0, 8, 8};
  is_drawn = guest_present(&guest, 1, 64, part);
  bool is_told = accepted == 0 && message[0] == 0 && is_drawn && plugin_calls() > 0;
  printf("%s the same front-end built for this one is attached, and told of pictures\n", is_told ? "ok" : "not ok");
  scanout_detach(attachment);
  scanout_device_destroy(device);
  scanout_memory_destroy(memory);
  guest_ram_end(&ram);
  return is_right && is_told ? 0 : 1;
}
