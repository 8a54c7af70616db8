// A front-end in an object of its own, as a program loads one that it was not built with.
//
// `tools/embedding` builds it twice: with the library's header, and with the header of another major version.
#include <scanout.h>

#include <stdatomic.h>

// Callbacks that came; none may come to a front-end that was refused.
static atomic_uint calls;

static void output_changed(void *context, uint32_t output) {
  (void)context, (void)output;
  atomic_fetch_add(&calls, 1);
}

unsigned plugin_calls(void);
const scanout_front_end *plugin_front_end(void);

unsigned plugin_calls(void) { return atomic_load(&calls); }

const scanout_front_end *plugin_front_end(void) {
  static const scanout_front_end front_end = {
      .interface = {.size = sizeof front_end, .major = SCANOUT_DISPLAY_MAJOR, .minor = SCANOUT_DISPLAY_MINOR,
                    .type = SCANOUT_DISPLAY_TYPE, .label = "plugin"},
      .output_changed = output_changed};
  return &front_end;
}
