#include "model/gpu.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/cuda_module.h"

namespace darkroom {
namespace {

constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);

c10::CachingDeviceAllocator::DeviceStats StatsOf(c10::Device gpu) {
  return c10::getDeviceAllocator(gpu.type())->getDeviceStats(gpu.index());
}

absl::Status CheckCudnn() {
  const long built_for = at::Context::versionCuDNN();
  const long loaded = at::Context::versionRuntimeCuDNN();
  if (loaded == built_for) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cuDNN ", loaded, " was loaded where LibTorch expects ", built_for,
                   "; is another on the library path?"));
}

}  // namespace

absl::StatusOr<c10::Device> OpenGpu(int number, bool same_bits) {
  if (absl::Status s = LoadCudaModule(); !s.ok()) return s;
  const c10::impl::VirtualGuardImpl gpus(c10::kCUDA);
  if (number >= gpus.deviceCount()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no GPU ", number, ", only ", gpus.deviceCount()));
  }
  if (absl::Status s = CheckCudnn(); !s.ok()) return s;
  at::Context& context = at::globalContext();
  context.lazyInitDevice(c10::kCUDA);
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
  // What a process's first calls choose by their speed can be another algorithm each time.
  context.setAllowFP16ReductionCuBLAS(false, /*allow_splitk=*/!same_bits);
  context.setAllowBF16ReductionCuBLAS(false, /*allow_splitk=*/!same_bits);
  context.setBenchmarkCuDNN(!same_bits);
  context.setDeterministicCuDNN(same_bits);
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(number));
}

std::string GpuLibraries() {
  return absl::StrCat(at::detail::getCUDAHooks().versionCUDART(), ", cuDNN ",
                      at::Context::versionRuntimeCuDNN());
}

void WaitForGpu(c10::Device gpu) {
  c10::impl::VirtualGuardImpl(gpu.type()).synchronizeDevice(gpu.index());
}

bool StillWorks(c10::Device gpu) try {
  WaitForGpu(gpu);
  return true;
} catch (const c10::Error&) {
  return false;
}

int64_t GpuPeakBytesOf(c10::Device gpu, absl::FunctionRef<void()> work) {
  const int64_t before = StatsOf(gpu).allocated_bytes[kAll].current;
  c10::getDeviceAllocator(gpu.type())->resetPeakStats(gpu.index());
  work();
  return StatsOf(gpu).allocated_bytes[kAll].peak - before;
}

int64_t GpuAvailableBytes(c10::Device gpu) {
  const auto stats = StatsOf(gpu);
  const int64_t idle = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current -
                       GetCudaOps().recorded_bytes(gpu);
  const auto free = c10::getDeviceAllocator(gpu.type())->getMemoryInfo(gpu.index()).first;
  return static_cast<int64_t>(free) + std::max<int64_t>(idle, 0);
}

int64_t GpuTotalBytes(c10::Device gpu) {
  return static_cast<int64_t>(
      c10::getDeviceAllocator(gpu.type())->getMemoryInfo(gpu.index()).second);
}

}  // namespace darkroom
