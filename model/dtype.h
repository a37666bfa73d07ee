#ifndef DARKROOM_MODEL_DTYPE_H_
#define DARKROOM_MODEL_DTYPE_H_

namespace darkroom {

// What a network computes in. kFloat8: float16, but for the products of the UNet's transformers;
// see TokenLinear.
enum class Dtype { kFloat32, kFloat16, kBfloat16, kFloat8 };

// As torch and the command line call it.
constexpr const char* NameOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat16: return "float16";
    case Dtype::kBfloat16: return "bfloat16";
    case Dtype::kFloat8: return "float8";
    default: return "float32";
  }
}

}  // namespace darkroom

#endif  // DARKROOM_MODEL_DTYPE_H_
