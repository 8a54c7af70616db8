#define _GNU_SOURCE 1
#include "CKVM.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int ckvm_result(int result) { return result < 0 ? -errno : result; }

// MARK: The system and a machine

int ckvm_open(const char *path) { return ckvm_result(open(path, O_RDWR | O_CLOEXEC)); }
int ckvm_api_version(int kvm) { return ckvm_result(ioctl(kvm, KVM_GET_API_VERSION, 0)); }
int ckvm_check(int descriptor, int capability) {
  return ckvm_result(ioctl(descriptor, KVM_CHECK_EXTENSION, capability));
}
int ckvm_create_machine(int kvm) { return ckvm_result(ioctl(kvm, KVM_CREATE_VM, 0)); }

int ckvm_create_chips(int machine, uint64_t identity_map, uint64_t task_state) {
  struct kvm_pit_config timer = {.flags = KVM_PIT_SPEAKER_DUMMY};
  if (ioctl(machine, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0) return -errno;
  if (ioctl(machine, KVM_SET_TSS_ADDR, (unsigned long)task_state) < 0) return -errno;
  if (ioctl(machine, KVM_CREATE_IRQCHIP, 0) < 0) return -errno;
  return ckvm_result(ioctl(machine, KVM_CREATE_PIT2, &timer));
}

int ckvm_set_memory(int machine, uint32_t slot, uint64_t guest, uint64_t count, void *host) {
  struct kvm_userspace_memory_region region = {
      .slot = slot, .guest_phys_addr = guest, .memory_size = count, .userspace_addr = (uintptr_t)host};
  return ckvm_result(ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region));
}

// MARK: Interrupts and doorbells

int ckvm_set_line(int machine, uint32_t line, bool is_high) {
  struct kvm_irq_level level = {.irq = line, .level = is_high};
  return ckvm_result(ioctl(machine, KVM_IRQ_LINE, &level));
}

int ckvm_event_create(void) { return ckvm_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int ckvm_event_signal(int event) { return ckvm_result(eventfd_write(event, 1)); }
int ckvm_event_take(int event) {
  eventfd_t count;
  return ckvm_result(eventfd_read(event, &count));
}

int ckvm_set_routes(int machine, const struct ckvm_message *messages, uint32_t count) {
  enum { lines = 24, pic_lines = 16 };
  struct kvm_irq_routing *table = calloc(1, sizeof *table + (lines + pic_lines + count) * sizeof table->entries[0]);
  if (!table) return -ENOMEM;
  struct kvm_irq_routing_entry *entry = table->entries;
  for (uint32_t line = 0; line < lines; line++) {
    *entry++ = (struct kvm_irq_routing_entry){
        .gsi = line, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {KVM_IRQCHIP_IOAPIC, line}};
    if (line >= pic_lines) continue;
    *entry++ = (struct kvm_irq_routing_entry){
        .gsi = line,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {line < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, line % 8}};
  }
  for (uint32_t index = 0; index < count; index++)
    *entry++ = (struct kvm_irq_routing_entry){.gsi = lines + index,
                                              .type = KVM_IRQ_ROUTING_MSI,
                                              .u.msi = {.address_lo = (uint32_t)messages[index].address,
                                                        .address_hi = (uint32_t)(messages[index].address >> 32),
                                                        .data = messages[index].data}};
  table->nr = (uint32_t)(entry - table->entries);
  int result = ckvm_result(ioctl(machine, KVM_SET_GSI_ROUTING, table));
  free(table);
  return result;
}

int ckvm_connect_event(int machine, int event, uint32_t line) {
  struct kvm_irqfd request = {.fd = (uint32_t)event, .gsi = line};
  return ckvm_result(ioctl(machine, KVM_IRQFD, &request));
}

int ckvm_set_doorbell(int machine, int event, bool is_port, uint64_t address, uint32_t width,
                                    uint64_t match, bool is_on) {
  struct kvm_ioeventfd request = {.fd = event, .addr = address, .len = width, .datamatch = match};
  request.flags = (is_port ? KVM_IOEVENTFD_FLAG_PIO : 0) | (width ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0)
      | (is_on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN);
  return ckvm_result(ioctl(machine, KVM_IOEVENTFD, &request));
}

// MARK: Processors

int ckvm_create_processor(int machine, uint32_t number) {
  return ckvm_result(ioctl(machine, KVM_CREATE_VCPU, (unsigned long)number));
}

void *ckvm_map_run(int kvm, int processor) {
  int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < 0) return NULL;
  void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0);
  return run == MAP_FAILED ? NULL : run;
}

int ckvm_set_identity(int kvm, int processor, uint32_t number) {
  enum { most = 256 };
  struct kvm_cpuid2 *leaves = calloc(1, sizeof *leaves + most * sizeof leaves->entries[0]);
  if (!leaves) return -ENOMEM;
  leaves->nent = most;
  int result = ckvm_result(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, leaves));
  for (uint32_t index = 0; result >= 0 && index < leaves->nent; index++) {
    struct kvm_cpuid_entry2 *leaf = &leaves->entries[index];
    if (leaf->function == 1) {
      leaf->ebx = (leaf->ebx & 0xffff) | 1u << 16 | number << 24;
      leaf->ecx |= 1u << 31; // runs under a hypervisor
      leaf->edx &= ~(1u << 28); // one thread in each package
    } else if (leaf->function == 0xb || leaf->function == 0x1f) {
      leaf->edx = number;
    } else if (leaf->function == 0x8000001e) {
      leaf->eax = number;
    }
  }
  if (result >= 0) result = ckvm_result(ioctl(processor, KVM_SET_CPUID2, leaves));
  free(leaves);
  return result;
}

int ckvm_start_flat(int processor, uint64_t descriptor_table, uint32_t entry, uint32_t eax,
                                  uint32_t ebx, uint32_t esi) {
  struct kvm_sregs special;
  if (ioctl(processor, KVM_GET_SREGS, &special) < 0) return -errno;
  struct kvm_segment code = {
      .limit = 0xffffffff, .selector = 0x10, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1};
  struct kvm_segment data = code;
  data.selector = 0x18;
  data.type = 3;
  special.cs = code;
  special.ds = special.es = special.fs = special.gs = special.ss = data;
  special.gdt = (struct kvm_dtable){.base = descriptor_table, .limit = 31};
  special.cr0 = (special.cr0 & ~0x80000000ull) | 1;
  if (ioctl(processor, KVM_SET_SREGS, &special) < 0) return -errno;
  struct kvm_regs registers = {.rip = entry, .rax = eax, .rbx = ebx, .rsi = esi, .rflags = 2};
  return ckvm_result(ioctl(processor, KVM_SET_REGS, &registers));
}

int ckvm_run(int processor) { return ckvm_result(ioctl(processor, KVM_RUN, 0)); }

struct ckvm_exit ckvm_exit_of(const void *shared) {
  const struct kvm_run *run = shared;
  struct ckvm_exit found = {.reason = run->exit_reason};
  if (run->exit_reason == KVM_EXIT_IO) {
    found.is_write = run->io.direction == KVM_EXIT_IO_OUT;
    found.width = run->io.size;
    found.count = run->io.count;
    found.address = run->io.port;
    found.data = run->io.data_offset;
  } else if (run->exit_reason == KVM_EXIT_MMIO) {
    found.is_write = run->mmio.is_write;
    found.width = (uint8_t)run->mmio.len;
    found.count = 1;
    found.address = run->mmio.phys_addr;
    found.data = offsetof(struct kvm_run, mmio.data);
  } else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
    found.address = run->internal.suberror;
  } else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
    found.address = run->fail_entry.hardware_entry_failure_reason;
  }
  return found;
}

uint64_t ckvm_value(const void *run, struct ckvm_exit found, uint32_t index) {
  uint64_t value = 0;
  memcpy(&value, (const uint8_t *)run + found.data + (size_t)index * found.width, found.width <= 8 ? found.width : 8);
  return value;
}
void ckvm_answer(void *run, struct ckvm_exit found, uint32_t index, uint64_t value) {
  memcpy((uint8_t *)run + found.data + (size_t)index * found.width, &value, found.width <= 8 ? found.width : 8);
}

static void ckvm_ignore_signal(int number) { (void)number; }
int ckvm_prepare_kicks(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ckvm_ignore_signal;
  return ckvm_result(sigaction(SIGUSR1, &action, NULL));
}
void ckvm_kick(void *run, pthread_t thread) {
  __atomic_store_n(&((struct kvm_run *)run)->immediate_exit, 1, __ATOMIC_SEQ_CST);
  pthread_kill(thread, SIGUSR1);
}

void ckvm_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// MARK: Memory

int ckvm_create_memory(uint64_t count) {
  int file = memfd_create("guest memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -errno;
  if (ftruncate(file, (off_t)count) == 0 && fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) == 0) return file;
  int error = errno;
  close(file);
  return -error;
}
