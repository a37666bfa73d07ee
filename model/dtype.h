#ifndef DARKROOM_MODEL_DTYPE_H_
#define DARKROOM_MODEL_DTYPE_H_

namespace darkroom {

// What a network computes in.
enum class Dtype { kFloat32, kFloat16, kBfloat16 };

// As torch and the command line call it.
constexpr const char* NameOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat16: return "float16";
    case Dtype::kBfloat16: return "bfloat16";
    default: return "float32";
  }
}

}  // namespace darkroom

#endif  // DARKROOM_MODEL_DTYPE_H_
