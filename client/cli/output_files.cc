#include "client/cli/output_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr size_t kMaxRequestIdLength = 64;

bool IsRequestId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxRequestIdLength &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

// Empty for a format that has none.
absl::string_view Extension(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_FORMAT_PNG: return "png";
    case v1::IMAGE_FORMAT_WEBP: return "webp";
    case v1::IMAGE_FORMAT_JPEG: return "jpg";
    case v1::IMAGE_FORMAT_RAW_RGB: return "rgb";
    default: return "";
  }
}

// Call right after what failed: reads errno.
absl::Status FileError(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path));
}

bool WriteAll(int file, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ImageFileName(absl::string_view request_id, const v1::Image& image) {
  if (!IsRequestId(request_id)) return absl::InternalError("the server sent a bad request id");
  const absl::string_view extension = Extension(image.format());
  if (extension.empty()) return absl::InternalError("the server sent an unknown image format");
  if (image.data().empty()) return absl::InternalError("the server sent an empty image");
  return absl::StrCat(request_id, "-", image.index(), "-", image.seed(), ".", extension);
}

std::string PathIn(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).lexically_normal().string();
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder ", folder));
}

absl::Status WriteFile(const std::string& path, absl::string_view bytes) {
  // In the same folder, for a rename does not cross file systems.
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".part");
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return FileError("create", temporary);
  absl::Cleanup remove_temporary = [&temporary] { unlink(temporary.c_str()); };

  if (!WriteAll(file, bytes)) {
    const absl::Status error = FileError("write", temporary);
    close(file);
    return error;
  }
  if (close(file) != 0) return FileError("write", temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) return FileError("create", path);
  std::move(remove_temporary).Cancel();
  return absl::OkStatus();
}

}  // namespace darkroom
