#ifndef DARKROOM_TESTS_SUPPORT_SEEDED_RANDOM_H_
#define DARKROOM_TESTS_SUPPORT_SEEDED_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace darkroom {

// Numbers that can be drawn again: the seed is printed, and DARKROOM_TEST_SEED sets it.
class SeededRandom {
 public:
  SeededRandom() {
    const char* given = std::getenv("DARKROOM_TEST_SEED");
    const unsigned long seed = given != nullptr ? std::stoul(given) : std::random_device()();
    std::cout << "to draw the same again: DARKROOM_TEST_SEED=" << seed << std::endl;
    generator_.seed(seed);
  }

  uint64_t Bits() { return generator_(); }

  // From `low` to `high`, both included.
  size_t Between(size_t low, size_t high) {
    return std::uniform_int_distribution<size_t>(low, high)(generator_);
  }

  std::string Bytes(size_t length) {
    std::string bytes(length, '\0');
    for (char& byte : bytes) byte = static_cast<char>(Between(0, 255));
    return bytes;
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_SEEDED_RANDOM_H_
