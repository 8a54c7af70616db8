// Keys, pointers, fingers and random numbers, as a guest's driver gets them.
#include "judge.h"

enum { ev_syn = 0, ev_key = 1, ev_rel = 2, ev_abs = 3 };

static atomic_uint lights;

static void lights_changed(void *context, uint32_t now) {
  (void)context;
  atomic_store(&lights, now + 0x100);
}

// An input device whose driver has posted buffers for events.
static uint64_t start_input(vmm *vmm, uint32_t kind) {
  scanout_input_options options = {
      .size = sizeof options, .kind = kind, .serial = "judge-1", .lights_changed = lights_changed};
  scanout_device_info info = {.size = sizeof info};
  vmm_start(vmm);
  CHECK_IS(scanout_input_create(vmm->memory, &options, &vmm->device), 0);
  CHECK_IS(scanout_device_get_info(vmm->device, &info), 0);
  CHECK_IS(info.kind, kind);
  CHECK(guest_start(&vmm->guest, vmm->device, &vmm->ram, 2, false));
  uint64_t events = guest_ram_take(&vmm->ram, 4096);
  for (uint32_t i = 0; i < 8; i++) guest_offer(&vmm->guest, 0, 0, 0, events + 8 * i, 8);
  return events;
}

// The next event is this one (virtio 1.4 §5.8.6); `events` goes on to the one after it.
static void expect(vmm *vmm, uint64_t *events, uint32_t type, uint32_t code, uint32_t value) {
  CHECK_IS(guest_wait(&vmm->guest, 0), 8);
  uint8_t *event = guest_ram_at(&vmm->ram, *events);
  uint8_t wanted[8] = {(uint8_t)type, 0, (uint8_t)code, (uint8_t)(code >> 8), (uint8_t)value, (uint8_t)(value >> 8),
                       (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
  CHECK(memcmp(event, wanted, 8) == 0);
  *events += 8;
}

static void keyboard(void) {
  vmm vmm;
  uint64_t events = start_input(&vmm, SCANOUT_DEVICE_KEYBOARD);
  CHECK_IS(scanout_key(vmm.device, 30, 1), 0);  // KEY_A
  expect(&vmm, &events, ev_key, 30, 1);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_key(vmm.device, 30, 0), 0);
  expect(&vmm, &events, ev_key, 30, 0);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_key(vmm.device, 0, 1), -EINVAL);
  CHECK_IS(scanout_key(vmm.device, 65536 + 30, 1), -EINVAL);
  CHECK_IS(scanout_key(vmm.device, UINT32_MAX, 1), -EINVAL);
  // The guest sets Caps Lock's light: EV_LED 0x11, LED_CAPSL 1, on the status queue.
  CHECK_IS(scanout_get_lights(vmm.device), 0);
  uint8_t light[8] = {0x11, 0, 1, 0, 1};
  memcpy(guest_ram_at(&vmm.ram, vmm.guest.request), light, 8);
  guest_offer(&vmm.guest, 1, vmm.guest.request, 8, 0, 0);
  CHECK_IS(guest_wait(&vmm.guest, 1), 0);
  WAIT_UNTIL(atomic_load(&lights) == 0x100u + (uint32_t)SCANOUT_LIGHT_CAPS_LOCK);
  CHECK_IS(scanout_get_lights(vmm.device), SCANOUT_LIGHT_CAPS_LOCK);
  // The serial: select VIRTIO_INPUT_CFG_ID_SERIAL (2), size at 2, text from 8 on.
  uint64_t place = vmm.guest.configuration;
  guest_write(vmm.device, vmm.guest.bar, place, 1, 2);
  CHECK_IS(guest_read(vmm.device, vmm.guest.bar, place + 2, 1), 7);
  char serial[8] = {0};
  CHECK_IS(scanout_device_read(vmm.device, vmm.guest.bar, place + 8, serial, 7), 0);
  CHECK(strcmp(serial, "judge-1") == 0);
  vmm_end(&vmm);
}

static void full_keyboard(void) {
  vmm vmm;
  start_input(&vmm, SCANOUT_DEVICE_KEYBOARD);
  int result = 0, count = 0;
  while (result == 0 && count < 1000000) result = scanout_key(vmm.device, 30, count++ % 2 == 0);
  CHECK_IS(result, -EAGAIN);
  vmm_end(&vmm);
}

static void tablet(void) {
  vmm vmm;
  uint64_t events = start_input(&vmm, SCANOUT_DEVICE_TABLET);
  CHECK_IS(scanout_move_by(vmm.device, 1, 1), -ENOTSUP);
  CHECK_IS(scanout_move_to(vmm.device, -5, INT32_MAX), 0);
  expect(&vmm, &events, ev_abs, 0, 0);
  expect(&vmm, &events, ev_abs, 1, 32767);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_button(vmm.device, 0x110, 1), 0);
  expect(&vmm, &events, ev_key, 0x110, 1);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_button(vmm.device, 0x10f, 1), -EINVAL);
  CHECK_IS(scanout_button(vmm.device, 0x115, 1), -EINVAL);
  CHECK_IS(scanout_button(vmm.device, UINT32_MAX, 1), -EINVAL);
  vmm_end(&vmm);
}

static void mouse(void) {
  vmm vmm;
  uint64_t events = start_input(&vmm, SCANOUT_DEVICE_MOUSE);
  CHECK_IS(scanout_move_to(vmm.device, 1, 1), -ENOTSUP);
  CHECK_IS(scanout_move_by(vmm.device, -3, 4), 0);
  expect(&vmm, &events, ev_rel, 0, (uint32_t)-3);
  expect(&vmm, &events, ev_rel, 1, 4);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_scroll(vmm.device, 120, 0), 0);
  expect(&vmm, &events, ev_rel, 8, 1);
  expect(&vmm, &events, ev_rel, 11, 120);
  expect(&vmm, &events, ev_syn, 0, 0);
  CHECK_IS(scanout_scroll(vmm.device, INT32_MIN, INT32_MAX), 0);
  CHECK_IS(scanout_move_by(vmm.device, INT32_MIN, INT32_MAX), 0);
  vmm_end(&vmm);
}

static void touchscreen(void) {
  vmm vmm;
  uint64_t events = start_input(&vmm, SCANOUT_DEVICE_TOUCH);
  CHECK_IS(scanout_touch(vmm.device, 10, 0, 0), -EINVAL);
  CHECK_IS(scanout_lift(vmm.device, UINT32_MAX), -EINVAL);
  CHECK_IS(scanout_touch(vmm.device, 0, 100, 200), 0);
  bool has_x = false;
  for (int i = 0; i < 8 && !has_x; i++, events += 8) {
    CHECK_IS(guest_wait(&vmm.guest, 0), 8);
    uint8_t *event = guest_ram_at(&vmm.ram, events);
    has_x = event[0] == ev_abs && event[2] == 0x35 && event[4] == 100;  // ABS_MT_POSITION_X
  }
  CHECK(has_x);
  CHECK_IS(scanout_lift(vmm.device, 0), 0);
  vmm_end(&vmm);
}

static void entropy(void) {
  vmm vmm;
  vmm_start(&vmm);
  CHECK_IS(scanout_entropy_create(vmm.memory, NULL, &vmm.device), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  guest_offer(&vmm.guest, 0, 0, 0, vmm.guest.reply, 64);
  CHECK_IS(guest_wait(&vmm.guest, 0), 64);
  uint8_t zeros[64] = {0};
  CHECK(memcmp(guest_ram_at(&vmm.ram, vmm.guest.reply), zeros, 64) != 0);
  vmm_end(&vmm);
}

static void refused_input(void) {
  scanout_memory *memory;
  scanout_device *device = NULL;
  scanout_bus_options bus = {.size = sizeof bus, .transport = SCANOUT_TRANSPORT_LEGACY};
  scanout_input_options options = {.size = sizeof options, .kind = SCANOUT_DEVICE_MOUSE};
  char serial[200];
  CHECK_IS(scanout_memory_create(&memory), 0);
  for (uint32_t kind = 0; kind < 8; kind++) {
    options.kind = kind;
    bool is_input = kind >= SCANOUT_DEVICE_KEYBOARD && kind <= SCANOUT_DEVICE_TOUCH;
    CHECK_IS(scanout_input_create(memory, &options, &device), is_input ? 0 : -EINVAL);
    scanout_device_destroy(device);
    device = NULL;
  }
  options.kind = UINT32_MAX;
  CHECK_IS(scanout_input_create(memory, &options, &device), -EINVAL);
  options.kind = SCANOUT_DEVICE_MOUSE;
  options.bus = &bus;
  CHECK_IS(scanout_input_create(memory, &options, &device), -EINVAL);
  bus.transport = 0;
  memset(serial, 'x', sizeof serial);
  serial[129] = 0;
  options.serial = serial;
  CHECK_IS(scanout_input_create(memory, &options, &device), -EINVAL);
  serial[0] = (char)0xc0;
  serial[1] = 0;
  CHECK_IS(scanout_input_create(memory, &options, &device), -EINVAL);
  CHECK(device == NULL);
  scanout_memory_destroy(memory);
}

const judge_case input_cases[] = {
    {"keys reach the guest, and its lights the host", keyboard},
    {"a guest that takes no keys is told of, by number", full_keyboard},
    {"a tablet is where it is told to be, at the edge for what is outside", tablet},
    {"a mouse moves, and its wheel turns", mouse},
    {"a finger touches the screen", touchscreen},
    {"random numbers come", entropy},
    {"input devices that cannot be made are refused", refused_input},
    {NULL, NULL}};
