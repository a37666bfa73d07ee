#include "client/cli/input_files.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr uintmax_t kMaxBytes = uintmax_t{8} << 20;

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(path, error);
  // Asked only of files, for a folder has no size.
  const uintmax_t size = regular ? std::filesystem::file_size(path, error) : 0;
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot read ", path));
  if (!regular) return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  if (size > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is larger than 8 MiB"));
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
  }
  return bytes;
}

}  // namespace darkroom
