// Reads and writes image files as the server does, for tests.
//
//   convert_image read [WIDTH HEIGHT] < FILE
//     Prints "WIDTH HEIGHT" and a line end, then the RGB bytes; of that size, when it is given.
//   convert_image write FORMAT QUALITY WIDTH HEIGHT PARAMETERS JSON < RGB
//     Prints a file: png, jpeg or webp.
//   convert_image memory < FILE
//     Prints by how many KiB inspecting and then reading it raised the memory at their peak.
//
// Exit status 1, and the reason on standard error, when the file cannot be read.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "server/codec/image_file.h"
#include "server/codec/lanczos.h"

namespace darkroom {
namespace {

int Read(const std::string& file, int argc, char** argv) {
  const absl::StatusOr<ImageFileInfo> info = InspectImageFile(file);
  absl::StatusOr<RgbImage> image = info.ok() ? ReadImageFile(file) : info.status();
  if (!image.ok()) {
    std::cerr << image.status().message() << '\n';
    return 1;
  }
  if (image->size.width != info->size.width || image->size.height != info->size.height) return 3;
  RgbImage result = *std::move(image);
  if (argc == 4) {
    result = ResizeLanczos(std::move(result), {std::atoi(argv[3]), std::atoi(argv[2])});
  }
  std::cout << result.size.width << ' ' << result.size.height << '\n';
  std::cout.write(reinterpret_cast<const char*>(result.pixels.data()),
                  static_cast<std::streamsize>(result.pixels.size()));
  return 0;
}

int Write(const std::string& pixels, char** argv) {
  const std::string name = argv[2];
  const ImageFileFormat format = name == "jpeg"   ? ImageFileFormat::kJpeg
                                 : name == "webp" ? ImageFileFormat::kWebp
                                                  : ImageFileFormat::kPng;
  const RgbImage image{{std::atoi(argv[5]), std::atoi(argv[4])}, {pixels.begin(), pixels.end()}};
  const absl::StatusOr<std::string> file = WriteImageFile(
      format, image, std::atoi(argv[3]), {{"parameters", argv[6]}, {"darkroom", argv[7]}});
  if (!file.ok()) return 1;
  std::cout.write(file->data(), static_cast<std::streamsize>(file->size()));
  return 0;
}

// A line of what the system says of this process, as proc(5) describes.
long StatusKib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != name + ":") continue;
    long kib = 0;
    status >> kib;
    return kib;
  }
  std::exit(4);
}

template <typename Call>
long GrowthKib(Call call) {
  std::ofstream peak("/proc/self/clear_refs");
  if (!(peak << 5 << std::flush)) std::exit(4);  // 5: VmHWM begins anew.
  const long before = StatusKib("VmRSS");
  call();
  return StatusKib("VmHWM") - before;
}

int Memory(const std::string& file) {
  const long inspecting = GrowthKib([&] { (void)InspectImageFile(file); });
  const long reading = GrowthKib([&] { (void)ReadImageFile(file); });
  std::cout << inspecting << ' ' << reading << '\n';
  return 0;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "read" && (argc == 2 || argc == 4)) return darkroom::Read(input, argc, argv);
  if (command == "write" && argc == 8) return darkroom::Write(input, argv);
  if (command == "memory" && argc == 2) return darkroom::Memory(input);
  return 2;
}
