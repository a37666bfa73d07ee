#ifndef DARKROOM_MODEL_CHECKPOINT_CHECKPOINT_HASH_H_
#define DARKROOM_MODEL_CHECKPOINT_CHECKPOINT_HASH_H_

#include <string>

#include "absl/status/statusor.h"

namespace darkroom {

// Identifies the content of a Stable Diffusion XL checkpoint folder, wherever it lies: 64 hex
// digits, the SHA-256 of what `sha256sum` prints for the files that loading reads weights,
// configurations and vocabularies from, by their paths in the folder, in byte order.
//
// Every byte of them counts: folders with the same hash hold the same model. The converse does not
// hold: the same weights stored in another dtype, in other shards or under another name have
// another hash. Reads everything once, at about the speed of SHA-256 on one core.
//
// NOT_FOUND or INVALID_ARGUMENT naming the file that cannot be read.
absl::StatusOr<std::string> HashCheckpoint(const std::string& folder);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_CHECKPOINT_CHECKPOINT_HASH_H_
