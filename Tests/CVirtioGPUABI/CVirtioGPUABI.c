#include "CVirtioGPUABI.h"
