// A VMM's display in C++17, through the same header. Usage: first-picture FILE.ppm
#include "guest.h"

#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

struct End {
  void operator()(scanout_memory *memory) const { scanout_memory_destroy(memory); }
  void operator()(scanout_device *device) const { scanout_device_destroy(device); }
  void operator()(scanout_attachment *attachment) const { scanout_detach(attachment); }
};

// A struct of the header's that says its own size.
template <typename Struct> static Struct sized() {
  Struct value{};
  value.size = sizeof value;
  return value;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  guest_ram ram = guest_ram_make(0x40000000, 16 << 20);
  scanout_memory *map = nullptr;
  if (scanout_memory_create(&map) != 0) return 1;
  std::unique_ptr<scanout_memory, End> memory(map);
  if (scanout_memory_add_mapping(map, ram.base, ram.bytes, ram.size, SCANOUT_MEMORY_WRITABLE) != 0) return 1;

  auto output = sized<scanout_output>();
  output.width = 640, output.height = 480;
  auto options = sized<scanout_display_options>();
  options.outputs = &output, options.output_count = 1;
  scanout_device *display = nullptr;
  if (scanout_display_create(map, &options, &display) != 0) return 1;
  std::unique_ptr<scanout_device, End> device(display);

  scanout_front_end front_end{};
  front_end.interface.size = sizeof front_end;
  front_end.interface.major = SCANOUT_DISPLAY_MAJOR, front_end.interface.minor = SCANOUT_DISPLAY_MINOR;
  front_end.interface.type = SCANOUT_DISPLAY_TYPE, front_end.interface.label = "first picture";
  scanout_attachment *channel = nullptr;
  char refusal[256];
  if (scanout_display_attach(display, &front_end, &channel, refusal, sizeof refusal) != 0) {
    std::cerr << refusal << '\n';
    return 1;
  }
  std::unique_ptr<scanout_attachment, End> attachment(channel);

  guest machine;
  if (!guest_start(&machine, display, &ram, 1, false) || !guest_draw(&machine, 640, 480)) return 1;
  auto changes = sized<scanout_changes>();
  if (scanout_take_changes(channel, 0, &changes) != 0 || changes.width != 640) return 1;
  std::vector<uint8_t> pixels(640 * 480 * 4);
  if (scanout_copy_pixels(channel, 0, nullptr, pixels.data(), 640 * 4) != 0) return 1;
  std::ofstream file(argv[1], std::ios::binary);
  file << "P6 640 480 255\n";
  for (size_t i = 0; i < pixels.size(); i += 4)
    file.put(char(pixels[i + 2])).put(char(pixels[i + 1])).put(char(pixels[i]));
  attachment.reset(), device.reset(), memory.reset();
  guest_ram_end(&ram);
  return file.good() ? 0 : 1;
}
