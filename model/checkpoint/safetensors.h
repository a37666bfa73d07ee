#ifndef DARKROOM_MODEL_CHECKPOINT_SAFETENSORS_H_
#define DARKROOM_MODEL_CHECKPOINT_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// A tensor as it lies in a file. `bytes` belong to the file's mapping.
struct StoredTensor {
  std::string dtype;  // As the format spells it: "F32", "F16", "BF16" and others.
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// A read-only memory mapping of a file; unmapped when destroyed.
class MappedFile {
 public:
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// The tensors of one .safetensors file: an 8-byte little-endian header length, a JSON header that
// names dtype, shape and byte range of each tensor, then the bytes.
//
// Open trusts nothing: the header must be at most 100 MB and inside the file, begin with `{`, name
// no key twice, and its ranges must be in order of their shapes' sizes, without overlap or hole,
// and end with the file. A header's claims cost no memory beyond its own size. The file must not
// change while it is open.
class SafetensorsFile {
 public:
  // INVALID_ARGUMENT naming the file and the rule it breaks; NOT_FOUND when it cannot be opened.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  SafetensorsFile() = default;

  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_SAFETENSORS_H_
