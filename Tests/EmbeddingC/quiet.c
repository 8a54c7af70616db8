// What loading the library does to a process: nothing. Usage: quiet LIBRARY
#include <scanout.h>

#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = -2;  // . and ..
  while (folder != NULL && readdir(folder) != NULL) count++;
  if (folder != NULL) closedir(folder);
  return count;
}

enum { signal_count = 65 };

// What every signal does, as the system says; those that it does not tell of are all the same.
static void look(struct sigaction actions[signal_count]) {
  memset(actions, 0, signal_count * sizeof actions[0]);
  for (int number = 1; number < signal_count; number++) sigaction(number, NULL, &actions[number]);
}

static int differ(const struct sigaction *a, const struct sigaction *b) {
  return a->sa_handler != b->sa_handler || a->sa_flags != b->sa_flags;
}

// Whether nothing but the handlers of `allowed` has changed; no other signal than that, 0 for none.
static int is_quiet(const char *when, const struct sigaction before[signal_count], int allowed) {
  struct sigaction now[signal_count];
  int is_good = threads() == 1;
  look(now);
  if (!is_good) printf("not ok %s: %d threads\n", when, threads());
  for (int number = 1; number < signal_count; number++)
    if (differ(&before[number], &now[number]) != (number == allowed)) {
      printf("not ok %s: signal %d\n", when, number);
      is_good = 0;
    }
  if (is_good) printf("ok %s\n", when);
  return is_good;
}

// A function of the library's by its name; ISO C has no other way from an object pointer to one of a function.
#define FIND(function) memcpy(&function, (void *[]){dlsym(library, #function)}, sizeof(void *))

int main(int argc, char **argv) {
  static struct sigaction before[signal_count];
  look(before);
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (library == NULL) {
    printf("not ok the library loads: %s\n", dlerror());
    return 1;
  }
  int is_good = is_quiet("loading the library starts no thread and sets no handler", before, 0);
  const char *(*scanout_version)(void);
  int (*scanout_memory_create)(scanout_memory **);
  void (*scanout_memory_destroy)(scanout_memory *);
  int (*scanout_guard_memory)(void);
  FIND(scanout_version), FIND(scanout_memory_create), FIND(scanout_memory_destroy), FIND(scanout_guard_memory);
  scanout_memory *memory;
  if (scanout_version()[0] == 0 || scanout_memory_create(&memory) != 0) return 1;
  scanout_memory_destroy(memory);
  is_good &= is_quiet("a version and a map of memory need no thread and no handler", before, 0);
  if (scanout_guard_memory() != 0) return 1;
  is_good &= is_quiet("guarding memory sets one handler, SIGBUS's", before, SIGBUS);
  return is_good ? 0 : 1;
}
