// KVM's system calls (linux/kvm.h), whose numbers and unions Swift cannot spell.
// Every function returns what the system call returns, or a negative errno.
#ifndef CKVM_H
#define CKVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// MARK: The system and a machine

int ckvm_open(const char *path);
int ckvm_api_version(int kvm);
int ckvm_check(int descriptor, int capability);
int ckvm_create_machine(int kvm);

/// Both PICs, the I/O APIC, a local APIC for each processor, and the timer chip with its gate at port 0x61.
///
/// The two places are what processors of Intel's need beside them; nothing of the guest's may be there.
int ckvm_create_chips(int machine, uint64_t identity_map, uint64_t task_state);

int ckvm_set_memory(int machine, uint32_t slot, uint64_t guest, uint64_t count, void *host);

// MARK: Interrupts and doorbells

int ckvm_set_line(int machine, uint32_t line, bool is_high);

int ckvm_event_create(void);
int ckvm_event_signal(int event);
/// 0 if it had been signalled.
int ckvm_event_take(int event);

/// A message-signalled interrupt.
struct ckvm_message {
  uint64_t address;
  uint32_t data;
};

/// The lines as KVM connects them by itself (0 to 15 to the PICs, 0 to 23 to the I/O APIC), and message `i` as line 24 + i.
int ckvm_set_routes(int machine, const struct ckvm_message *messages, uint32_t count);

/// Has a signalled event raise a line.
int ckvm_connect_event(int machine, int event, uint32_t line);

/// Has a guest's write signal an event instead of coming here.
///
/// `width` 0 takes any width and value; else `match` has to be written in that many bytes.
int ckvm_set_doorbell(int machine, int event, bool is_port, uint64_t address, uint32_t width, uint64_t match, bool is_on);

// MARK: Processors

int ckvm_create_processor(int machine, uint32_t number);

/// Where KVM and the processor's thread talk; NULL with `errno` set when it cannot be mapped.
void *ckvm_map_run(int kvm, int processor);

/// Gives a processor all that KVM can give it, and a number of its own.
int ckvm_set_identity(int kvm, int processor, uint32_t number);

/// Puts a processor into 32-bit protected mode without paging, all segments flat, interrupts off.
int ckvm_start_flat(int processor, uint64_t descriptor_table, uint32_t entry, uint32_t eax, uint32_t ebx, uint32_t esi);

/// Runs the guest until it does something that is not KVM's: 0, or a negative errno (-EINTR: it was asked to stop).
int ckvm_run(int processor);

/// Why a processor stopped running.
struct ckvm_exit {
  /// KVM_EXIT_IO, KVM_EXIT_MMIO, ...
  uint32_t reason;
  bool is_write;
  /// Bytes of one access, and how many accesses there are.
  uint8_t width;
  uint32_t count;
  /// The port or the address; else what KVM says beyond the reason.
  uint64_t address;
  /// Where the accesses' bytes are, from where KVM and the thread talk.
  uint64_t data;
};

struct ckvm_exit ckvm_exit_of(const void *shared);

/// The value of one of an exit's accesses, and the answer to a read; an index below the exit's count.
uint64_t ckvm_value(const void *run, struct ckvm_exit found, uint32_t index);
void ckvm_answer(void *run, struct ckvm_exit found, uint32_t index, uint64_t value);

/// Lets `ckvm_kick` interrupt a thread: SIGUSR1 then does nothing but that.
int ckvm_prepare_kicks(void);
/// Has a processor stop, now or when it is next told to run.
void ckvm_kick(void *run, pthread_t thread);

/// Names the calling thread; the kernel keeps the first 15 bytes.
void ckvm_name_thread(const char *name);

// MARK: Memory

/// A file of so many bytes in memory, that nobody can make smaller.
int ckvm_create_memory(uint64_t count);

#endif
