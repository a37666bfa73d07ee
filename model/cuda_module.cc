#include "model/cuda_module.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace darkroom {
namespace {

constexpr char kLibrary[] = "../lib/darkroom/libdarkroom_cuda.so";

const CudaOps* cuda_ops = nullptr;  // Written once, while the module is loaded.

absl::Status Load() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string path = (program.parent_path() / kLibrary).lexically_normal();
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    return absl::NotFoundError(absl::StrCat("no GPU support here: ", dlerror()));
  }
  void* const symbol = dlsym(library, kCudaOpsSymbol);
  if (symbol == nullptr) {
    return absl::NotFoundError(absl::StrCat("no GPU support in ", path, ": ", dlerror()));
  }
  if (!at::hasCUDA()) return absl::FailedPreconditionError("LibTorch finds no GPU on this machine");
  cuda_ops = reinterpret_cast<CudaOpsFunction>(symbol)();
  return absl::OkStatus();
}

}  // namespace

absl::Status LoadCudaModule() {
  static const absl::Status status = Load();
  return status;
}

const CudaOps& GetCudaOps() { return *cuda_ops; }

}  // namespace darkroom
