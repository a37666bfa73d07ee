// Reads and writes image files as the server does, for tests.
//
//   convert_image read [WIDTH HEIGHT] < FILE   "WIDTH HEIGHT" and a line end, then RGB bytes;
//   resized convert_image write FORMAT QUALITY WIDTH HEIGHT PARAMETERS JSON < RGB   a file: png,
//   jpeg, webp
//
// Exit status 1, and the reason on standard error, when the file cannot be read.

#include <cstdio>
#include <cstdlib>
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

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "read" && (argc == 2 || argc == 4)) return darkroom::Read(input, argc, argv);
  if (command == "write" && argc == 8) return darkroom::Write(input, argv);
  return 2;
}
