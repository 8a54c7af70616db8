// Inline C for what Swift cannot spell: GNU extensions, control-message macros, variadic system calls.
// Every function returns what the system call returns, or a negative errno where it says so.
#ifndef CHOST_H
#define CHOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "descriptors.h"
#include "memory.h"
#include "random.h"
#include "sockets.h"
#include "thread.h"

#endif
