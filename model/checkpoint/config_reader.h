#ifndef DARKROOM_MODEL_CHECKPOINT_CONFIG_READER_H_
#define DARKROOM_MODEL_CHECKPOINT_CONFIG_READER_H_

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace darkroom {

// No dimension of a tensor is larger.
inline constexpr int64_t kMaxDimension = std::numeric_limits<int32_t>::max();
// No network has more layers of a kind. Layers cost memory before their weights are found missing.
inline constexpr int64_t kMaxLayers = 1024;

// Reads one JSON file of a checkpoint. Every key must be read, expected or ignored by name: a value
// that we would not honour is an error, never a surprise in the picture.
//
// Getters note problems and return the fallback; Finish tells of all of them at once. A key that is
// absent or null takes the fallback, as in diffusers.
class ConfigReader {
 public:
  // NOT_FOUND or INVALID_ARGUMENT naming the file.
  static absl::StatusOr<ConfigReader> Open(const std::string& path);

  bool Bool(const std::string& key, bool fallback);
  // 1 to `max`.
  int64_t Size(const std::string& key, int64_t fallback, int64_t max = kMaxDimension);
  // As Size, with zero and negative values allowed.
  int64_t Integer(const std::string& key, int64_t fallback);
  double Number(const std::string& key, double fallback);
  std::string String(const std::string& key, const std::string& fallback);
  // A list of sizes; a single one stands for `levels` equal ones.
  std::vector<int64_t> Sizes(const std::string& key, size_t levels, int64_t fallback,
                             int64_t max = kMaxDimension);
  // A list of one to 16 sizes; empty, and a problem, when it is anything else.
  std::vector<int64_t> SizeList(const std::string& key);
  std::vector<std::string> Strings(const std::string& key);
  bool Has(const std::string& key) const;

  // The key is absent, null, or one of the values that we support.
  void Expect(const std::string& key, std::initializer_list<nlohmann::json> supported);
  // The keys have no meaning for making images, whatever their values.
  void Ignore(std::initializer_list<const char*> keys);
  // Adds a problem of the caller's own finding.
  void Refuse(const std::string& problem);

  // INVALID_ARGUMENT listing every problem and every key that nobody asked for.
  absl::Status Finish() const;

 private:
  ConfigReader(std::string path, nlohmann::json object);

  // The value of a key that is present and not null, else nullptr.
  const nlohmann::json* Find(const std::string& key);

  std::string path_;
  nlohmann::json object_;
  std::set<std::string> read_;
  std::vector<std::string> problems_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_CONFIG_READER_H_
