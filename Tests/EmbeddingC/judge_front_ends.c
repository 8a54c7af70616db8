// Front-ends: who is let in, what they are told, and how they leave.
#include "judge.h"

static void mismatch(void) {
  vmm vmm;
  viewer viewer = {0};
  char message[256];
  vmm_start_display(&vmm, 1, NULL);
  scanout_front_end front_end = viewer_front_end(&viewer);
  front_end.interface.type = "audio";
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message, sizeof message), -EPROTO);
  CHECK(strstr(message, "audio") != NULL && strstr(message, "judge") != NULL && strstr(message, "display") != NULL);
  // Of another major version nothing is judged but the head: neither size nor what lies behind it.
  struct {
    scanout_front_end known;
    uint64_t unknown;
  } next = {.known = viewer_front_end(&viewer), .unknown = UINT64_MAX};
  next.known.interface.major++;
  for (next.known.interface.size = 32; next.known.interface.size <= sizeof next; next.known.interface.size += 8)
    CHECK_IS(scanout_display_attach(vmm.device, &next.known, &viewer.attachment, NULL, 0), -EPROTO);
  // Text that does not fit is cut, and no place for it is no reason to write one.
  memset(message, 0xee, sizeof message);
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message, 5), -EPROTO);
  CHECK(strcmp(message, "the ") == 0 && (uint8_t)message[5] == 0xee);
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message + 8, 0), -EPROTO);
  CHECK_IS((uint8_t)message[8], 0xee);
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 5), -EPROTO);
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message, SIZE_MAX), -EPROTO);
  CHECK(strstr(message, "audio") != NULL);
  front_end.interface.type = NULL;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message, sizeof message), -EINVAL);
  CHECK_IS(message[0], 0);
  front_end = viewer_front_end(&viewer);
  front_end.interface.label = "\xff\xfe";
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), -EINVAL);
  static char endless[1000];
  memset(endless, 'x', sizeof endless);  // not even an end
  front_end.interface.label = endless;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), -EINVAL);
  front_end = viewer_front_end(&viewer);
  front_end.interface.reserved = 1;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), -EINVAL);
  front_end = viewer_front_end(&viewer);
  front_end.interface.size = 24;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), -EINVAL);
  CHECK(viewer.attachment == NULL);
  // A newer minor version is taken.
  front_end = viewer_front_end(&viewer);
  front_end.interface.minor = SCANOUT_DISPLAY_MINOR + 1;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, message, sizeof message), 0);
  CHECK_IS(message[0], 0);
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static void largest(void *context, uint32_t output, uint32_t *width, uint32_t *height) {
  atomic_fetch_add(&((viewer *)context)->calls, 1);
  *width = output == 0 ? 400 : output == 1 ? 0 : 77;
  *height = output == 0 ? 300 : output == 1 ? 77 : 0;
}

static void endless(void *context, uint32_t output, uint32_t *width, uint32_t *height) {
  (void)context;
  *width = output == 0 ? UINT32_MAX : 1;
  *height = output == 0 ? UINT32_MAX : 1;
}

// What came with 1.1 is not asked of a front-end of 1.0, whose struct is shorter.
static void minor_versions(void) {
  vmm vmm;
  viewer viewer = {0};
  scanout_output output = {.size = sizeof output};
  vmm_start_display(&vmm, 3, NULL);
  scanout_front_end front_end = viewer_front_end(&viewer);
  front_end.largest_picture = largest;
  front_end.interface.minor = 0;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  CHECK_IS(atomic_load(&viewer.calls), 0);
  scanout_detach(viewer.attachment);
  front_end.interface.size = offsetof(scanout_front_end, largest_picture);
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  scanout_detach(viewer.attachment);
  front_end = viewer_front_end(&viewer);
  front_end.largest_picture = largest;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  CHECK_IS(atomic_load(&viewer.calls), 3);
  CHECK_IS(scanout_display_get_output(vmm.device, 0, &output), 0);
  CHECK(output.width == 400 && output.height == 300);
  for (uint32_t index = 1; index < 3; index++) {
    CHECK_IS(scanout_display_get_output(vmm.device, index, &output), 0);
    CHECK(output.width == 640 && output.height == 480 && output.x == 640 * index);
  }
  scanout_detach(viewer.attachment);
  CHECK_IS(scanout_display_get_output(vmm.device, 0, &output), 0);
  CHECK(output.width == 640 && output.height == 480);
  front_end.largest_picture = endless;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  CHECK_IS(scanout_display_get_output(vmm.device, 0, &output), 0);
  CHECK(output.width == 640 && output.height == 480);
  CHECK_IS(scanout_display_get_output(vmm.device, 1, &output), 0);
  CHECK(output.width == 32 && output.height == 32);
  scanout_detach(viewer.attachment);
  vmm_end(&vmm);
}

// A callback that comes after this would abort the program.
static void silence(void) {
  vmm vmm;
  viewer viewer;
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK(atomic_load(&viewer.calls) > 0);
  viewer_detach(&viewer);
  scanout_rectangle all = {0, 0, 64, 64};
  for (int i = 0; i < 100; i++) CHECK(guest_present(&vmm.guest, 1, 64, all));
  vmm_end(&vmm);
}

// The device ends first: what is attached shows nothing, and is detached afterwards.
static void device_ends_first(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  scanout_cursor cursor = {.size = sizeof cursor};
  uint32_t pixel;
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  vmm_end(&vmm);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 0);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, NULL, &pixel, 4), -ENODATA);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, NULL, 0), 0);
  viewer_detach(&viewer);
}

// Detaches from inside its own callback.
static void leave(void *context, uint32_t output) {
  (void)output;
  viewer *viewer = context;
  if (atomic_fetch_add(&viewer->calls, 1) > 0) abort();
  scanout_detach(viewer->attachment);
  sem_post(&viewer->changed);
}

static void leaving_inside(void) {
  vmm vmm;
  viewer viewer = {0};
  vmm_start_display(&vmm, 1, NULL);
  sem_init(&viewer.changed, 0, 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  scanout_front_end front_end = viewer_front_end(&viewer);
  front_end.output_changed = leave;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  CHECK(guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(sem_wait(&viewer.changed), 0);
  CHECK_IS(atomic_load(&viewer.calls), 1);
  vmm_end(&vmm);
}

// Two front-ends on threads of their own come, look and go while the guest draws.
static void *come_and_go(void *context) {
  scanout_device *device = context;
  scanout_changes changes = {.size = sizeof changes};
  static _Thread_local uint8_t pixels[64 * 64 * 4];
  for (int i = 0; i < 200; i++) {
    viewer viewer;
    if (viewer_attach(&viewer, device) != 0) abort();
    for (int j = 0; j < 5; j++) {
      if (scanout_take_changes(viewer.attachment, 0, &changes) != 0) abort();
      if (scanout_copy_pixels(viewer.attachment, 0, NULL, pixels, 256) != 0) abort();
    }
    viewer_detach(&viewer);
    sem_destroy(&viewer.changed);
  }
  return NULL;
}

static void many_at_once(void) {
  vmm vmm;
  pthread_t threads[2];
  vmm_start_display(&vmm, 1, NULL);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  for (int i = 0; i < 2; i++) CHECK_IS(pthread_create(&threads[i], NULL, come_and_go, vmm.device), 0);
  scanout_rectangle all = {0, 0, 64, 64};
  for (int i = 0; i < 500; i++) CHECK(guest_present(&vmm.guest, 1, 64, all));
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  vmm_end(&vmm);
}

// No callback at all is a front-end that asks from time to time.
static void without_callbacks(void) {
  vmm vmm;
  viewer viewer = {0};
  scanout_changes changes = {.size = sizeof changes};
  vmm_start_display(&vmm, 1, NULL);
  scanout_front_end front_end = viewer_front_end(&viewer);
  front_end.output_changed = NULL;
  front_end.interface.label = NULL;
  CHECK_IS(scanout_display_attach(vmm.device, &front_end, &viewer.attachment, NULL, 0), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 64);
  scanout_detach(viewer.attachment);
  vmm_end(&vmm);
}

const judge_case front_end_cases[] = {
    {"a front-end for another interface is refused and told why; a newer minor version is taken", mismatch},
    {"a front-end of version 1.0 is asked nothing that came with 1.1", minor_versions},
    {"a front-end that has detached hears nothing", silence},
    {"a device may end before its front-ends", device_ends_first},
    {"a front-end may detach inside its callback", leaving_inside},
    {"front-ends come and go on threads of their own while the guest draws", many_at_once},
    {"a front-end without callbacks and without a name looks when it likes", without_callbacks},
    {NULL, NULL}};
