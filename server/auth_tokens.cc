#include "server/auth_tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/identifier.h"
#include "server/sha256.h"

namespace darkroom {
namespace {

constexpr size_t kMinTokenLength = 16;
constexpr size_t kMaxTokenLength = 512;
constexpr char kHigh[] = "high";
constexpr absl::string_view kScheme = "bearer";
constexpr char kRefusal[] =
    "the call needs one of this server's tokens, as metadata `authorization: Bearer TOKEN`";

bool IsToken(absl::string_view text) {
  return text.size() >= kMinTokenLength && text.size() <= kMaxTokenLength &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

struct Entry {
  Sha256Digest digest;
  Caller caller;
};

absl::StatusOr<Entry> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() < 2 || words.size() > 3) {
    return absl::InvalidArgumentError("a line is OWNER TOKEN [high]");
  }
  std::string owner(words[0]);
  if (!IsIdentifier(owner)) {
    return absl::InvalidArgumentError("an owner is 1 to 64 of [A-Za-z0-9._-]");
  }
  if (!IsToken(words[1])) {
    return absl::InvalidArgumentError("a token is 16 to 512 printable ASCII characters");
  }
  if (words.size() == 3 && words[2] != kHigh) {
    return absl::InvalidArgumentError("after the token there may only be `high`");
  }
  return Entry{Sha256({words[1].data(), words[1].size()}), {std::move(owner), words.size() == 3}};
}

// The token of `Bearer TOKEN`, empty when the value is something else.
absl::string_view BearerToken(absl::string_view authorization) {
  const size_t space = authorization.find(' ');
  if (!absl::EqualsIgnoreCase(authorization.substr(0, space), kScheme)) return "";
  const size_t token = authorization.find_first_not_of(' ', space);
  return token == absl::string_view::npos ? "" : authorization.substr(token);
}

std::string WithoutPort(std::string_view peer) {
  const bool has_port = peer.starts_with("ipv4:") || peer.starts_with("ipv6:");
  return std::string(has_port ? peer.substr(0, peer.rfind(':')) : peer);
}

}  // namespace

class TokenTable {
 public:
  static absl::StatusOr<std::shared_ptr<const TokenTable>> Parse(absl::string_view content);

  // Null when nobody has the token. Looks at every entry, and at each of their bytes.
  const Caller* Find(absl::string_view token) const {
    const Sha256Digest digest = Sha256({token.data(), token.size()});
    const Caller* found = nullptr;
    for (const Entry& entry : entries_) {
      if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) {
        found = &entry.caller;
      }
    }
    return found;
  }

 private:
  std::vector<Entry> entries_;
};

absl::StatusOr<std::shared_ptr<const TokenTable>> TokenTable::Parse(absl::string_view content) {
  auto table = std::make_shared<TokenTable>();
  absl::flat_hash_map<Sha256Digest, int> lines;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Entry> entry = ParseLine(line);
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", entry.status().message()));
    }
    const auto [first, is_new] = lines.try_emplace(entry->digest, number);
    if (!is_new) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": the token of line ", first->second, " again"));
    }
    table->entries_.push_back(*std::move(entry));
  }
  // An empty file is sooner one that is just being written than the wish to let nobody in.
  if (table->entries_.empty()) return absl::InvalidArgumentError("no token in it");
  return table;
}

Authenticator::Authenticator() = default;
Authenticator::~Authenticator() = default;

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::FromFile(
    std::string path, const absl::StatusOr<std::string>& content) {
  auto result = std::make_unique<Authenticator>();
  result->path_ = std::move(path);
  if (absl::Status status = result->Reload(content); !status.ok()) return status;
  return result;
}

absl::Status Authenticator::Reload(const absl::StatusOr<std::string>& content) {
  if (!content.ok()) return absl::InvalidArgumentError(content.status().message());
  auto tokens = TokenTable::Parse(*content);
  if (!tokens.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", tokens.status().message()));
  }
  absl::MutexLock lock(&mu_);
  tokens_ = *std::move(tokens);
  return absl::OkStatus();
}

absl::StatusOr<Caller> Authenticator::Identify(std::optional<std::string_view> authorization,
                                               std::string_view peer) const {
  std::shared_ptr<const TokenTable> tokens;
  {
    absl::MutexLock lock(&mu_);
    tokens = tokens_;
  }
  if (tokens == nullptr) return Caller{WithoutPort(peer), true};
  if (!authorization.has_value()) return absl::UnauthenticatedError(kRefusal);
  const Caller* caller = tokens->Find(BearerToken({authorization->data(), authorization->size()}));
  if (caller == nullptr) return absl::UnauthenticatedError(kRefusal);
  return *caller;
}

}  // namespace darkroom
