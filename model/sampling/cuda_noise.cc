#include "model/sampling/cuda_noise.h"

#include <ATen/ATen.h>
#include <ATen/core/PhiloxRNGEngine.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace darkroom {
namespace {

constexpr int64_t kBlock = 256;          // Threads that torch starts together.
constexpr int64_t kMaxBlocks = 132 * 8;  // What an H100 holds.
constexpr int64_t kGroup = 4;            // Numbers that a thread draws at once.

// Two 32-bit integers as two normal numbers (Box and Muller, 1958), in cuRAND's float operations.
void ToNormals(uint32_t x, uint32_t y, float* normals) {
  constexpr float kUnit = 0x1p-32f;
  constexpr float kAngle = kUnit * (2 * std::numbers::pi_v<float>);
  const float u = std::fma(static_cast<float>(x), kUnit, kUnit / 2);  // In (0, 1].
  const float angle = std::fma(static_cast<float>(y), kAngle, kAngle / 2);
  const float radius = std::sqrt(-2 * std::log(u));
  normals[0] = radius * std::sin(angle);
  normals[1] = radius * std::cos(angle);
}

}  // namespace

at::Tensor CudaNoise::Draw(at::IntArrayRef shape) {
  at::Tensor noise = at::empty(shape, at::TensorOptions(at::kFloat));
  const int64_t count = noise.numel();
  if (count == 0) return noise;
  float* const values = noise.mutable_data_ptr<float>();
  const int64_t threads = kBlock * std::min(kMaxBlocks, (count + kBlock - 1) / kBlock);
  for (int64_t thread = 0; thread < std::min(threads, count); ++thread) {
    at::Philox4_32 engine(seed_, static_cast<uint64_t>(thread), offset_);
    for (int64_t first = thread; first < count; first += threads * kGroup) {
      std::array<uint32_t, kGroup> integers;
      for (uint32_t& integer : integers) integer = engine();
      std::array<float, kGroup> normals;
      ToNormals(integers[0], integers[1], &normals[0]);
      ToNormals(integers[2], integers[3], &normals[2]);
      for (int64_t i = 0; i < kGroup && first + i * threads < count; ++i) {
        values[first + i * threads] = normals[static_cast<size_t>(i)];
      }
    }
  }
  offset_ += static_cast<uint64_t>((count - 1) / (threads * kGroup) + 1);
  return noise;
}

}  // namespace darkroom
