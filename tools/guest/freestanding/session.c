#include "session.h"
#include "gpu.h"
#include "pattern.h"

enum { VERSION_1 = 1u << 0, INDIRECT_DESC = 1u << 28 }; // in the second and the first word
enum { PICTURE = 1, POINTER = 2 };                      // resources
enum { HOT_X = 5, HOT_Y = 9 };

static struct gpu gpu;

void session_interrupt(void) {
  if (gpu.way) gpu_interrupt(&gpu);
}

static bool step(const struct session *session, const char *what, bool is_right) {
  print("%s %s %s\n", is_right ? "ok" : "error", session->name, what);
  return is_right;
}

// Says that there is something to look at, and waits until somebody has.
static void ready(const struct session *session, const char *what) {
  print("ready %s %s\n", session->name, what);
  serial_read();
}

static bool reset(struct device *device, const struct way *way) {
  way->set_status(device, 0);
  for (uint64_t start = ticks(); ticks() - start < 100ull * TENTH;)
    if (way->status(device) == 0) return true;
  return false;
}

static bool negotiate(const struct session *session, struct device *device) {
  const struct way *way = session->way;
  uint32_t wanted = session->uses_tables ? INDIRECT_DESC : 0;
  uint8_t status = ACKNOWLEDGE;
  way->set_status(device, status);
  way->set_status(device, status |= DRIVER);
  if ((way->features(device, 0) & wanted) != wanted) return false;
  way->accept(device, 0, wanted);
  if (!way->has_version_1) return way->status(device) == status;
  if (!(way->features(device, 1) & VERSION_1)) return false;
  way->accept(device, 1, VERSION_1);
  way->set_status(device, status |= FEATURES_OK);
  return way->status(device) == status;
}

static bool place_queues(const struct session *session, struct device *device) {
  const struct way *way = session->way;
  device->alignment = session->alignment;
  for (uint16_t number = 0; number < QUEUES; number++) {
    struct queue *queue = &gpu.queues[number];
    queue->number = number;
    queue->size = way->largest(device, number);
    if (way->chooses_size && session->size && session->size < queue->size) queue->size = session->size;
    if (queue->size < 4 || queue->size & (queue->size - 1) || !way->place(device, queue)) return false;
    if (session->uses_tables) ring_use_tables(queue);
    print("note %s queue %u: %u entries at %x, %x, %x\n", session->name, (uint32_t)number,
          (uint32_t)queue->size, (uint32_t)queue->descriptors, (uint32_t)queue->available,
          (uint32_t)queue->used);
  }
  return way->largest(device, QUEUES) == 0; // there is no third
}

// A resource's backing in pieces of odd lengths with gaps between them, later pieces at lower addresses.
struct backing {
  uint32_t count;
  struct piece pieces[64];
};

static bool make_backing(struct backing *backing, uint32_t size) {
  static const uint32_t lengths[] = {65536, 12297, 4096, 100001, 33, 250000, 8192};
  enum { GAP = 4100 };
  uint8_t *end = allocate(size + 64 * GAP, 4096);
  end += size + 64 * GAP;
  for (backing->count = 0; size && backing->count < 64; backing->count++) {
    uint32_t length = lengths[backing->count % (sizeof lengths / sizeof *lengths)];
    if (length > size) length = size;
    end -= length + GAP;
    backing->pieces[backing->count] = (struct piece){(uint32_t)end, 0, length, 0};
    size -= length;
  }
  return size == 0;
}

static void fill(const struct backing *backing, uint32_t (*pixel)(uint32_t, uint32_t, uint32_t),
                 uint32_t seed, uint32_t width, uint32_t height) {
  const struct piece *piece = backing->pieces;
  uint8_t *at = (uint8_t *)piece->address;
  uint32_t left = piece->length;
  for (uint32_t y = 0; y < height; y++)
    for (uint32_t x = 0; x < width; x++) {
      uint32_t value = pixel(seed, x, y);
      for (int byte = 0; byte < 4; byte++, value >>= 8) {
        if (!left) {
          piece++;
          at = (uint8_t *)piece->address;
          left = piece->length;
        }
        *at++ = (uint8_t)value;
        left--;
      }
    }
}

static bool make_resource(uint32_t resource, struct backing *backing, uint32_t format, uint32_t width,
                          uint32_t height) {
  return make_backing(backing, width * height * 4) && gpu_create(&gpu, resource, format, width, height)
      && gpu_attach(&gpu, resource, backing->pieces, backing->count);
}

static bool show_cursor(uint32_t seed, struct area whole) {
  struct backing backing;
  struct area image = {0, 0, CURSOR_SIDE, CURSOR_SIDE};
  if (!make_resource(POINTER, &backing, BGRA, CURSOR_SIDE, CURSOR_SIDE)) return false;
  fill(&backing, cursor_pixel, seed, CURSOR_SIDE, CURSOR_SIDE);
  // Cut by the picture's lower right corner in the end.
  return gpu_transfer(&gpu, POINTER, image, 0) && gpu_update_cursor(&gpu, POINTER, 11, 13, HOT_X, HOT_Y)
      && gpu_move_cursor(&gpu, whole.width - 41, whole.height - 23);
}

static bool draw(const struct session *session, uint32_t seed) {
  struct area whole;
  bool is_enabled;
  struct backing backing;
  if (!step(session, "display-info", gpu_display_info(&gpu, &whole, &is_enabled) && is_enabled)) return false;
  print("note %s mode %ux%u\n", session->name, whole.width, whole.height);
  whole.x = whole.y = 0;
  if (!step(session, "resource", make_resource(PICTURE, &backing, BGRX, whole.width, whole.height))
      || !step(session, "scanout", gpu_set_scanout(&gpu, 0, PICTURE, whole)))
    return false;
  fill(&backing, pattern_pixel, seed, whole.width, whole.height);
  if (!step(session, "whole",
            gpu_transfer(&gpu, PICTURE, whole, 0) && gpu_flush(&gpu, PICTURE, whole, NO_DATA)))
    return false;
  ready(session, "whole");
  // All of the backing changes, and only this part of it is to be seen.
  fill(&backing, pattern_pixel, seed + 1, whole.width, whole.height);
  struct area part = {whole.width / 3 | 1, whole.height / 5 | 1, whole.width / 2 | 1, whole.height / 3 | 1};
  uint32_t offset = (part.y * whole.width + part.x) * 4;
  if (!step(session, "part", gpu_transfer_and_flush(&gpu, PICTURE, part, offset))
      || !step(session, "cursor", show_cursor(seed + 2, whole))
      || !step(session, "refusal", gpu_flush(&gpu, 77, part, INVALID_RESOURCE)))
    return false;
  ready(session, "part");
  return true;
}

// From the register file to a driver that is there.
static bool bring_up(const struct session *session, struct device *device) {
  const struct way *way = session->way;
  gpu = (struct gpu){0};
  if (!step(session, "registers", way->open(device)) || !step(session, "reset", reset(device, way)))
    return false;
  gpu.device = device;
  gpu.way = way;
  if (!step(session, "features", negotiate(session, device))
      || !step(session, "queues", place_queues(session, device)))
    return false;
  way->set_status(device, way->status(device) | DRIVER_OK);
  return true;
}

bool session_ring(const struct session *session, struct device *device, uint32_t count) {
  uint32_t mark = memory_mark();
  if (!bring_up(session, device)) return false;
  uint32_t rate = ticks_in_millisecond();
  uint64_t start = ticks();
  for (uint32_t number = 0; number < count; number++) session->way->notify(device, CONTROL);
  uint32_t taken = (uint32_t)((ticks() - start) >> 10);
  print("note %s doorbells: %u in %u kiloticks, %u ticks in a millisecond\n", session->name, count, taken, rate);
  uint8_t status = session->way->status(device);
  bool is_right = step(session, "doorbells", rate && (status & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK);
  is_right = step(session, "end", reset(device, session->way)) && is_right;
  memory_release(mark);
  return is_right;
}

bool session_run(const struct session *session, struct device *device, uint32_t seed) {
  const struct way *way = session->way;
  uint32_t mark = memory_mark();
  uint32_t missed = missed_interrupts, empty = empty_interrupts;
  if (!bring_up(session, device)) return false;
  // The first of the device's configuration: events, what clears them, and from 8 the number of scanouts.
  uint32_t scanouts = way->config(device, 8);
  bool is_right = step(session, "configuration", scanouts >= 1 && scanouts <= 16) && draw(session, seed);
  is_right =
      step(session, "status", (way->status(device) & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK) && is_right;
  print("note %s: %u interrupts without a reason\n", session->name, empty_interrupts - empty);
  if (missed != missed_interrupts)
    print("error %u answers without an interrupt\n", missed_interrupts - missed);
  is_right = step(session, "interrupts", missed == missed_interrupts) && is_right;
  is_right = step(session, "interrupt-status", way->take_interrupt(device) == 0) && is_right;
  // The memory below is used again, so the device has to have let go of it.
  is_right = step(session, "end", reset(device, way)) && is_right;
  memory_release(mark);
  return is_right;
}
