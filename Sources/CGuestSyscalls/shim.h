// What a first process in a guest needs of Linux and Swift cannot spell: system calls without a wrapper in
// the C library, variadic calls, and constants whose macros are not plain numbers.
#ifndef CGUESTSYSCALLS_SHIM_H
#define CGUESTSYSCALLS_SHIM_H

#include <fcntl.h>
#include <linux/kd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int guest_finit_module(int fd, const char *parameters) {
  return (int)syscall(SYS_finit_module, fd, parameters, 0);
}

static inline int guest_delete_module(const char *name) {
  return (int)syscall(SYS_delete_module, name, O_NONBLOCK);
}

static inline int guest_open(const char *path, int flags, unsigned mode) {
  return open(path, flags | O_CLOEXEC, mode);
}

static inline int guest_ioctl(int fd, unsigned long request, void *argument) {
  return ioctl(fd, request, argument);
}

/// Reads the console's font: at most 512 glyphs of at most 32x32 into `data`, which holds 65536 bytes.
static inline int guest_get_font(int fd, unsigned char *data, unsigned *width, unsigned *height, unsigned *count) {
  struct console_font_op request = {
      .op = KD_FONT_OP_GET, .width = 32, .height = 32, .charcount = 512, .data = data};
  int result = ioctl(fd, KDFONTOP, &request);
  *width = request.width;
  *height = request.height;
  *count = request.charcount;
  return result;
}

/// Reads which glyph stands for which character: at most `*count` pairs, and how many it were.
static inline int guest_get_characters(int fd, struct unipair *pairs, unsigned short *count) {
  struct unimapdesc request = {.entry_ct = *count, .entries = pairs};
  int result = ioctl(fd, GIO_UNIMAP, &request);
  *count = request.entry_ct;
  return result;
}

static inline int guest_power_off(void) { return reboot(RB_POWER_OFF); }

#endif
