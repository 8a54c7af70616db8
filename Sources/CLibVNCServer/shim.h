#ifndef CLIBVNCSERVER_SHIM_H
#define CLIBVNCSERVER_SHIM_H

// The system's headers as Swift sees them. Read again from here they would be this module's own, and Swift would lose
// sight of constants such as SOCK_STREAM in files that import Glibc alone.
#pragma clang module import SwiftGlibc

#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <stdarg.h>
#include <stdio.h>

// What Swift cannot spell: variadic callbacks, and the anonymous enumeration of a client's states.

/// Takes one message of the library; `text` ends with a zero byte and is gone when the call returns.
typedef void (*clibvncserver_sink)(const char *text);

// Inside a function, since Swift does not emit variables that stand alone in a header.
static clibvncserver_sink *clibvncserver_current_sink(void) {
  static clibvncserver_sink sink = NULL;
  return &sink;
}

static void clibvncserver_log(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  (*clibvncserver_current_sink())(text);
}

/// Sends the library's messages to `sink` instead of standard error; once for the process, before any client.
static inline void clibvncserver_set_sink(clibvncserver_sink sink) {
  *clibvncserver_current_sink() = sink;
  rfbLog = clibvncserver_log;
  rfbErr = clibvncserver_log;
}

/// Lets a new client go on with its ClientInit message, as if version and security had been agreed here.
static inline void clibvncserver_skip_handshake(rfbClientPtr client) {
  client->protocolMajorVersion = 3;
  client->protocolMinorVersion = 8;
  client->state = RFB_INITIALISATION;
}

/// Whether the client has had its ServerInit.
static inline int clibvncserver_is_initialised(rfbClientPtr client) { return client->state == RFB_NORMAL; }

#endif
