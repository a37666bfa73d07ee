// Files that are almost right: whatever is done to a valid one, opening it is safe.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/safetensors.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace darkroom {
namespace {

constexpr int kFiles = 20'000;
constexpr size_t kLengthBytes = sizeof(uint64_t);
constexpr char kHeader[] = R"({"__metadata__":{"format":"pt"},)"
                           R"("a.weight":{"dtype":"F16","shape":[3,2],"data_offsets":[0,12]},)"
                           R"("b.bias":{"dtype":"F32","shape":[],"data_offsets":[12,16]},)"
                           R"("none":{"dtype":"BF16","shape":[0,7],"data_offsets":[16,16]},)"
                           R"("z":{"dtype":"U8","shape":[8],"data_offsets":[16,24]}}  )";
const char* const kSplices[] = {"0",
                                "1",
                                "-1",
                                "4",
                                "12",
                                "16",
                                "1e3",
                                "2147483648",
                                "9223372036854775807",
                                "18446744073709551615",
                                "99999999999999999999999",
                                "[",
                                "]",
                                "{",
                                "}",
                                ",",
                                "\"",
                                "null",
                                "\"U8\"",
                                "\"F64\"",
                                "\\u0000",
                                "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[24,24]},"};

void SetHeaderLength(std::string& file, uint64_t length) {
  for (size_t i = 0; i < std::min(kLengthBytes, file.size()); ++i) {
    file[i] = static_cast<char>(length >> (8 * i));
  }
}

std::string ValidFile() {
  std::string file = std::string(kLengthBytes, '\0') + kHeader + "twelve bytesfour8 bytes.";
  SetHeaderLength(file, sizeof(kHeader) - 1);
  return file;
}

// Changes the file a little; most changes keep the header's length right, for else nothing that
// follows it would be read.
void Mutate(SeededRandom& random, std::string& file) {
  const auto position = [&] { return random.Between(0, file.size()); };
  const size_t before = file.size();
  size_t at = position();
  switch (random.Between(0, 6)) {
    case 0:  // Flip a bit.
      if (at < file.size()) file[at] = static_cast<char>(file[at] ^ (1 << random.Between(0, 7)));
      return;
    case 1:  // Set a byte.
      if (at < file.size()) file[at] = static_cast<char>(random.Between(0, 255));
      return;
    case 2: file.resize(position()); return;
    case 3: file += random.Bytes(random.Between(1, 20)); return;
    case 4: file.erase(at, random.Between(1, 8)); break;
    case 5: file.insert(at, file.substr(position(), random.Between(1, 60))); break;
    default: {  // Another number or sign in place of one.
      at = file.find_first_of("0123456789[]{},\"", std::min(at, file.size()));
      if (at == std::string::npos) return;
      const size_t end = file.find_first_not_of("0123456789", at);
      const size_t length = std::max<size_t>(1, std::min(end, file.size()) - at);
      file.replace(at, length, kSplices[random.Between(0, std::size(kSplices) - 1)]);
    }
  }
  if (random.Between(0, 4) == 0 || file.size() < kLengthBytes) return;
  SetHeaderLength(file, sizeof(kHeader) - 1 + file.size() - before);
}

// Every span lies inside the file, where its tensor's bytes lie; together they are its whole data.
void ExpectInside(const std::map<std::string, StoredTensor>& tensors, const std::string& file) {
  size_t data_size = 0;
  const std::byte* data = nullptr;
  for (const auto& [name, tensor] : tensors) {
    data_size += tensor.bytes.size();
    const bool is_lower = data == nullptr || tensor.bytes.data() < data;
    if (!tensor.bytes.empty() && is_lower) data = tensor.bytes.data();
  }
  ASSERT_LE(kLengthBytes + data_size, file.size());
  const std::string expected = file.substr(file.size() - data_size);
  for (const auto& [name, tensor] : tensors) {
    if (tensor.bytes.empty()) continue;
    const auto offset = static_cast<size_t>(tensor.bytes.data() - data);
    ASSERT_LE(offset + tensor.bytes.size(), data_size) << name;
    ASSERT_EQ(std::memcmp(tensor.bytes.data(), expected.data() + offset, tensor.bytes.size()), 0);
  }
}

TEST(SafetensorsMutationTest, AnAcceptedFilesSpansLieInsideItAndARefusalNamesIt) {
  SeededRandom random;
  const TemporaryFolder folder;
  int accepted = 0;
  for (int i = 0; i < kFiles; ++i) {
    std::string content = ValidFile();
    for (size_t k = random.Between(0, 3); k > 0; --k) Mutate(random, content);
    SCOPED_TRACE(testing::PrintToString(content));
    const std::string path = folder.Write("mutant.safetensors", content);
    const auto file = SafetensorsFile::Open(path);
    if (!file.ok()) {
      ASSERT_THAT(file, StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr(path)));
      continue;
    }
    ++accepted;
    ASSERT_NO_FATAL_FAILURE(ExpectInside(file->tensors(), content));
  }
  // Both sides are met often, or the loop proves nothing.
  EXPECT_GT(accepted, kFiles / 10);
  EXPECT_LT(accepted, kFiles - kFiles / 10);
}

}  // namespace
}  // namespace darkroom
