// The PCI function: registers, doorbells, interrupts, guest memory, life and end.
#include "judge.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static void version(void) {
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%d.%d", SCANOUT_VERSION_MAJOR, SCANOUT_VERSION_MINOR);
  CHECK(strcmp(scanout_version(), wanted) == 0);
  CHECK_IS(scanout_version_number(), SCANOUT_VERSION_MAJOR * 65536 + SCANOUT_VERSION_MINOR);
}

static void registers(void) {
  vmm vmm;
  vmm_start_display(&vmm, 2, NULL);
  scanout_device_info info = {.size = sizeof info};
  CHECK_IS(scanout_device_get_info(vmm.device, &info), 0);
  CHECK_IS(info.kind, SCANOUT_DEVICE_DISPLAY);
  CHECK_IS(info.config_size, 256);
  CHECK_IS(info.msix_vectors, 3);
  CHECK_IS(info.outputs, 2);
  CHECK_IS(info.flags, SCANOUT_DEVICE_HAS_INTX);
  CHECK_IS(guest_read(vmm.device, SCANOUT_REGION_CONFIG, 0, 4), 0x10501af4);  // virtio 1.4 §4.1.2.1: 0x1040 plus 16
  // What the table says is what a driver finds that writes ones.
  for (uint32_t index = 0; index < 6; index++) {
    scanout_bar bar = {.size = sizeof bar};
    CHECK_IS(scanout_device_get_bar(vmm.device, index, &bar), 0);
    uint32_t place = 0x10 + 4 * index;
    guest_write(vmm.device, SCANOUT_REGION_CONFIG, place, 4, UINT32_MAX);
    uint32_t found = guest_read(vmm.device, SCANOUT_REGION_CONFIG, place, 4);
    uint32_t wanted = bar.kind == SCANOUT_BAR_ABSENT ? 0 : (uint32_t)-bar.bytes;
    if (bar.kind == SCANOUT_BAR_MEMORY64) wanted |= 4;
    if (bar.flags & SCANOUT_BAR_PREFETCHABLE) wanted |= 8;
    CHECK_IS(found, wanted);
    if (bar.kind == SCANOUT_BAR_MEMORY64) index++;
  }
  vmm_end(&vmm);
}

// Bytes of every kind everywhere, from several threads: nothing to expect but to come back.
static void *hammer(void *context) {
  vmm *vmm = context;
  uint32_t seed = (uint32_t)(uintptr_t)pthread_self();
  uint8_t bytes[4096];
  for (int i = 0; i < 20000; i++) {
    for (int j = 0; j < 8; j++) bytes[j] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    uint32_t region = (seed >> 8) % 8, count = (seed >> 16) % 10 == 0 ? 4096 : (seed >> 20) % 9;
    uint64_t offset = i % 16 == 0 ? UINT64_MAX - seed % 16 : seed % 0x5000;
    int written = scanout_device_write(vmm->device, region, offset, bytes, count);
    int read = scanout_device_read(vmm->device, region, offset, bytes, count);
    if (written != read || (read != 0 && read != -EINVAL)) abort();
    if (i % 4096 == 0 && scanout_device_reset(vmm->device) != 0) abort();
  }
  return NULL;
}

static void random_accesses(void) {
  scanout_bus_options bus = {
      .size = sizeof bus, .transport = SCANOUT_TRANSPORT_TRANSITIONAL, .flags = SCANOUT_BUS_EXPRESS};
  vmm vmm;
  vmm_start_display(&vmm, 1, &bus);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) CHECK_IS(pthread_create(&threads[i], NULL, hammer, &vmm), 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK_IS(scanout_device_reset(vmm.device), 0);
  atomic_store(&vmm.strange_messages, 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  vmm_end(&vmm);
}

static void doorbells(void) {
  vmm vmm;
  vmm_start_display(&vmm, 1, NULL);
  scanout_doorbell doorbell = {.size = sizeof doorbell};
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 2, false));
  for (uint32_t queue = 0; queue < 2; queue++) {
    CHECK_IS(scanout_device_get_doorbell(vmm.device, queue, &doorbell), 0);
    CHECK_IS(doorbell.queue, queue);
    CHECK_IS(doorbell.bar, vmm.guest.bar);
    CHECK_IS(doorbell.offset, vmm.guest.queues[queue].doorbell);
    CHECK_IS(doorbell.width, 0);
  }
  CHECK_IS(scanout_device_get_doorbell(vmm.device, 2, &doorbell), -ENOENT);
  // The guest's write goes nowhere, as where an event descriptor has taken it; the host rings.
  uint64_t real = vmm.guest.queues[0].doorbell;
  vmm.guest.queues[0].doorbell = 0;
  memset(guest_ram_at(&vmm.ram, vmm.guest.request), 0, 24);
  guest_ram_at(&vmm.ram, vmm.guest.request)[1] = 1;  // GET_DISPLAY_INFO, 0x100
  guest_offer(&vmm.guest, 0, vmm.guest.request, 24, vmm.guest.reply, 4096);
  CHECK_IS(scanout_device_ring(vmm.device, 0), 0);
  CHECK_IS(guest_wait(&vmm.guest, 0), 24 + 16 * 24);
  vmm.guest.queues[0].doorbell = real;
  vmm_end(&vmm);
}

static void legacy_doorbells(void) {
  scanout_bus_options bus = {.size = sizeof bus, .transport = SCANOUT_TRANSPORT_LEGACY};
  vmm vmm;
  vmm_start_display(&vmm, 1, &bus);
  scanout_doorbell doorbell = {.size = sizeof doorbell};
  for (uint32_t queue = 0; queue < 2; queue++) {
    CHECK_IS(scanout_device_get_doorbell(vmm.device, queue, &doorbell), 0);
    CHECK_IS(doorbell.bar, 0);
    CHECK_IS(doorbell.offset, 16);
    CHECK_IS(doorbell.width, 2);
    CHECK_IS(doorbell.match, queue);
  }
  vmm_end(&vmm);
}

static void messages(void) {
  vmm vmm;
  vmm_start_display(&vmm, 1, NULL);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, true) && guest_draw(&vmm.guest, 64, 64));
  WAIT_UNTIL(atomic_load(&vmm.messages[1]) > 0);
  CHECK_IS(atomic_load(&vmm.messages[0]), 0);
  scanout_output output = {.size = sizeof output, .width = 800, .height = 600, .x = 5};
  CHECK_IS(scanout_display_set_outputs(vmm.device, 0, &output, 1), 0);
  WAIT_UNTIL(atomic_load(&vmm.messages[0]) == 1);
  scanout_output told = {.size = sizeof told};
  CHECK_IS(scanout_display_get_output(vmm.device, 0, &told), 0);
  CHECK(memcmp(&told, &output, sizeof told) == 0);
  CHECK_IS(atomic_load(&vmm.level_changes), 0);
  // Nobody hears any more: the callback would count.
  CHECK_IS(scanout_device_connect(vmm.device, NULL), 0);
  unsigned before = atomic_load(&vmm.messages[1]);
  CHECK(guest_resource(&vmm.guest, 2, 64, 64) != 0);
  CHECK_IS(atomic_load(&vmm.messages[1]), before);
  vmm_end(&vmm);
}

static void host_table(void) {
  vmm vmm;
  vmm_start_display(&vmm, 1, NULL);
  vmm_connect(&vmm, SCANOUT_INTERRUPTS_HOST_TABLE);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, true));
  // Masked in the function's table, which does not count.
  guest_write(vmm.device, 1, 16 + 12, 4, 1);
  CHECK(guest_draw(&vmm.guest, 64, 64));
  WAIT_UNTIL(atomic_load(&vmm.messages[1]) > 0);
  vmm_end(&vmm);
}

// Worked inside the guest's writes, so that no interrupt comes after a look.
static void levels(void) {
  scanout_bus_options bus = {.size = sizeof bus, .flags = SCANOUT_BUS_INLINE};
  vmm vmm;
  vmm_start_display(&vmm, 1, &bus);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(atomic_load(&vmm.level), 1);
  CHECK(guest_read(vmm.device, vmm.guest.bar, 0x1000, 1) & 1);  // ISR status: reading lets go of the pin
  CHECK_IS(atomic_load(&vmm.level), 0);
  vmm_end(&vmm);
}

static void memory(void) {
  scanout_memory *memory;
  int file = memfd_create("memory", MFD_CLOEXEC);
  CHECK(file >= 0 && ftruncate(file, 65536) == 0);
  CHECK_IS(scanout_memory_create(&memory), 0);
  CHECK_IS(scanout_memory_add_file(memory, 0x10000, file, 0, 65536, 0), 0);
  CHECK_IS(scanout_memory_add_file(memory, 0x1f000, file, 0, 8192, 0), -EEXIST);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, 0, 65537, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, 4096, 65536, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, UINT64_MAX - 4095, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20001, file, 0, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, 0, 100, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, 0, 0, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, UINT64_MAX - 4095, file, 0, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, file, 0, 4096, 2), -EINVAL);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, -1, 0, 4096, 0), -EBADF);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, INT32_MAX, 0, 4096, 0), -EBADF);
  int pipes[2];
  CHECK_IS(pipe(pipes), 0);
  CHECK_IS(scanout_memory_add_file(memory, 0x20000, pipes[0], 0, 4096, 0), -EINVAL);
  void *mine = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x20000, mine, 8192, SCANOUT_MEMORY_WRITABLE), 0);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x21000, mine, 4096, 0), -EEXIST);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x30000, mine, 0, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x30000, mine, 100, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x30000, mine, UINT64_MAX, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x30000, (char *)mine + 8, 4096, 0), -EINVAL);
  CHECK_IS(scanout_memory_add_mapping(memory, 0x30000, mine, 4096, 4), -EINVAL);
  CHECK_IS(scanout_memory_remove(memory, 0x50000, 4096), -ENOENT);
  CHECK_IS(scanout_memory_remove(memory, 0x20000, 4096), -ERANGE);
  CHECK_IS(scanout_memory_remove(memory, UINT64_MAX, 4096), -EINVAL);
  CHECK_IS(scanout_memory_remove(memory, 0x20000, 8192), 0);
  *(volatile char *)mine = 1;  // still there
  CHECK_IS(munmap(mine, 8192), 0);
  CHECK_IS(scanout_memory_remove(memory, 0, 1 << 20), 0);
  CHECK_IS(scanout_memory_remove(memory, 0, 1 << 20), -ENOENT);
  scanout_memory_destroy(memory);
  close(file), close(pipes[0]), close(pipes[1]);
}

// A guest in memory that the VMM has mapped itself, and which goes away under it.
static void lent_memory(void) {
  vmm vmm;
  vmm_start_display(&vmm, 1, NULL);
  CHECK_IS(scanout_memory_remove(vmm.memory, vmm.ram.base, vmm.ram.size), 0);
  CHECK_IS(scanout_memory_add_mapping(vmm.memory, vmm.ram.base, vmm.ram.bytes, vmm.ram.size,
                                      SCANOUT_MEMORY_WRITABLE), 0);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  CHECK_IS(scanout_memory_remove(vmm.memory, vmm.ram.base, vmm.ram.size), 0);
  // The device finds no ring and says so: DEVICE_NEEDS_RESET (virtio 1.4 §2.1.2).
  CHECK_IS(scanout_device_ring(vmm.device, 0), 0);
  WAIT_UNTIL(guest_read(vmm.device, vmm.guest.bar, vmm.guest.common + 0x14, 1) & 0x40);
  vmm_end(&vmm);
}

// The map's handle may end before the device's.
static void order_of_ends(void) {
  vmm vmm;
  vmm_start_display(&vmm, 1, NULL);
  scanout_memory_destroy(vmm.memory);
  vmm.memory = NULL;
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false) && guest_draw(&vmm.guest, 64, 64));
  vmm_end(&vmm);
}

static int threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = -2;  // . and ..
  while (folder != NULL && readdir(folder) != NULL) count++;
  if (folder != NULL) closedir(folder);
  return count;
}

static void threads_of_devices(void) {
  scanout_bus_options bus = {.size = sizeof bus, .flags = SCANOUT_BUS_INLINE};
  vmm one, other, inside;
  // A thread that was joined leaves /proc a moment later.
  WAIT_UNTIL(threads() == 1);
  vmm_start_display(&one, 1, NULL);
  CHECK_IS(threads(), 2);
  vmm_start_display(&other, 1, NULL);
  CHECK_IS(threads(), 3);
  vmm_start_display(&inside, 1, &bus);
  CHECK_IS(threads(), 3);
  CHECK(guest_start(&inside.guest, inside.device, &inside.ram, 1, false) && guest_draw(&inside.guest, 64, 64));
  CHECK_IS(threads(), 3);
  vmm_end(&inside);
  vmm_end(&other);
  WAIT_UNTIL(threads() == 2);
  vmm_end(&one);
  WAIT_UNTIL(threads() == 1);
}

// A file that shrinks under the device; the last case, since the handler stays.
static void guarded_memory(void) {
  vmm vmm;
  struct sigaction action;
  CHECK_IS(scanout_guard_memory(), 0);
  CHECK_IS(scanout_guard_memory(), 0);
  CHECK_IS(sigaction(SIGBUS, NULL, &action), 0);
  CHECK((action.sa_flags & SA_SIGINFO) != 0);
  vmm_start_display(&vmm, 1, NULL);
  CHECK(guest_start(&vmm.guest, vmm.device, &vmm.ram, 1, false));
  uint64_t pixels = guest_resource(&vmm.guest, 1, 64, 64);
  CHECK(guest_show(&vmm.guest, 0, 1, 64, 64));
  CHECK(pixels + 64 * 64 * 4 == vmm.ram.base + vmm.ram.used);
  CHECK_IS(ftruncate(vmm.ram.descriptor, (off_t)(pixels - vmm.ram.base)), 0);
  scanout_rectangle all = {0, 0, 64, 64};
  CHECK(guest_present(&vmm.guest, 1, 64, all));
  vmm_end(&vmm);
}

const judge_case function_cases[] = {
    {"the library says the version of its header", version},
    {"the table of base address registers is what a driver finds", registers},
    {"random accesses from three threads do no harm", random_accesses},
    {"a doorbell is where the driver finds it, and the host can ring it", doorbells},
    {"a legacy device's doorbells share a register and differ by the value", legacy_doorbells},
    {"interrupts come as messages of the driver's table, and stop when nobody is connected", messages},
    {"a host that keeps the table gets vectors by their numbers", host_table},
    {"without messages the pin follows ISR status", levels},
    {"memory is added and removed by file and by mapping, and refused by number", memory},
    {"a guest runs in memory that the VMM has mapped, until it is removed", lent_memory},
    {"a device keeps the memory that its VMM has let go of", order_of_ends},
    {"each device has one thread, and one that works inside calls has none", threads_of_devices},
    {"a file that shrinks is no crash once memory is guarded", guarded_memory},
    {NULL, NULL}};
