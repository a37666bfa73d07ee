#include "model/checkpoint/weight_files.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_file.h"

namespace darkroom {
namespace {

using nlohmann::json;

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// The shard names of an index file; they are plain names, so that no index leads out of its folder.
absl::StatusOr<std::set<std::string>> ReadIndex(const std::string& path) {
  const absl::StatusOr<json> read = ReadJsonObject(path);
  if (!read.ok()) return read.status();
  const json& index = *read;
  const auto broken = [&](const std::string& rule) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", rule));
  };
  if (!index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty()) {
    return broken("is not an index with a weight_map");
  }
  std::set<std::string> names;
  for (const json& value : index["weight_map"]) {
    if (!value.is_string()) return broken("has a weight_map with values that are not file names");
    const std::string name = value.get<std::string>();
    if (!absl::EndsWith(name, ".safetensors") || absl::StrContains(name, '/')) {
      return broken(absl::StrCat("names \"", name.substr(0, 64),
                                 "\", which is not a .safetensors file beside it"));
    }
    names.insert(name);
  }
  return names;
}

}  // namespace

absl::StatusOr<std::set<std::string>> WeightFileNames(const std::string& folder,
                                                      const std::string& stem) {
  std::set<std::string> names;
  for (const std::string variant : {"", ".fp16"}) {
    const std::string single = absl::StrCat(stem, variant, ".safetensors");
    const std::string index =
        absl::StrCat(folder, "/", stem, ".safetensors.index", variant, ".json");
    if (Exists(absl::StrCat(folder, "/", single))) {
      names.insert(single);
    } else if (Exists(index)) {
      absl::StatusOr<std::set<std::string>> shards = ReadIndex(index);
      if (!shards.ok()) return shards.status();
      names = *std::move(shards);
    }
    if (!names.empty()) break;
  }
  if (names.empty()) {
    const bool pickled = Exists(absl::StrCat(folder, "/", stem, ".bin")) ||
                         Exists(absl::StrCat(folder, "/pytorch_model.bin"));
    return absl::NotFoundError(absl::StrCat(
        folder, ": no ", stem, ".safetensors, ", stem, ".fp16.safetensors or index of shards",
        pickled ? "; pickle files (.bin) can run code and are never opened: convert them to "
                  "safetensors"
                : ""));
  }
  return names;
}

absl::StatusOr<std::vector<SafetensorsFile>> OpenWeightFiles(const std::string& folder,
                                                             const std::string& stem) {
  const absl::StatusOr<std::set<std::string>> names = WeightFileNames(folder, stem);
  if (!names.ok()) return names.status();
  std::vector<SafetensorsFile> files;
  for (const std::string& name : *names) {
    absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(absl::StrCat(folder, "/", name));
    if (!file.ok()) return file.status();
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace darkroom
