#include "gpu.h"

enum {
  GET_DISPLAY_INFO = 0x100,
  RESOURCE_CREATE_2D,
  SET_SCANOUT = 0x103,
  RESOURCE_FLUSH,
  TRANSFER_TO_HOST_2D,
  RESOURCE_ATTACH_BACKING,
  UPDATE_CURSOR = 0x300,
  MOVE_CURSOR
};
enum { FENCE = 1, HEADER = 24, LONGEST = 64, LONGEST_ANSWER = 408, UNTOUCHED = 0xee };

struct header {
  uint32_t type, flags, fence, fence_high, context, padding;
};
_Static_assert(sizeof(struct header) == HEADER, "virtio 1.4 §5.7.6.7");

// One command on its way: what the device reads and where it answers.
struct command {
  uint32_t type, answer, answer_length;
  const uint32_t *body;
  uint32_t body_words;
  struct piece *pieces; // a part of its own behind the body
  uint32_t piece_count;
  // From here on gpu_send's.
  struct header *request;
  uint8_t *reply;
  uint16_t head;
};

uint32_t missed_interrupts, empty_interrupts;
static volatile uint32_t interrupts;

void gpu_interrupt(struct gpu *gpu) {
  uint8_t isr = gpu->way->take_interrupt(gpu->device);
  if (isr & 1) interrupts++;
  if (!isr) empty_interrupts++;
}

static bool wait_used(struct queue *queue, struct used_element *element) {
  for (uint64_t start = ticks(); ticks() - start < 100ull * TENTH;)
    if (ring_take(queue, element)) return true;
  return false;
}

// The answer is there already; without its interrupt it was polled, which is said and counted.
static void wait_interrupt(uint32_t before, uint32_t type) {
  // The first may take its time; with none at all the run is to end some day nevertheless.
  uint64_t patience = (missed_interrupts ? 1ull : 20ull) * TENTH;
  for (uint64_t start = ticks(); ticks() - start < patience;)
    if (interrupts != before) return;
  missed_interrupts++;
  print("note command %x was answered without an interrupt\n", type);
}

static void add(struct gpu *gpu, struct queue *queue, struct command *command) {
  command->request = allocate(LONGEST, 8);
  command->reply = memset(allocate(LONGEST_ANSWER, 8), UNTOUCHED, LONGEST_ANSWER);
  *command->request = (struct header){command->type, FENCE, ++gpu->fence, 0x5ca7, 0, 0};
  memcpy(command->request + 1, command->body, 4 * command->body_words);
  struct part parts[3] = {{command->request, HEADER + 4 * command->body_words, false}};
  unsigned count = 1;
  if (command->pieces) parts[count++] = (struct part){command->pieces, 16 * command->piece_count, false};
  parts[count++] = (struct part){command->reply, command->answer_length, true};
  command->head = ring_add(queue, parts, count);
}

static bool refuse(const struct command *command, const char *what, uint32_t is, uint32_t wanted) {
  print("error command %x: %s is %x, not %x\n", command->type, what, is, wanted);
  return false;
}

static bool check(const struct queue *queue, const struct command *command, uint32_t fence,
                  struct used_element element) {
  if (element.id != command->head) return refuse(command, "the used element", element.id, command->head);
  // QEMU's device tells of nothing written on the cursor queue.
  if (queue->number == CURSOR && !element.length) return true;
  const struct header *reply = (const void *)command->reply;
  if (reply->type != command->answer) return refuse(command, "the answer", reply->type, command->answer);
  if (element.length != command->answer_length)
    return refuse(command, "the answer's length", element.length, command->answer_length);
  if (!(reply->flags & FENCE)) return refuse(command, "the flags", reply->flags, FENCE);
  if (reply->fence != fence || reply->fence_high != 0x5ca7)
    return refuse(command, "the fence", reply->fence, fence);
  return true;
}

// Sends commands in one notification, waits for them and for an interrupt, and checks the answers.
static bool gpu_send(struct gpu *gpu, uint16_t number, struct command *commands, unsigned count) {
  struct queue *queue = &gpu->queues[number];
  uint32_t first = gpu->fence + 1, before = interrupts;
  for (unsigned index = 0; index < count; index++) add(gpu, queue, &commands[index]);
  gpu->way->notify(gpu->device, number);
  for (unsigned index = 0; index < count; index++) {
    struct used_element element;
    if (!wait_used(queue, &element)) {
      print("error command %x: no answer, device status %x\n", commands[index].type,
            (uint32_t)gpu->way->status(gpu->device));
      return false;
    }
    if (!check(queue, &commands[index], first + index, element)) return false;
  }
  wait_interrupt(before, commands[0].type);
  return true;
}

#define WORDS(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4

static bool send_one(struct gpu *gpu, uint16_t queue, uint32_t type, const uint32_t *body, uint32_t words,
                     uint32_t answer) {
  struct command command = {type, answer, HEADER, body, words, .pieces = NULL};
  return gpu_send(gpu, queue, &command, 1);
}

bool gpu_display_info(struct gpu *gpu, struct area *first, bool *is_enabled) {
  struct command command = {GET_DISPLAY_INFO, DISPLAY_INFO, LONGEST_ANSWER, .body = NULL};
  if (!gpu_send(gpu, CONTROL, &command, 1)) return false;
  const uint32_t *words = (const void *)(command.reply + HEADER);
  *first = (struct area){words[0], words[1], words[2], words[3]};
  *is_enabled = words[4];
  return true;
}

bool gpu_create(struct gpu *gpu, uint32_t resource, uint32_t format, uint32_t width, uint32_t height) {
  return send_one(gpu, CONTROL, RESOURCE_CREATE_2D, WORDS(resource, format, width, height), NO_DATA);
}

bool gpu_attach(struct gpu *gpu, uint32_t resource, struct piece *pieces, uint32_t count) {
  const uint32_t body[] = {resource, count};
  struct command command = {RESOURCE_ATTACH_BACKING, NO_DATA, HEADER, body, 2, pieces, count, .head = 0};
  return gpu_send(gpu, CONTROL, &command, 1);
}

bool gpu_set_scanout(struct gpu *gpu, uint32_t scanout, uint32_t resource, struct area area) {
  return send_one(gpu, CONTROL, SET_SCANOUT,
                  WORDS(area.x, area.y, area.width, area.height, scanout, resource), NO_DATA);
}

bool gpu_transfer(struct gpu *gpu, uint32_t resource, struct area area, uint32_t offset) {
  return send_one(gpu, CONTROL, TRANSFER_TO_HOST_2D,
                  WORDS(area.x, area.y, area.width, area.height, offset, 0, resource, 0), NO_DATA);
}

bool gpu_flush(struct gpu *gpu, uint32_t resource, struct area area, uint32_t answer) {
  return send_one(gpu, CONTROL, RESOURCE_FLUSH, WORDS(area.x, area.y, area.width, area.height, resource, 0),
                  answer);
}

bool gpu_transfer_and_flush(struct gpu *gpu, uint32_t resource, struct area area, uint32_t offset) {
  const uint32_t transfer[] = {area.x, area.y, area.width, area.height, offset, 0, resource, 0};
  const uint32_t flush[] = {area.x, area.y, area.width, area.height, resource, 0};
  struct command commands[] = {{TRANSFER_TO_HOST_2D, NO_DATA, HEADER, .body = transfer, .body_words = 8},
                               {RESOURCE_FLUSH, NO_DATA, HEADER, .body = flush, .body_words = 6}};
  return gpu_send(gpu, CONTROL, commands, 2);
}

bool gpu_update_cursor(struct gpu *gpu, uint32_t resource, uint32_t x, uint32_t y, uint32_t hot_x,
                       uint32_t hot_y) {
  return send_one(gpu, CURSOR, UPDATE_CURSOR, WORDS(0, x, y, 0, resource, hot_x, hot_y, 0), NO_DATA);
}

bool gpu_move_cursor(struct gpu *gpu, uint32_t x, uint32_t y) {
  return send_one(gpu, CURSOR, MOVE_CURSOR, WORDS(0, x, y, 0, 0, 0, 0, 0), NO_DATA);
}
