// What a caller can do wrong: every refusal by its number, and nothing changed by it.
#include "judge.h"

// Any function, with NULL for its handle and for everything else that it needs.
static void nulls(void) {
  uint8_t bytes[8] = {0};
  scanout_memory *memory = NULL;
  scanout_device *device = NULL;
  scanout_memory_destroy(NULL);
  scanout_device_destroy(NULL);
  scanout_detach(NULL);
  CHECK_IS(scanout_memory_create(NULL), -EINVAL);
  CHECK_IS(scanout_memory_add_file(NULL, 0, 0, 0, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(NULL, 0, bytes, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_remove(NULL, 0, 4096), -EINVAL);
  CHECK_IS(scanout_display_create(NULL, NULL, &device), -EINVAL);
  CHECK_IS(scanout_input_create(NULL, NULL, &device), -EINVAL);
  CHECK_IS(scanout_entropy_create(NULL, NULL, &device), -EINVAL);
  CHECK_IS(scanout_memory_create(&memory), 0);
  CHECK_IS(scanout_display_create(memory, NULL, &device), -EINVAL);
  CHECK_IS(scanout_input_create(memory, NULL, &device), -EINVAL);
  CHECK_IS(scanout_entropy_create(memory, NULL, NULL), -EINVAL);
  CHECK(device == NULL);
  scanout_memory_destroy(memory);
  CHECK_IS(scanout_device_get_info(NULL, NULL), -EINVAL);
  CHECK_IS(scanout_device_get_bar(NULL, 0, NULL), -EINVAL);
  CHECK_IS(scanout_device_get_doorbell(NULL, 0, NULL), -EINVAL);
  CHECK_IS(scanout_device_ring(NULL, 0), -EINVAL);
  CHECK_IS(scanout_device_read(NULL, 0, 0, bytes, 4), -EINVAL);
  CHECK_IS(scanout_device_write(NULL, 0, 0, bytes, 4), -EINVAL);
  CHECK_IS(scanout_device_reset(NULL), -EINVAL);
  CHECK_IS(scanout_device_connect(NULL, NULL), -EINVAL);
  CHECK_IS(scanout_display_get_output(NULL, 0, NULL), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(NULL, 0, NULL, 1), -EINVAL);
  CHECK_IS(scanout_display_attach(NULL, NULL, NULL, NULL, 0), -EINVAL);
  CHECK_IS(scanout_take_changes(NULL, 0, NULL), -EINVAL);
  CHECK_IS(scanout_with_surface(NULL, 0, NULL, NULL), -EINVAL);
  CHECK_IS(scanout_copy_pixels(NULL, 0, NULL, bytes, 4), -EINVAL);
  CHECK_IS(scanout_get_cursor(NULL, 0, NULL, NULL, 0), -EINVAL);
  CHECK_IS(scanout_key(NULL, 30, 1), -EINVAL);
  CHECK_IS(scanout_get_lights(NULL), -EINVAL);
  CHECK_IS(scanout_move_to(NULL, 0, 0), -EINVAL);
  CHECK_IS(scanout_move_by(NULL, 0, 0), -EINVAL);
  CHECK_IS(scanout_button(NULL, 0x110, 1), -EINVAL);
  CHECK_IS(scanout_scroll(NULL, 0, 0), -EINVAL);
  CHECK_IS(scanout_touch(NULL, 0, 0, 0), -EINVAL);
  CHECK_IS(scanout_lift(NULL, 0), -EINVAL);
}

static void null_places(void) {
  vmm vmm;
  viewer viewer;
  uint8_t bytes[8] = {0};
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK_IS(scanout_device_get_info(vmm.device, NULL), -EINVAL);
  CHECK_IS(scanout_device_get_bar(vmm.device, 0, NULL), -EINVAL);
  CHECK_IS(scanout_device_get_doorbell(vmm.device, 0, NULL), -EINVAL);
  CHECK_IS(scanout_device_read(vmm.device, 4, 0, NULL, 4), -EINVAL);
  CHECK_IS(scanout_device_write(vmm.device, 4, 0, NULL, 4), -EINVAL);
  CHECK_IS(scanout_display_get_output(vmm.device, 0, NULL), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(vmm.device, 0, NULL, 1), -EINVAL);
  CHECK_IS(scanout_display_attach(vmm.device, NULL, &viewer.attachment, NULL, 0), -EINVAL);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, NULL), -EINVAL);
  CHECK_IS(scanout_with_surface(viewer.attachment, 0, NULL, NULL), -EINVAL);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, NULL, NULL, 4), -EINVAL);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, NULL, bytes, 8), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(vmm.memory, 0, NULL, 4096, 0), -EINVAL);
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static int create(scanout_display_options options) {
  scanout_memory *memory;
  scanout_device *device = NULL;
  if (options.size == 0) options.size = sizeof options;
  CHECK_IS(scanout_memory_create(&memory), 0);
  int result = scanout_display_create(memory, &options, &device);
  CHECK((result == 0) == (device != NULL));
  scanout_device_destroy(device);
  scanout_memory_destroy(memory);
  return result;
}

static void display_options(void) {
  scanout_output good = {.size = sizeof good, .width = 640, .height = 480}, many[17], bad = good;
  for (int i = 0; i < 17; i++) many[i] = good;
  scanout_display_options fine = {.outputs = many, .output_count = 16}, wrong = fine;
  CHECK_IS(create(fine), 0);
#define REFUSED(member, value)   \
  wrong = fine;                  \
  wrong.member = value;          \
  CHECK_IS(create(wrong), -EINVAL)
  REFUSED(outputs, NULL);
  REFUSED(output_count, 0);
  REFUSED(output_count, 17);
  REFUSED(output_count, UINT32_MAX);
  REFUSED(flags, 2);
  REFUSED(reserved, 1);
  REFUSED(largest_width, 640);  // without a height
  REFUSED(largest_height, UINT32_MAX);
  REFUSED(host_visible_memory, 4095);
  REFUSED(host_visible_memory, 2048);
  REFUSED(host_visible_memory, 12288);
  REFUSED(host_visible_memory, (uint64_t)1 << 41);
  REFUSED(host_visible_memory, UINT64_MAX);
  REFUSED(size, 4);
  REFUSED(size, 12);
#undef REFUSED
  wrong = fine;
  wrong.outputs = &bad;
  wrong.output_count = 1;
  bad.width = 31;
  CHECK_IS(create(wrong), -EINVAL);
  bad.width = 16385;
  CHECK_IS(create(wrong), -EINVAL);
  bad = good;
  bad.height = UINT32_MAX;
  CHECK_IS(create(wrong), -EINVAL);
  bad = good;
  bad.flags = 2;
  CHECK_IS(create(wrong), -EINVAL);
  bad = good;
  bad.size = 0;
  CHECK_IS(create(wrong), -EINVAL);
  bad = good;
  bad.x = bad.y = UINT32_MAX;  // a place that the guest is told of, whatever it makes of it
  CHECK_IS(create(wrong), 0);
  many[3].size = 16;  // not the first one's
  CHECK_IS(create(fine), -EINVAL);
}

static void bus_options(void) {
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  scanout_bus_options bus = {.size = sizeof bus};
  scanout_display_options options = {.outputs = &output, .output_count = 1, .bus = &bus};
  for (uint32_t flags = 0; flags < 8; flags++)
    for (uint32_t transport = 0; transport < 3; transport++) {
      bus.flags = flags;
      bus.transport = transport;
      options.host_visible_memory = flags & 1 ? 1 << 20 : 0;
      CHECK_IS(create(options), 0);
    }
  bus.transport = 3;
  CHECK_IS(create(options), -EINVAL);
  bus.transport = 0;
  bus.flags = 8;
  CHECK_IS(create(options), -EINVAL);
  bus.flags = 0;
  bus.reserved = 1;
  CHECK_IS(create(options), -EINVAL);
  bus.reserved = 0;
  bus.withheld_features = UINT64_MAX;
  CHECK_IS(create(options), 0);
}

// Structs of older and newer headers.
static void sizes(void) {
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  struct {
    scanout_display_options known;
    uint64_t unknown;
  } newer = {.known = {.size = sizeof newer, .outputs = &output, .output_count = 1}};
  scanout_memory *memory;
  scanout_device *device;
  CHECK_IS(scanout_memory_create(&memory), 0);
  CHECK_IS(scanout_display_create(memory, &newer.known, &device), 0);
  scanout_device_destroy(device);
  newer.unknown = (uint64_t)1 << 63;
  CHECK_IS(scanout_display_create(memory, &newer.known, &device), -E2BIG);
  // A size that is nobody's, though all of it is 0.
  static union {
    scanout_display_options known;
    uint8_t bytes[8192];
  } huge;
  huge.known = newer.known;
  huge.known.size = 4096;
  CHECK_IS(scanout_display_create(memory, &huge.known, &device), 0);
  scanout_device_destroy(device);
  huge.known.size = 4104;
  CHECK_IS(scanout_display_create(memory, &huge.known, &device), -E2BIG);
  // What a shorter struct has not got counts as 0: the host memory that is no power of two is not seen.
  scanout_display_options older = {.size = 24, .outputs = &output, .output_count = 1, .host_visible_memory = 3};
  CHECK_IS(scanout_display_create(memory, &older, &device), 0);
  older.size = 48;
  scanout_device *none = NULL;
  CHECK_IS(scanout_display_create(memory, &older, &none), -EINVAL);
  CHECK(none == NULL);

  // The other way about: what the library fills.
  struct {
    scanout_device_info known;
    uint64_t unknown;
  } filled = {.known = {.size = sizeof filled}, .unknown = UINT64_MAX};
  CHECK_IS(scanout_device_get_info(device, &filled.known), 0);
  CHECK_IS(filled.known.size, sizeof filled);
  CHECK_IS(filled.known.outputs, 1);
  CHECK_IS(filled.unknown, 0);
  memset(&filled.known, 0xee, sizeof filled.known);
  filled.known.size = 16;
  CHECK_IS(scanout_device_get_info(device, &filled.known), 0);
  CHECK_IS(filled.known.config_size, 256);
  CHECK_IS(filled.known.outputs, 0xeeeeeeee);
  filled.known.size = 4;
  CHECK_IS(scanout_device_get_info(device, &filled.known), -EINVAL);
  scanout_device_destroy(device);
  scanout_memory_destroy(memory);
}

static void accesses(void) {
  vmm vmm;
  static uint8_t bytes[8192];
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(scanout_device_read(vmm.device, 7, 0, bytes, 4), -EINVAL);
  CHECK_IS(scanout_device_read(vmm.device, UINT32_MAX, 0, bytes, 4), -EINVAL);
  CHECK_IS(scanout_device_write(vmm.device, 7, 0, bytes, 4), -EINVAL);
  CHECK_IS(scanout_device_read(vmm.device, 0, 0, bytes, 0), -EINVAL);
  CHECK_IS(scanout_device_read(vmm.device, 0, 0, bytes, 4097), -EINVAL);
  CHECK_IS(scanout_device_write(vmm.device, 0, 0, bytes, SIZE_MAX), -EINVAL);
  CHECK_IS(scanout_device_write(vmm.device, 0, 0, bytes, 0), -EINVAL);
  memset(bytes, 0xee, sizeof bytes);
  CHECK_IS(scanout_device_read(vmm.device, SCANOUT_REGION_CONFIG, UINT64_MAX, bytes, 4), 0);
  CHECK(bytes[0] == 0 && bytes[3] == 0 && bytes[4] == 0xee);
  scanout_bar bar = {.size = sizeof bar};
  CHECK_IS(scanout_device_get_bar(vmm.device, 6, &bar), -EINVAL);
  CHECK_IS(scanout_device_get_bar(vmm.device, UINT32_MAX, &bar), -EINVAL);
  scanout_doorbell doorbell = {.size = sizeof doorbell};
  CHECK_IS(scanout_device_get_doorbell(vmm.device, 1000, &doorbell), -ENOENT);
  CHECK_IS(scanout_device_ring(vmm.device, UINT32_MAX), -ENOENT);
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  CHECK_IS(scanout_display_get_output(vmm.device, 1, &output), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(vmm.device, 1, &output, 1), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(vmm.device, UINT32_MAX, &output, 1), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(vmm.device, 0, &output, 0), -EINVAL);
  CHECK_IS(scanout_display_set_outputs(vmm.device, 0, &output, UINT32_MAX), -EINVAL);
  scanout_interrupts interrupts = {.size = sizeof interrupts, .flags = 2};
  CHECK_IS(scanout_device_connect(vmm.device, &interrupts), -EINVAL);
  vmm_end(&vmm);
}

static void attachment_arguments(void) {
  vmm vmm;
  viewer viewer;
  uint32_t pixel;
  scanout_changes changes = {.size = sizeof changes};
  scanout_cursor cursor = {.size = sizeof cursor};
  scanout_rectangle rectangle = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK_IS(scanout_take_changes(viewer.attachment, 1, &changes), -EINVAL);
  CHECK_IS(scanout_get_cursor(viewer.attachment, UINT32_MAX, &cursor, NULL, 0), -EINVAL);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 16, NULL, &pixel, 4), -EINVAL);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, NULL, &pixel, 4), -ENODATA);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 32));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, 4), -ERANGE);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, NULL, &pixel, 255), -ERANGE);
  rectangle = (scanout_rectangle){63, 31, 1, 2};
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, 4), -ERANGE);
  rectangle.height = 1;
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, 3), -ERANGE);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, 4), 0);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, SIZE_MAX / 2), 0);
  rectangle = (scanout_rectangle){0, 0, 1, 3};
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, SIZE_MAX / 2), -ERANGE);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, SIZE_MAX), -ERANGE);
  rectangle = (scanout_rectangle){64, 32, 0, 0};
  pixel = 0x12345678;
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &rectangle, &pixel, 0), 0);
  CHECK_IS(pixel, 0x12345678);
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static void wrong_kinds(void) {
  vmm display, keyboard;
  viewer viewer;
  vmm_start_display(&display, 1, NULL);
  vmm_start(&keyboard);
  scanout_input_options options = {.size = sizeof options, .kind = SCANOUT_DEVICE_KEYBOARD};
  CHECK_IS(scanout_input_create(keyboard.memory, &options, &keyboard.device), 0);
  CHECK_IS(viewer_attach(&viewer, keyboard.device), -ENOTSUP);
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  CHECK_IS(scanout_display_get_output(keyboard.device, 0, &output), -ENOTSUP);
  CHECK_IS(scanout_display_set_outputs(keyboard.device, 0, &output, 1), -ENOTSUP);
  CHECK_IS(scanout_key(display.device, 30, 1), -ENOTSUP);
  CHECK_IS(scanout_get_lights(display.device), -ENOTSUP);
  CHECK_IS(scanout_move_to(keyboard.device, 0, 0), -ENOTSUP);
  CHECK_IS(scanout_move_by(keyboard.device, 0, 0), -ENOTSUP);
  CHECK_IS(scanout_button(keyboard.device, 0x110, 1), -ENOTSUP);
  CHECK_IS(scanout_scroll(keyboard.device, 0, 0), -ENOTSUP);
  CHECK_IS(scanout_touch(keyboard.device, 0, 0, 0), -ENOTSUP);
  CHECK_IS(scanout_lift(keyboard.device, 0), -ENOTSUP);
  vmm_end(&keyboard);
  vmm_end(&display);
}

const judge_case argument_cases[] = {
    {"no handle, and no place for a result, is refused by every function", nulls},
    {"a handle without what goes with it is refused by every function", null_places},
    {"what a display cannot be made of is refused", display_options},
    {"every way to appear on a bus can be had, and no other", bus_options},
    {"shorter and longer structs are taken as far as they are understood", sizes},
    {"accesses, indices and counts out of range are refused", accesses},
    {"outputs and rectangles that are not there are refused", attachment_arguments},
    {"a device refuses what another kind of device is for", wrong_kinds},
    {NULL, NULL}};
