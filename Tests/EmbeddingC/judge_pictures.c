// What a guest draws, as front-ends see it: every pixel, damage, cursor.
#include "judge.h"

// Whether a rectangle of a surface holds the picture that guests draw.
typedef struct expectation {
  bool is_right;
  uint32_t width, height;
} expectation;

static void look(void *context, const scanout_surface *surface) {
  expectation *found = context;
  found->is_right = surface->size == sizeof *surface && surface->stride >= surface->width * 4;
  found->width = surface->width;
  found->height = surface->height;
  for (uint32_t y = 0; y < surface->height; y++)
    for (uint32_t x = 0; x < surface->width; x++) {
      uint8_t wanted[4];
      guest_pixel(x, y, wanted);
      const uint8_t *pixel = surface->pixels + (size_t)y * surface->stride + 4 * (size_t)x;
      if (memcmp(pixel, wanted, 4) != 0) found->is_right = false;
    }
}

static void every_pixel(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  expectation found = {0};
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK(changes.flags & SCANOUT_CHANGES_REPLACED);
  CHECK_IS(changes.width, 0);
  CHECK_IS(scanout_with_surface(viewer.attachment, 0, look, &found), -ENODATA);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 640, 480));
  CHECK_IS(sem_wait(&viewer.changed), 0);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK(changes.flags & SCANOUT_CHANGES_REPLACED);
  CHECK(changes.width == 640 && changes.height == 480 && changes.damage_count == 1);
  CHECK_IS(scanout_with_surface(viewer.attachment, 0, look, &found), 0);
  CHECK(found.is_right && found.width == 640 && found.height == 480);

  // A copy of a part.
  scanout_rectangle part = {100, 50, 20, 10};
  uint8_t pixels[10][96], wanted[4];
  memset(pixels, 0xee, sizeof pixels);
  CHECK_IS(scanout_copy_pixels(viewer.attachment, 0, &part, pixels, sizeof pixels[0]), 0);
  for (uint32_t y = 0; y < 10; y++)
    for (uint32_t x = 0; x < 24; x++) {
      guest_pixel(100 + x, 50 + y, wanted);
      if (x >= 20) memset(wanted, 0xee, 4);
      CHECK(memcmp(&pixels[y][4 * x], wanted, 4) == 0);
    }
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static void damage(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 640, 480));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  scanout_rectangle parts[] = {{10, 20, 30, 40}, {600, 400, 8, 9}};
  for (int i = 0; i < 2; i++) CHECK(guest_present(&vmm.guest, 1, 640, parts[i]));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.flags, 0);
  CHECK_IS(changes.damage_count, 2);
  for (int i = 0; i < 2; i++)
    CHECK(memcmp(&changes.damage[0], &parts[i], sizeof parts[i]) == 0 ||
          memcmp(&changes.damage[1], &parts[i], sizeof parts[i]) == 0);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.damage_count, 0);
  // More than there is room for is covered all the same.
  for (uint32_t i = 0; i < 100; i++) {
    scanout_rectangle dot = {i * 6, (i * 37) % 480, 1, 1};
    CHECK(guest_present(&vmm.guest, 1, 640, dot));
  }
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK(changes.damage_count > 0 && changes.damage_count <= 16);
  for (uint32_t i = 0; i < 100; i++) {
    bool is_covered = false;
    for (uint32_t j = 0; j < changes.damage_count; j++) {
      scanout_rectangle *r = &changes.damage[j];
      uint32_t x = i * 6, y = (i * 37) % 480;
      if (r->x <= x && x < r->x + r->width && r->y <= y && y < r->y + r->height) is_covered = true;
    }
    CHECK(is_covered);
  }
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static void reset(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  expectation found = {0};
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 64);
  CHECK_IS(scanout_device_reset(vmm.device), 0);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 0);
  CHECK_IS(scanout_with_surface(viewer.attachment, 0, look, &found), -ENODATA);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 32, 32));
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 32);
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

static void two_devices(void) {
  vmm one, other;
  viewer viewers[2];
  scanout_changes changes = {.size = sizeof changes};
  expectation found = {0};
  vmm_start_display(&one, 1, NULL);
  vmm_start_display(&other, 1, NULL);
  CHECK_IS(viewer_attach(&viewers[0], one.device), 0);
  CHECK_IS(viewer_attach(&viewers[1], other.device), 0);
  CHECK(guest_start(&one.guest, one.device, &one.ram, 1, false) && guest_draw(&one.guest, 64, 48));
  CHECK(guest_start(&other.guest, other.device, &other.ram, 1, false) && guest_draw(&other.guest, 100, 80));
  CHECK_IS(scanout_device_reset(one.device), 0);
  CHECK_IS(scanout_take_changes(viewers[0].attachment, 0, &changes), 0);
  CHECK_IS(changes.width, 0);
  scanout_rectangle all = {0, 0, 100, 80};
  CHECK(guest_present(&other.guest, 1, 100, all));
  CHECK_IS(scanout_take_changes(viewers[1].attachment, 0, &changes), 0);
  CHECK_IS(scanout_with_surface(viewers[1].attachment, 0, look, &found), 0);
  CHECK(found.is_right && found.width == 100 && found.height == 80);
  viewer_detach(&viewers[0]);
  viewer_detach(&viewers[1]);
  vmm_end(&one);
  vmm_end(&other);
}

static void several_outputs(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  vmm_start_display(&vmm, 16, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK(guest_show(&vmm.guest, 15, 1, 64, 40));
  for (uint32_t output = 0; output < 16; output++) {
    CHECK_IS(scanout_take_changes(viewer.attachment, output, &changes), 0);
    CHECK_IS(changes.height, output == 0 ? 64 : output == 15 ? 40 : 0);
  }
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

// UPDATE_CURSOR and MOVE_CURSOR (virtio 1.4 §5.7.6.10).
static void send_cursor(guest *guest, uint32_t type, uint32_t x, uint32_t y, uint32_t resource) {
  uint32_t words[14] = {type, 0, 0, 0, 0, 0, 0, x, y, 0, resource, 5, 6, 0};
  memcpy(guest_ram_at(guest->ram, guest->request), words, sizeof words);
  guest_offer(guest, 1, guest->request, sizeof words, 0, 0);
  CHECK(guest_wait(guest, 1) >= 0);
}

static void cursor(void) {
  vmm vmm;
  viewer viewer;
  scanout_changes changes = {.size = sizeof changes};
  scanout_cursor cursor = {.size = sizeof cursor};
  static uint8_t pixels[64 * 64 * 4];
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(viewer_attach(&viewer, vmm.device), 0);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, pixels, sizeof pixels), 0);
  CHECK(cursor.flags == 0 && cursor.width == 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 2, false) && guest_draw(&vmm.guest, 640, 480));
  uint64_t image = guest_resource(&vmm.guest, 2, 64, 64);
  uint8_t *pixel = guest_ram_at(&vmm.ram, image);
  for (uint32_t i = 0; i < 64 * 64; i++) pixel[4 * i] = (uint8_t)i;
  scanout_rectangle all = {0, 0, 64, 64};
  CHECK(guest_present(&vmm.guest, 2, 64, all));
  send_cursor(&vmm.guest, 0x300, 30, 40, 2);
  CHECK_IS(scanout_take_changes(viewer.attachment, 0, &changes), 0);
  CHECK(changes.flags & SCANOUT_CHANGES_CURSOR);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, pixels, sizeof pixels), 0);
  CHECK(cursor.flags == SCANOUT_CURSOR_VISIBLE && cursor.width == 64 && cursor.height == 64);
  CHECK(cursor.x == 30 && cursor.y == 40 && cursor.hot_x == 5 && cursor.hot_y == 6);
  for (uint32_t i = 0; i < 64 * 64; i++) CHECK_IS(pixels[4 * i], (uint8_t)i);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, pixels, sizeof pixels - 1), -ENOSPC);
  CHECK_IS(cursor.width, 64);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, pixels, SIZE_MAX), 0);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, NULL, 0), 0);
  send_cursor(&vmm.guest, 0x301, (uint32_t)-7, 41, 2);
  CHECK_IS(scanout_get_cursor(viewer.attachment, 0, &cursor, NULL, 0), 0);
  CHECK(cursor.x == -7 && cursor.y == 41);
  viewer_detach(&viewer);
  vmm_end(&vmm);
}

typedef struct refusals {
  atomic_uint count;
  uint32_t first_request;
  char first_reason[64];
} refusals;

static void hear_refusal(void *context, const scanout_refusal *refusal) {
  refusals *heard = context;
  if (refusal->size < sizeof *refusal || refusal->queue != 0) abort();
  if (atomic_load(&heard->count) == 0) {
    heard->first_request = refusal->request;
    snprintf(heard->first_reason, sizeof heard->first_reason, "%s", refusal->reason);
  }
  atomic_fetch_add(&heard->count, 1);
}

static void refused_requests(void) {
  vmm vmm;
  refusals heard = {0};
  vmm_start(&vmm);
  scanout_output output = {.size = sizeof output, .width = 640, .height = 480};
  scanout_display_options options = {.size = sizeof options, .outputs = &output, .output_count = 1,
                                     .context = &heard, .refused = hear_refusal,
                                     .flags = SCANOUT_DISPLAY_FENCES_AT_REFRESH, .memory_limit = 1 << 20};
  CHECK_IS(scanout_display_create(vmm.memory, &options, &vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  uint32_t flush[] = {0, 0, 8, 8, 77, 0};
  CHECK_IS(guest_command(&vmm.guest, 0x104, flush, 6), 0x1203);  // ERR_INVALID_RESOURCE_ID
  WAIT_UNTIL(atomic_load(&heard.count) == 1);
  CHECK_IS(heard.first_request, 0x104);
  CHECK(strcmp(heard.first_reason, "noSuchResource") == 0);
  uint32_t large[] = {1, 2, 1024, 1024};
  CHECK_IS(guest_command(&vmm.guest, 0x101, large, 4), 0x1201);  // ERR_OUT_OF_MEMORY: more than memory_limit
  WAIT_UNTIL(atomic_load(&heard.count) == 2);
  vmm_end(&vmm);
}

const judge_case picture_cases[] = {
    {"every pixel that a guest draws is in the surface, and in copies of its parts", every_pixel},
    {"damage covers what was flushed, and is told once", damage},
    {"a reset turns the output off, and the next driver's picture comes", reset},
    {"two devices in one process know nothing of each other", two_devices},
    {"sixteen outputs show what is theirs", several_outputs},
    {"the cursor comes with its place, its image and its hot spot", cursor},
    {"refused requests are told, and limits are the ones of the options", refused_requests},
    {NULL, NULL}};
