#ifndef CHOST_THREAD_H
#define CHOST_THREAD_H

#include <sys/prctl.h>

/// Names the calling thread; the kernel keeps the first 15 bytes.
static inline void chost_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
