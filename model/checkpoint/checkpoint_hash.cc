#include "model/checkpoint/checkpoint_hash.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <set>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/weight_files.h"

namespace darkroom {
namespace {

absl::StatusOr<std::string> HexSha256(std::span<const std::byte> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("libcrypto computes no SHA-256");
  }
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

// The paths in the folder; a set keeps them in byte order.
absl::StatusOr<std::set<std::string>> FilesOf(const std::string& folder) {
  std::set<std::string> files = {"model_index.json", "scheduler/scheduler_config.json"};
  for (const std::string tokenizer : {"tokenizer", "tokenizer_2"}) {
    for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"}) {
      files.insert(absl::StrCat(tokenizer, "/", name));
    }
    const std::string optional = absl::StrCat(tokenizer, "/special_tokens_map.json");
    if (access(absl::StrCat(folder, "/", optional).c_str(), F_OK) == 0) files.insert(optional);
  }
  for (const auto& [part, stem] : {std::pair{"text_encoder", "model"},
                                   {"text_encoder_2", "model"},
                                   {"unet", "diffusion_pytorch_model"},
                                   {"vae", "diffusion_pytorch_model"}}) {
    files.insert(absl::StrCat(part, "/config.json"));
    const auto names = WeightFileNames(absl::StrCat(folder, "/", part), stem);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) files.insert(absl::StrCat(part, "/", name));
  }
  return files;
}

}  // namespace

absl::StatusOr<std::string> HashCheckpoint(const std::string& folder) {
  const absl::StatusOr<std::set<std::string>> files = FilesOf(folder);
  if (!files.ok()) return files.status();
  std::string lines;
  for (const std::string& name : *files) {
    const auto file = MappedFile::Open(absl::StrCat(folder, "/", name));
    if (!file.ok()) return file.status();
    const absl::StatusOr<std::string> digest = HexSha256((*file)->bytes());
    if (!digest.ok()) return digest.status();
    absl::StrAppend(&lines, *digest, "  ", name, "\n");
  }
  return HexSha256(std::as_bytes(std::span(lines)));
}

}  // namespace darkroom
