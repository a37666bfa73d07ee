#ifndef DARKROOM_SERVER_INFERENCE_RAW_TENSOR_H_
#define DARKROOM_SERVER_INFERENCE_RAW_TENSOR_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

// The Open Inference Protocol's raw form of tensors: their elements one after another. Numbers are
// in little endian, as on every machine that this is built for; an element of BYTES follows its
// length, a uint32.
static_assert(std::endian::native == std::endian::little);

// The `count` elements of BYTES in `raw`; nothing when it does not hold exactly so many. They view
// `raw`.
std::optional<std::vector<std::string_view>> UnpackBytes(std::string_view raw, size_t count);

// Likewise of a number type.
template <typename Number>
std::optional<std::vector<Number>> UnpackNumbers(std::string_view raw, size_t count) {
  if (raw.size() % sizeof(Number) != 0 || raw.size() / sizeof(Number) != count) {
    return std::nullopt;
  }
  std::vector<Number> numbers(count);
  if (count > 0) std::memcpy(numbers.data(), raw.data(), raw.size());
  return numbers;
}

// The reverse. Each element is below 4 GiB.
std::string PackBytes(std::span<const std::string_view> elements);

template <typename Number>
std::string PackNumbers(std::span<const Number> numbers) {
  return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_INFERENCE_RAW_TENSOR_H_
