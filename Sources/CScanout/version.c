#include "scanout.h"

#define TEXT(number) #number
#define VERSION(major, minor) TEXT(major) "." TEXT(minor)

const char *scanout_version(void) { return VERSION(SCANOUT_VERSION_MAJOR, SCANOUT_VERSION_MINOR); }

uint32_t scanout_version_number(void) { return (uint32_t)SCANOUT_VERSION_MAJOR << 16 | SCANOUT_VERSION_MINOR; }
