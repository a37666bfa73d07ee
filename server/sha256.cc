#include "server/sha256.h"

#include <openssl/sha.h>

namespace darkroom {

Sha256Digest Sha256(std::string_view bytes) {
  Sha256Digest digest;
  static_assert(sizeof(digest) == SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

}  // namespace darkroom
