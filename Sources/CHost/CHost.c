// The headers hold everything; a C target needs one source file.
#include "CHost.h"
