/// Scanout's C interface: virtio display, input and entropy devices for a VMM.
///
/// A VMM makes a map of its guest's memory and devices on it, brings the guest's accesses to their PCI functions, and takes
/// interrupts. A front-end that is attached to a display is told of damage and lent finished pixels.
///
/// Rules that hold for every function:
///
/// - Results: 0 or more is success; a negative number is an errno of <errno.h> with its sign changed. Nothing is changed
///   by a call that fails, unless it says so. A NULL handle, or a NULL pointer where one is needed, is -EINVAL. A handle is
///   valid from the call that gave it until the one that ends it; no other pointer may be passed as one.
/// - Threads: any thread may call, several at once, unless the function says less. A call that ends a handle must be the
///   last one on it: let the others return first.
/// - Structs whose first member is `size` grow at their end in later minor versions. The caller sets `size` to the size that
///   its own header gives the struct. A shorter one from an older header counts as one whose other members are 0. A longer
///   one from a newer header is taken when what this library does not know of it is 0, and else refused with -E2BIG. Of a
///   struct that the library fills, it fills what fits into `size` and sets the rest of it to 0. A `size` that is no
///   multiple of 8, or less than 8, is -EINVAL, and one above 4096 -E2BIG. Unknown bits of `flags` are -EINVAL, and so is a
///   `reserved` member that is not 0.
/// - Callbacks get the `context` that was given beside them. They run on threads of the library, or inside calls of this
///   library's on the caller's: each says which. They return soon, never by longjmp or an exception, and call nothing of
///   this library but what they say: a call that would wait for its own thread ends the process with a sentence.
/// - Pointers that a call is given are not kept after it returns, except a `context` and callbacks.
/// - Loading the library starts no thread and changes no signal's handler. Each device has a thread from its creation to its
///   end, and `scanout_guard_memory` alone sets a handler.
#ifndef SCANOUT_H
#define SCANOUT_H

#include <stddef.h>
#include <stdint.h>

/// The version of this header. A program that was built with it runs with every library of the same major version and at
/// least this minor one.
#define SCANOUT_VERSION_MAJOR 1
#define SCANOUT_VERSION_MINOR 0

/// The version of the display interface: what a front-end states that is built with this header.
#define SCANOUT_DISPLAY_TYPE "display"
#define SCANOUT_DISPLAY_MAJOR 1
#define SCANOUT_DISPLAY_MINOR 1

#ifdef __cplusplus
extern "C" {
#endif

// ---- The library -----------------------------------------------------------------------------------------------------

/// The library's version, such as "1.0".
///
/// Threads: any. Ownership: the string is the library's, for as long as it is loaded. Errors: none.
const char *scanout_version(void);

/// The library's version as a number: the major one times 65536 plus the minor one.
///
/// Threads: any. Ownership: none. Errors: none.
uint32_t scanout_version_number(void);

/// Keeps a file of guest memory that shrinks under its mapping from killing the process: installs a handler for SIGBUS,
/// which acts inside memory that `scanout_memory_add_file` maps afterwards, and passes every other SIGBUS on to the handler
/// that was there before. What was lost reads as zeros. Files that are sealed against shrinking need none of this.
///
/// Threads: any. Ownership: the handler stays until the process ends; a second call does nothing.
/// Errors: what sigaction says.
int scanout_guard_memory(void);

// ---- Guest memory ----------------------------------------------------------------------------------------------------

/// A map of one guest's memory, which one device or several read and write.
typedef struct scanout_memory scanout_memory;

/// Bits of `flags` for memory.
enum {
  /// Devices may write to it.
  SCANOUT_MEMORY_WRITABLE = 1
};

/// Makes an empty map.
///
/// Threads: any. Ownership: `*memory` is the caller's, to end with `scanout_memory_destroy`.
/// Errors: -EINVAL.
int scanout_memory_create(scanout_memory **memory);

/// Lets go of a map; NULL is ignored. Devices that were made on it keep it, and what it maps, until they end too.
///
/// Threads: any; the last call on the handle. Ownership: ends the caller's. Errors: none.
void scanout_memory_destroy(scanout_memory *memory);

/// Maps a part of a file (a memfd, or shared memory) at a guest address.
///
/// Threads: any; waits while a device is at one request. Not from a callback.
/// Ownership: the descriptor stays the caller's and may be closed afterwards; the mapping is the library's.
/// Errors: -EINVAL when address or size are no multiples of 4096, the size is 0, the range wraps around or lies beyond the
/// file's end, or the descriptor is no regular file; -EEXIST when some of these addresses have memory already; -ENOSPC when
/// `scanout_guard_memory` was called and can guard no more; what fstat and mmap say.
///
/// @param address the first guest address.
/// @param descriptor the file, open for reading, and for writing if devices may write.
/// @param offset where in the file, in bytes; a multiple of the page size.
/// @param size bytes.
/// @param flags SCANOUT_MEMORY_*.
int scanout_memory_add_file(scanout_memory *memory, uint64_t address, int descriptor, uint64_t offset, uint64_t size,
                            uint32_t flags);

/// Lends a mapping of the caller's at a guest address, as a VMM has of its guest's memory.
///
/// Threads: as `scanout_memory_add_file`.
/// Ownership: the mapping stays the caller's. It has to stay mapped until `scanout_memory_remove` of it has returned, or the
/// map and every device on it have ended; `scanout_guard_memory` does not guard it.
/// Errors: -EINVAL when an address or the size is no multiple of 4096, the size is 0, or the range wraps around; -EEXIST
/// when some of these addresses have memory already.
///
/// @param address the first guest address.
/// @param bytes where it is mapped, readable, and writable if devices may write.
/// @param size bytes.
/// @param flags SCANOUT_MEMORY_*.
int scanout_memory_add_mapping(scanout_memory *memory, uint64_t address, void *bytes, uint64_t size, uint32_t flags);

/// Removes every piece of memory inside a range of guest addresses. When this returns no device touches it any more.
///
/// Threads: any; waits while a device is at one request. Not from a callback.
/// Ownership: unmaps what the library mapped; the caller has its own mappings back.
/// Errors: -ENOENT when there is none in the range; -ERANGE when a piece lies across an end of it; -EINVAL when the range
/// wraps around.
int scanout_memory_remove(scanout_memory *memory, uint64_t address, uint64_t size);

// ---- Devices ---------------------------------------------------------------------------------------------------------

/// A device on a PCI bus: one function.
typedef struct scanout_device scanout_device;

/// Kinds of devices.
enum {
  /// A virtio GPU.
  SCANOUT_DEVICE_DISPLAY = 1,
  /// A virtio input device with keys and lights.
  SCANOUT_DEVICE_KEYBOARD = 2,
  /// A virtio input device that is where it is told to be.
  SCANOUT_DEVICE_TABLET = 3,
  /// A virtio input device that is moved.
  SCANOUT_DEVICE_MOUSE = 4,
  /// A virtio input device for several fingers.
  SCANOUT_DEVICE_TOUCH = 5,
  /// A virtio entropy device.
  SCANOUT_DEVICE_ENTROPY = 6
};

/// How drivers find to a device.
enum {
  /// By the structures of virtio 1 and later alone.
  SCANOUT_TRANSPORT_MODERN = 0,
  /// By those or the I/O registers of before, as the driver chooses. Not for input devices.
  SCANOUT_TRANSPORT_TRANSITIONAL = 1,
  /// By the I/O registers of before version 1 alone. Not for input devices.
  SCANOUT_TRANSPORT_LEGACY = 2
};

/// Bits of `scanout_bus_options.flags`.
enum {
  /// A PCI Express endpoint; else a conventional function.
  SCANOUT_BUS_EXPRESS = 1,
  /// Each queue's doorbell has a page of its own; else 4 bytes.
  SCANOUT_BUS_DOORBELL_PAGES = 2,
  /// No thread: the rings are worked inside the calls that ring a doorbell or let the device go on, and callbacks come
  /// inside those calls.
  SCANOUT_BUS_INLINE = 4
};

/// How a device appears on the bus. All 0 but `size` are the defaults.
typedef struct scanout_bus_options {
  /// Bytes of this struct.
  uint32_t size;
  /// SCANOUT_TRANSPORT_*.
  uint32_t transport;
  /// SCANOUT_BUS_*.
  uint32_t flags;
  /// 0.
  uint32_t reserved;
  /// Virtio features that are not offered although they could be: bit n is feature n.
  uint64_t withheld_features;
} scanout_bus_options;

/// Bits of `scanout_output.flags`.
enum {
  /// No monitor is plugged in there; size and place are for when there is one.
  SCANOUT_OUTPUT_OFF = 1
};

/// What the host wants of an output; a guest learns of it and does as it likes.
typedef struct scanout_output {
  /// Bytes of this struct; the same in all elements of an array.
  uint32_t size;
  /// SCANOUT_OUTPUT_*.
  uint32_t flags;
  /// Pixels across, 32 to 16384.
  uint32_t width;
  /// Pixels down, 32 to 16384.
  uint32_t height;
  /// Where the left edge is in a plane that all outputs share, in pixels.
  uint32_t x;
  /// Where the top is, likewise.
  uint32_t y;
} scanout_output;

/// A request of the guest's that a display refused.
typedef struct scanout_refusal {
  /// Bytes of this struct.
  uint32_t size;
  /// The request's type as the guest sent it; 0 if there was none.
  uint32_t request;
  /// The queue that it came on: 0 control, 1 cursor.
  uint32_t queue;
  /// 0.
  uint32_t reserved;
  /// How many refused requests were not told since the last one that was.
  uint64_t suppressed;
  /// Why, such as "badRectangle". The library's, for the time of the call.
  const char *reason;
} scanout_refusal;

/// Bits of `scanout_display_options.flags`.
enum {
  /// A guest that waits for what it flushed goes on at the next refresh of its outputs; else at once.
  SCANOUT_DISPLAY_FENCES_AT_REFRESH = 1
};

/// What a display is made of. All 0 but `size`, `outputs` and `output_count` are the defaults.
typedef struct scanout_display_options {
  /// Bytes of this struct.
  uint32_t size;
  /// SCANOUT_DISPLAY_*.
  uint32_t flags;
  /// The outputs.
  const scanout_output *outputs;
  /// How many, 1 to 16.
  uint32_t output_count;
  /// The widest picture that an output shows, 32 to 16384 pixels; 0 together with the height: any.
  uint32_t largest_width;
  /// The highest, likewise.
  uint32_t largest_height;
  /// 0.
  uint32_t reserved;
  /// Bytes that a guest can make the device hold; 0: 512 MiB.
  uint64_t memory_limit;
  /// Bytes of a region for blobs of host memory in BAR 2, a power of two from 4096 to 2^40; 0: there is none. It stays
  /// empty, since there is no 3D.
  uint64_t host_visible_memory;
  /// How it appears on the bus; NULL: the defaults.
  const scanout_bus_options *bus;
  /// For `refused`.
  void *context;
  /// Told of requests that were refused, ten at once and then one a second; may be NULL. On the device's thread.
  void (*refused)(void *context, const scanout_refusal *refusal);
} scanout_display_options;

/// Bits of a keyboard's lights.
enum {
  SCANOUT_LIGHT_NUM_LOCK = 1,
  SCANOUT_LIGHT_CAPS_LOCK = 2,
  SCANOUT_LIGHT_SCROLL_LOCK = 4
};

/// What an input device is made of. All 0 but `size` and `kind` are the defaults.
typedef struct scanout_input_options {
  /// Bytes of this struct.
  uint32_t size;
  /// SCANOUT_DEVICE_KEYBOARD, _TABLET, _MOUSE or _TOUCH.
  uint32_t kind;
  /// How it appears on the bus; NULL: the defaults.
  const scanout_bus_options *bus;
  /// What tells it from others of its kind, at most 128 bytes of UTF-8; NULL: nothing.
  const char *serial;
  /// For `lights_changed`.
  void *context;
  /// Told of all lights, SCANOUT_LIGHT_*, when the guest changed one of a keyboard's; may be NULL. On the device's thread,
  /// or on one that resets the device.
  void (*lights_changed)(void *context, uint32_t lights);
} scanout_input_options;

/// Makes a display as after power-on.
///
/// Threads: any. Ownership: `*device` is the caller's, to end with `scanout_device_destroy`; it keeps `memory` until then.
/// What `context` points to must live as long as the device.
/// Errors: -EINVAL, -E2BIG; -ENOMEM or -EAGAIN when the system has no memory or no thread to give.
int scanout_display_create(scanout_memory *memory, const scanout_display_options *options, scanout_device **device);

/// Makes a keyboard, tablet, mouse or touchscreen as after power-on.
///
/// Threads: any. Ownership: as `scanout_display_create`.
/// Errors: -EINVAL, also for a transport that is not modern; -E2BIG; -EAGAIN when the system has no thread to give.
int scanout_input_create(scanout_memory *memory, const scanout_input_options *options, scanout_device **device);

/// Makes an entropy device as after power-on: gives a guest random numbers of the host's.
///
/// Threads: any. Ownership: as `scanout_display_create`.
/// Errors: -EINVAL, -E2BIG; -EAGAIN when the system has no thread to give, or its random numbers are not ready yet.
///
/// @param bus how it appears on the bus; NULL: the defaults.
int scanout_entropy_create(scanout_memory *memory, const scanout_bus_options *bus, scanout_device **device);

/// Ends a device; NULL is ignored. Waits for the request that its thread is at. When this returns none of its callbacks
/// is called any more, those of front-ends included; what is attached to it stays to be detached, and shows nothing.
///
/// Threads: any, but not from a callback; the last call on the handle. Ownership: ends the caller's. Errors: none.
void scanout_device_destroy(scanout_device *device);

/// Bits of `scanout_device_info.flags`.
enum {
  /// The function has an INTx pin.
  SCANOUT_DEVICE_HAS_INTX = 1
};

/// What a host has to know of a device.
typedef struct scanout_device_info {
  /// Bytes of this struct; set by the caller.
  uint32_t size;
  /// SCANOUT_DEVICE_DISPLAY and so on.
  uint32_t kind;
  /// SCANOUT_DEVICE_HAS_INTX.
  uint32_t flags;
  /// Bytes of configuration space: 256, or 4096 of a PCI Express endpoint.
  uint32_t config_size;
  /// Entries of the MSI-X table.
  uint32_t msix_vectors;
  /// Outputs of a display, else 0.
  uint32_t outputs;
} scanout_device_info;

/// Says what a device is; it never changes.
///
/// Threads: any. Ownership: `info` is the caller's. Errors: -EINVAL.
int scanout_device_get_info(scanout_device *device, scanout_device_info *info);

// ---- Registers -------------------------------------------------------------------------------------------------------

/// Places that can be read and written; BAR n is region n.
enum {
  SCANOUT_REGION_BAR0 = 0,
  SCANOUT_REGION_BAR5 = 5,
  /// Configuration space.
  SCANOUT_REGION_CONFIG = 6
};

/// How a base address register is decoded.
enum {
  /// There is none at this index.
  SCANOUT_BAR_ABSENT = 0,
  /// Port I/O.
  SCANOUT_BAR_IO = 1,
  /// Memory below 4 GiB.
  SCANOUT_BAR_MEMORY32 = 2,
  /// Memory anywhere; takes the next register as its upper half.
  SCANOUT_BAR_MEMORY64 = 3
};

/// Bits of `scanout_bar.flags`.
enum {
  /// A bridge may merge and prefetch accesses.
  SCANOUT_BAR_PREFETCHABLE = 1
};

/// A base address register.
typedef struct scanout_bar {
  /// Bytes of this struct; set by the caller.
  uint32_t size;
  /// SCANOUT_BAR_ABSENT and so on.
  uint32_t kind;
  /// SCANOUT_BAR_PREFETCHABLE.
  uint32_t flags;
  /// 0.
  uint32_t reserved;
  /// Bytes behind it: 0 when absent, else a power of two.
  uint64_t bytes;
} scanout_bar;

/// Describes base address register 0 to 5; what it says never changes. Where the guest placed it stands in configuration
/// space, as on any PCI function.
///
/// Threads: any. Ownership: `bar` is the caller's. Errors: -EINVAL, also for an index above 5.
int scanout_device_get_bar(scanout_device *device, uint32_t index, scanout_bar *bar);

/// Reads what lies at an offset of a region. What does not exist reads as 0.
///
/// Threads: any, a vCPU's above all. Never waits for pixels, except while another thread takes a queue back from, or
/// resets, a device by its legacy registers. Ownership: `bytes` is the caller's.
/// Errors: -EINVAL, also for a region that is none and for a count that is 0 or above 4096.
///
/// @param region SCANOUT_REGION_*.
/// @param offset bytes from the region's start.
/// @param bytes filled with `count` bytes, the lowest address first.
/// @param count the width of the access, or bytes of a block.
int scanout_device_read(scanout_device *device, uint32_t region, uint64_t offset, void *bytes, size_t count);

/// Writes what lies at an offset of a region. What does not exist swallows it. Interrupt callbacks may come inside.
///
/// Threads: as `scanout_device_read`, except that a legacy driver's reset waits for the request in hand.
/// Ownership: `bytes` is the caller's. Errors: as `scanout_device_read`.
int scanout_device_write(scanout_device *device, uint32_t region, uint64_t offset, const void *bytes, size_t count);

/// Resets the function: returns when it is quiet and everything is as after power-on. Interrupts stay connected,
/// front-ends attached.
///
/// Threads: any, but not from a callback; waits for the request in hand. Ownership: none. Errors: -EINVAL.
int scanout_device_reset(scanout_device *device);

/// A register where a guest's write does no more than announce buffers of one queue. A host may take such a write without
/// bringing it to the device, as KVM's ioeventfd does, and call `scanout_device_ring` when it learns of it.
typedef struct scanout_doorbell {
  /// Bytes of this struct; set by the caller.
  uint32_t size;
  /// The base address register, 0 to 5; its kind says whether this is a place in memory or a port.
  uint32_t bar;
  /// Bytes from the BAR's start.
  uint64_t offset;
  /// The queue that a write announces, from 0.
  uint32_t queue;
  /// How wide a write has to be to mean this queue; 0: every write does, of whatever width and value. Writes of another
  /// width or value mean something else there, and are brought to the device.
  uint32_t width;
  /// What a write of that width has to carry.
  uint32_t match;
  /// 0.
  uint32_t reserved;
} scanout_doorbell;

/// Describes a doorbell of a device's; what it says never changes.
///
/// Threads: any. Ownership: `doorbell` is the caller's.
/// Errors: -ENOENT for an index beyond the last one; -EINVAL.
///
/// @param index from 0.
int scanout_device_get_doorbell(scanout_device *device, uint32_t index, scanout_doorbell *doorbell);

/// Does what a guest's write to a doorbell does, for a host that took the write itself. Any number of writes may have become
/// one call.
///
/// Threads: any. With SCANOUT_BUS_INLINE the queue is worked inside. Ownership: none.
/// Errors: -ENOENT for an index beyond the last one; -EINVAL.
///
/// @param index as in `scanout_device_get_doorbell`.
int scanout_device_ring(scanout_device *device, uint32_t index);

// ---- Interrupts ------------------------------------------------------------------------------------------------------

/// Bits of `scanout_interrupts.flags`.
enum {
  /// The host keeps the MSI-X table and its mask bits, as VFIO's hosts do: every vector of an enabled MSI-X capability is
  /// signalled by its number, whatever the function's own table says, and address and data are 0.
  SCANOUT_INTERRUPTS_HOST_TABLE = 1
};

/// Where a device's interrupts go. The callbacks come on the device's thread and inside `scanout_device_write` and
/// `_read`, `_reset` and `_connect`; they call nothing of this library.
typedef struct scanout_interrupts {
  /// Bytes of this struct.
  uint32_t size;
  /// SCANOUT_INTERRUPTS_*.
  uint32_t flags;
  /// For the callbacks.
  void *context;
  /// An MSI-X message: number of the vector, and address and data of its table entry. NULL: they are lost.
  void (*message)(void *context, uint32_t vector, uint64_t address, uint32_t data);
  /// The level of the INTx pin, 0 or 1, each time it changes. NULL: nobody looks.
  void (*intx)(void *context, int level);
} scanout_interrupts;

/// Says where interrupts go from now on; NULL: nowhere. When this returns the callbacks of the one before are not called
/// any more.
///
/// Threads: any, but not from a callback. Ownership: what `context` points to must live until the next call or the
/// device's end. Errors: -EINVAL, -E2BIG.
int scanout_device_connect(scanout_device *device, const scanout_interrupts *interrupts);

// ---- Outputs ---------------------------------------------------------------------------------------------------------

/// Says what the guest is told of an output of a display at the moment: what the host wants, as far as it can be shown.
///
/// Threads: any. Ownership: `output` is the caller's.
/// Errors: -EINVAL, also for an output that is none; -ENOTSUP when the device is no display.
int scanout_display_get_output(scanout_device *device, uint32_t index, scanout_output *output);

/// Changes what the host wants of outputs that follow each other, for instance when a window got another size, and tells
/// the guest once.
///
/// Threads: any, but not from a callback. Ownership: none.
/// Errors: -EINVAL, also for an output that is none; -E2BIG; -ENOTSUP when the device is no display.
///
/// @param first the first one's number.
/// @param outputs `count` of them.
/// @param count 1 to 16.
int scanout_display_set_outputs(scanout_device *device, uint32_t first, const scanout_output *outputs, uint32_t count);

// ---- Front-ends ------------------------------------------------------------------------------------------------------

/// What every interface between a device and a front-end begins with: it is the same in all major versions.
typedef struct scanout_interface {
  /// Bytes of the struct that begins with this one.
  uint32_t size;
  /// What the front-end was built for: SCANOUT_DISPLAY_MAJOR of its header. Device and front-end must have the same.
  uint32_t major;
  /// SCANOUT_DISPLAY_MINOR of its header. The lower one of both sides is what they may use.
  uint32_t minor;
  /// 0.
  uint32_t reserved;
  /// SCANOUT_DISPLAY_TYPE of its header.
  const char *type;
  /// Who it is, for logs and errors; at most 128 bytes of UTF-8.
  const char *label;
} scanout_interface;

/// A front-end: whoever shows what a display's guest draws.
typedef struct scanout_front_end {
  /// What it was built for.
  scanout_interface interface;
  /// For the callbacks.
  void *context;
  /// Something changed on an output, and the attachment has not been asked since the last such call. On the device's
  /// thread, or on one that resets or ends the device or attaches this front-end: wake a thread of your own and return. Do
  /// not ask from inside this call.
  void (*output_changed)(void *context, uint32_t output);
  /// Since 1.1: the largest picture that it can show of an output; 0 for width or height: any. A guest that wants to show
  /// more is refused. Asked once for each output, inside `scanout_display_attach`. NULL: any.
  void (*largest_picture)(void *context, uint32_t output, uint32_t *width, uint32_t *height);
} scanout_front_end;

/// One front-end that is attached to a display. Damage is kept for each, so a slow one misses nothing and holds nobody up.
typedef struct scanout_attachment scanout_attachment;

/// Attaches a front-end to a display.
///
/// Threads: any, but not from a callback; a front-end that can show less than others tells the guest.
/// Ownership: `*attachment` is the caller's, to end with `scanout_detach`; it is set before the first callback but
/// `largest_picture`. What `context` points to must live until then. `front_end` and its strings are copied.
/// Errors: -EPROTO when the front-end was built for another interface or another major version, with `message` saying
/// which and what to do, and nothing looked at but its `scanout_interface`; -EINVAL, also for text that is no UTF-8 or too
/// long; -E2BIG; -ENOTSUP when the device is no display.
///
/// @param message filled with a line of text when the result is -EPROTO, else with an empty one; may be NULL.
/// @param message_size bytes of it; text that does not fit is cut.
int scanout_display_attach(scanout_device *device, const scanout_front_end *front_end, scanout_attachment **attachment,
                           char *message, size_t message_size);

/// Detaches a front-end; NULL is ignored. Waits for a callback that is under way, unless it is called from inside that one.
///
/// Threads: any, but not inside `scanout_with_surface`; the last call on the handle; hold no lock that a callback takes.
/// Ownership: ends the caller's; the front-end hears of nothing any more. Errors: none.
void scanout_detach(scanout_attachment *attachment);

/// A rectangle in pixels, its corner at the top left.
typedef struct scanout_rectangle {
  uint32_t x;
  uint32_t y;
  uint32_t width;
  uint32_t height;
} scanout_rectangle;

/// Bits of `scanout_changes.flags`.
enum {
  /// Another picture, another size, on or off: everything has to be drawn anew.
  SCANOUT_CHANGES_REPLACED = 1,
  /// Place, image or visibility of the cursor changed.
  SCANOUT_CHANGES_CURSOR = 2
};

/// What happened on an output since a front-end last asked.
typedef struct scanout_changes {
  /// Bytes of this struct; set by the caller.
  uint32_t size;
  /// SCANOUT_CHANGES_*.
  uint32_t flags;
  /// Pixels across of what is shown now; 0 while nothing is.
  uint32_t width;
  /// Pixels down, likewise.
  uint32_t height;
  /// How many of `damage` are set.
  uint32_t damage_count;
  /// 0.
  uint32_t reserved;
  /// Where pixels changed: inside the output, each drawn anew whole.
  scanout_rectangle damage[16];
} scanout_changes;

/// Takes what changed on an output since the last call for this attachment, and brings the finished pixels up to date; the
/// first call reports everything.
///
/// Threads: any, but not from a callback and not inside `scanout_with_surface`. Ownership: `changes` is the caller's.
/// Errors: -EINVAL, also for an output that is none.
int scanout_take_changes(scanout_attachment *attachment, uint32_t output, scanout_changes *changes);

/// An output's finished pixels.
typedef struct scanout_surface {
  /// Bytes of this struct.
  uint32_t size;
  /// Pixels across.
  uint32_t width;
  /// Pixels down.
  uint32_t height;
  /// Bytes from one row to the next.
  uint32_t stride;
  /// `height` rows from the top, each pixel four bytes: blue, green, red, 0.
  const uint8_t *pixels;
} scanout_surface;

/// Lends an output's finished pixels to `body`, as they were at the last `scanout_take_changes` of any front-end.
///
/// Threads: any, but not from a callback and not inside another `scanout_with_surface`. `body` runs inside this call;
/// other front-ends wait for it, the device does not. It calls nothing of this library.
/// Ownership: surface and pixels are the library's, for the time of `body`.
/// Errors: -EINVAL, also for an output that is none; -ENODATA when it is off or was never asked for changes; `body` is
/// not called then.
int scanout_with_surface(scanout_attachment *attachment, uint32_t output,
                         void (*body)(void *context, const scanout_surface *surface), void *context);

/// Copies a rectangle of an output's finished pixels, as `scanout_with_surface` would lend them.
///
/// Threads: as `scanout_with_surface`. Ownership: `pixels` is the caller's.
/// Errors: -EINVAL, also for an output that is none; -ENODATA when it is off or was never asked for changes; -ERANGE when
/// the rectangle does not lie inside, or a row of it is longer than `stride`.
///
/// @param rectangle what to copy; NULL: everything.
/// @param pixels where the first pixel goes; has room for every row of the rectangle.
/// @param stride bytes from one row to the next there.
int scanout_copy_pixels(scanout_attachment *attachment, uint32_t output, const scanout_rectangle *rectangle,
                        void *pixels, size_t stride);

/// Bits of `scanout_cursor.flags`.
enum {
  /// There is an image to show.
  SCANOUT_CURSOR_VISIBLE = 1
};

/// The cursor of an output.
typedef struct scanout_cursor {
  /// Bytes of this struct; set by the caller.
  uint32_t size;
  /// SCANOUT_CURSOR_VISIBLE.
  uint32_t flags;
  /// Where the image's left edge is; it may hang over the output's edge.
  int32_t x;
  /// Where its top is, likewise.
  int32_t y;
  /// Pixels across; 0 while it is hidden.
  uint32_t width;
  /// Pixels down, likewise.
  uint32_t height;
  /// The column of the image that points.
  uint32_t hot_x;
  /// The row of the image that points.
  uint32_t hot_y;
} scanout_cursor;

/// Says where an output's cursor is, and copies its image.
///
/// Threads: any, but not from a callback. Ownership: `cursor` and `pixels` are the caller's.
/// Errors: -EINVAL, also for an output that is none; -ENOSPC when the image does not fit: `cursor` is filled then.
///
/// @param pixels filled with `width * height * 4` bytes, rows from the top, each pixel four bytes: blue, green, red,
///   alpha, multiplied by alpha; may be NULL.
/// @param pixels_size bytes of it.
int scanout_get_cursor(scanout_attachment *attachment, uint32_t output, scanout_cursor *cursor, void *pixels,
                       size_t pixels_size);

// ---- Keys and pointers -----------------------------------------------------------------------------------------------

/// A key of a keyboard goes down or comes up; the guest itself repeats keys that stay down.
///
/// Threads: any, but not from a callback; never waits for the guest. Ownership: none.
/// Errors: -EINVAL, also for a number that is no key's; -EAGAIN when the guest takes nothing and there is no more room: it
/// is told of what is up once it takes events again; -ENOTSUP when the device is no keyboard.
///
/// @param key Linux's number of the key, KEY_* of <linux/input-event-codes.h>.
/// @param is_pressed 0: it comes up.
int scanout_key(scanout_device *device, uint32_t key, int is_pressed);

/// Says which lights of a keyboard the guest has set.
///
/// Threads: any. Ownership: none. Errors: -EINVAL; -ENOTSUP when the device is no keyboard.
/// @return SCANOUT_LIGHT_*, or an error.
int scanout_get_lights(scanout_device *device);

/// Moves a tablet to a place: 0 is at the left and the top, 32767 at the right and the bottom; one outside is at the edge.
///
/// Threads: as `scanout_key`. Ownership: none. Errors: -EINVAL; -EAGAIN when the guest takes nothing and there is no more
/// room; -ENOTSUP when the device is no tablet.
int scanout_move_to(scanout_device *device, int32_t x, int32_t y);

/// Moves a mouse to the right and downwards.
///
/// Threads: as `scanout_key`. Ownership: none. Errors: as `scanout_move_to`; -ENOTSUP when the device is no mouse.
int scanout_move_by(scanout_device *device, int32_t x, int32_t y);

/// Presses a button of a tablet or mouse, or lets it go.
///
/// Threads: as `scanout_key`. Ownership: none.
/// Errors: as `scanout_key`; -ENOTSUP when the device is neither a tablet nor a mouse.
///
/// @param button Linux's number, BTN_LEFT (0x110) to BTN_EXTRA (0x114).
int scanout_button(scanout_device *device, uint32_t button, int is_pressed);

/// Turns the wheels of a tablet or mouse, away from the user and to the right; a notch is 120.
///
/// Threads: as `scanout_key`. Ownership: none. Errors: as `scanout_button`.
int scanout_scroll(scanout_device *device, int32_t vertical, int32_t horizontal);

/// A finger touches a touchscreen, or has moved there; places are those of `scanout_move_to`.
///
/// Threads: as `scanout_key`. Ownership: none.
/// Errors: -EINVAL; -EAGAIN when the guest takes nothing and there is no more room; -ENOTSUP when the device is no
/// touchscreen.
///
/// @param finger which one, 0 to 9.
int scanout_touch(scanout_device *device, uint32_t finger, int32_t x, int32_t y);

/// A finger leaves a touchscreen.
///
/// Threads: as `scanout_key`. Ownership: none. Errors: as `scanout_touch`.
int scanout_lift(scanout_device *device, uint32_t finger);

#ifdef __cplusplus
}
#endif

#endif
