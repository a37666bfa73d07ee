#include "model/cuda/cuda_ops.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "model/cuda/kernels/launch.h"
#include "model/cuda/recorded_graph.h"
#include "model/unet/token_linear.h"

namespace darkroom {
namespace {

cuda::Element ElementOf(const at::Tensor& t) {
  switch (t.scalar_type()) {
    case at::kFloat: return cuda::Element::kFloat;
    case at::kHalf: return cuda::Element::kHalf;
    case at::kBFloat16: return cuda::Element::kBfloat16;
    default: TORCH_CHECK(false, "no kernels for ", t.scalar_type());
  }
}

cudaStream_t StreamOf(const at::Tensor& t) {
  return c10::cuda::getCurrentCUDAStream(t.device().index());
}

int Narrow(int64_t size) {
  TORCH_CHECK(size >= 0 && size <= INT32_MAX, size, " is too large for a kernel");
  return static_cast<int>(size);
}

at::Tensor GroupNorm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& weight,
                     const at::Tensor& bias, int64_t groups, double epsilon, bool silu) {
  const int channels = Narrow(x.size(1));
  if (!cuda::HasGroupNorm(channels, Narrow(groups))) {
    const at::Tensor shifted = shift.defined() ? x + shift.unsqueeze(-1).unsqueeze(-1) : x;
    const at::Tensor normed = at::group_norm(shifted, groups, weight, bias, epsilon);
    return (silu ? at::silu(normed) : normed).contiguous(at::MemoryFormat::ChannelsLast);
  }
  const at::Tensor input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor added = shift.defined() ? shift.contiguous() : shift;
  at::Tensor y = at::empty_like(input);
  const int samples = Narrow(x.size(0));
  const int pixels = Narrow(x.size(2) * x.size(3));
  const size_t moments_size = cuda::MomentsOf(samples, pixels, Narrow(groups));
  const at::Tensor moments =
      at::empty({static_cast<int64_t>(moments_size)}, x.options().dtype(at::kFloat));
  cuda::LaunchGroupNorm(ElementOf(x),
                        {.x = input.const_data_ptr(),
                         .shift = added.defined() ? added.const_data_ptr() : nullptr,
                         .weight = weight.const_data_ptr(),
                         .bias = bias.const_data_ptr(),
                         .y = y.mutable_data_ptr(),
                         .moments = moments.mutable_data_ptr<float>(),
                         .samples = samples,
                         .pixels = pixels,
                         .channels = channels,
                         .groups = Narrow(groups),
                         .epsilon = static_cast<float>(epsilon),
                         .silu = silu},
                        StreamOf(x));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

at::Tensor AddLayerNorm(at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight,
                        const at::Tensor& bias, double epsilon) {
  const int64_t channels = x.size(-1);
  if (!cuda::HasLayerNorm(Narrow(channels))) {
    if (delta.defined()) x = x + delta;
    return at::layer_norm(x, {channels}, weight, bias, epsilon);
  }
  x = x.contiguous();
  const at::Tensor added = delta.defined() ? delta.contiguous() : delta;
  at::Tensor y = at::empty_like(x);
  cuda::LaunchAddLayerNorm(ElementOf(x),
                           {.x = x.const_data_ptr(),
                            .delta = added.defined() ? added.const_data_ptr() : nullptr,
                            .weight = weight.const_data_ptr(),
                            .bias = bias.const_data_ptr(),
                            .sum = x.mutable_data_ptr(),
                            .y = y.mutable_data_ptr(),
                            .tokens = x.numel() / channels,
                            .channels = Narrow(channels),
                            .epsilon = static_cast<float>(epsilon)},
                           StreamOf(x));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

at::Tensor Geglu(const at::Tensor& x) {
  const int64_t width = x.size(-1) / 2;
  if (!cuda::HasGeglu(Narrow(width))) {
    const std::vector<at::Tensor> halves = x.chunk(2, -1);
    return halves[0] * at::gelu(halves[1]);
  }
  const at::Tensor input = x.contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = width;
  at::Tensor y = at::empty(shape, x.options());
  cuda::LaunchGeglu(ElementOf(x), input.const_data_ptr(), y.mutable_data_ptr(),
                    input.numel() / (2 * width), Narrow(width), StreamOf(x));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

void RoundRowsToFloat8(const at::Tensor& rows, at::Tensor& values, at::Tensor& scales) {
  TORCH_CHECK(cuda::HasRoundToFloat8(Narrow(rows.size(1))), rows.size(1),
              " is not a multiple of 8");
  const at::Tensor input = rows.contiguous();
  values = at::empty(input.sizes(), input.options().dtype(at::kFloat8_e4m3fn));
  scales = at::empty({input.size(0), 1}, input.options().dtype(at::kFloat));
  cuda::LaunchRoundToFloat8(ElementOf(input),
                            {.x = input.const_data_ptr(),
                             .y = values.mutable_data_ptr(),
                             .scales = scales.mutable_data_ptr<float>(),
                             .rows = input.size(0),
                             .width = Narrow(input.size(1)),
                             .largest = Float8Rows::kLargest,
                             .least_magnitude = Float8Rows::kLeastMagnitude},
                            StreamOf(input));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

at::Tensor PackBytes(const at::Tensor& pixels) {
  const at::Tensor input = pixels.permute({1, 2, 0}).contiguous();
  at::Tensor y = at::empty(input.sizes(), input.options().dtype(at::kByte));
  cuda::LaunchPackBytes(ElementOf(input), input.const_data_ptr(), y.mutable_data_ptr<uint8_t>(),
                        input.numel(), StreamOf(input));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

}  // namespace
}  // namespace darkroom

extern "C" const darkroom::CudaOps* DarkroomCudaOps() {
  static constexpr darkroom::CudaOps kOps{.group_norm = &darkroom::GroupNorm,
                                          .add_layer_norm = &darkroom::AddLayerNorm,
                                          .geglu = &darkroom::Geglu,
                                          .round_to_float8 = &darkroom::RoundRowsToFloat8,
                                          .pack_bytes = &darkroom::PackBytes,
                                          .record = &darkroom::RecordGraph,
                                          .recorded_bytes = &darkroom::RecordedBytes};
  return &kOps;
}
