#ifndef CLIBPNG_SHIM_H
#define CLIBPNG_SHIM_H

#include <png.h>

// Macros with casts or arithmetic of structures, which Swift does not import.
static const png_uint_32 clibpng_version = PNG_IMAGE_VERSION;
static const png_uint_32 clibpng_format_rgb = PNG_FORMAT_RGB;
static const png_uint_32 clibpng_flag_fast = PNG_IMAGE_FLAG_FAST;

#endif
