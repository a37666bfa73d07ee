// Draws noise as a row does, for tests: draw_noise DEVICE SEED DTYPE COUNT... writes the draws of
// so many numbers each, one after the other, as float32 to standard output.

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "model/sampling/request_noise.h"

int main(int argc, char** argv) {
  using darkroom::GeneratorDevice;
  const std::map<std::string, GeneratorDevice> devices = {{"cpu", GeneratorDevice::kCpu},
                                                          {"cuda", GeneratorDevice::kCuda}};
  const std::map<std::string, at::ScalarType> dtypes = {
      {"float32", at::kFloat}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16}};
  if (argc < 5 || !devices.contains(argv[1]) || !dtypes.contains(argv[3])) return 2;
  darkroom::RequestNoise noise(std::strtoull(argv[2], nullptr, 10), devices.at(argv[1]),
                               dtypes.at(argv[3]));
  for (int i = 4; i < argc; ++i) {
    const at::Tensor drawn = noise.Draw({std::atoll(argv[i])});
    std::fwrite(drawn.const_data_ptr(), sizeof(float), static_cast<size_t>(drawn.numel()), stdout);
  }
  return 0;
}
