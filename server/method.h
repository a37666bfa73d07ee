#ifndef DARKROOM_SERVER_METHOD_H_
#define DARKROOM_SERVER_METHOD_H_

namespace darkroom {

// The methods that make images.
enum class Method { kGenerateImages, kStreamImages, kModelInfer };

inline constexpr Method kMethods[] = {Method::kGenerateImages, Method::kStreamImages,
                                      Method::kModelInfer};

// The method as the wire, and as log lines call it.
struct MethodName {
  const char* rpc;
  const char* event;
};

constexpr MethodName NameOf(Method method) {
  switch (method) {
    case Method::kGenerateImages: return {"GenerateImages", "generate_images"};
    case Method::kStreamImages: return {"StreamImages", "stream_images"};
    case Method::kModelInfer: return {"ModelInfer", "model_infer"};
  }
  return {"", ""};
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_METHOD_H_
