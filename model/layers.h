#ifndef DARKROOM_MODEL_LAYERS_H_
#define DARKROOM_MODEL_LAYERS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/checkpoint/weights.h"

namespace darkroom {

// The layers that every network here is built from. A constructor takes its weights from the
// scope's keys `weight` and `bias`, as torch.nn names them; Forward may run on several threads.

// [..., in] -> [..., out].
class Linear {
 public:
  Linear(const WeightScope& weights, int64_t in, int64_t out, bool has_bias = true);
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  at::Tensor weight_, bias_;
};

// Square kernel, zero padding: [batch, in, height, width] -> [batch, out, ...].
class Conv2d {
 public:
  struct Shape {
    int64_t kernel = 1;
    int64_t stride = 1;
    int64_t padding = 0;
  };
  Conv2d(const WeightScope& weights, int64_t in, int64_t out, const Shape& shape);
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  Shape shape_;
  at::Tensor weight_, bias_;
};

// 3x3, same size.
inline constexpr Conv2d::Shape kConv3x3 = {.kernel = 3, .stride = 1, .padding = 1};
inline constexpr Conv2d::Shape kConv1x1 = {.kernel = 1, .stride = 1, .padding = 0};

// Over the channels of [batch, channels, ...].
class GroupNorm {
 public:
  GroupNorm(const WeightScope& weights, int64_t groups, int64_t channels, double epsilon);
  at::Tensor Forward(const at::Tensor& x) const;
  // SiLU of the norm of x, to which `shift` of each sample is added before, where it is defined:
  // [samples, channels].
  at::Tensor ForwardSilu(const at::Tensor& x, const at::Tensor& shift = {}) const;

 private:
  int64_t groups_;
  double epsilon_;
  at::Tensor weight_, bias_;
};

// Over the last dimension of [..., channels].
class LayerNorm {
 public:
  LayerNorm(const WeightScope& weights, int64_t channels, double epsilon);
  at::Tensor Forward(const at::Tensor& x) const;
  // Adds `delta` to x, which becomes the sum, and returns its norm.
  at::Tensor AddForward(at::Tensor& x, const at::Tensor& delta) const;

 private:
  int64_t channels_;
  double epsilon_;
  at::Tensor weight_, bias_;
};

// On a CPU torch deals elements out to its threads and computes what is left over of each thread's
// share without vector instructions, which rounds otherwise. These two deal out one sample after
// the other, so that an element's bits do not depend on its sample's place.

// x * sigmoid(x) of every element: [samples, ...] -> the same.
at::Tensor Silu(const at::Tensor& x);

// The first half times the GELU, x * Phi(x), of the second: [samples, ..., 2 * width] ->
// [samples, ..., width] (arXiv 2002.05202).
at::Tensor Geglu(const at::Tensor& x);

// [samples, length, width] -> [samples, heads, length, width / heads], and the reverse.
at::Tensor SplitHeads(const at::Tensor& tokens, int64_t heads);
at::Tensor JoinHeads(const at::Tensor& heads);

}  // namespace darkroom

#endif  // DARKROOM_MODEL_LAYERS_H_
