// The kernel's own VFIO structures, for the tests to compare ours with.
#include <linux/vfio.h>
