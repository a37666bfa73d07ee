#ifndef DARKROOM_MODEL_UNET_UNET_BLOCKS_H_
#define DARKROOM_MODEL_UNET_UNET_BLOCKS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "model/checkpoint/weights.h"
#include "model/layers.h"
#include "model/unet/resnet_block.h"
#include "model/unet/transformer.h"
#include "model/unet/unet_config.h"

namespace darkroom {

// What every block is told beside its pixels. Blocks take their prompts in the order in which
// Prepare of all of them, the way down first, has appended them.
struct UNetConditioning {
  at::Tensor time;  // SiLU of the time embedding: [samples, time_embedding_width].
  PreparedPrompts prompts;
};

// One level on the way down: diffusers' DownBlock2D, or with transformers CrossAttnDownBlock2D.
class DownBlock {
 public:
  DownBlock(const UNetConfig& config, size_t level, const WeightScope& weights);

  void Prepare(const at::Tensor& context, std::vector<CrossAttention::Prompt>& prompts) const;

  // x: [samples, in, h, w] -> [samples, out, h / 2, w / 2], sizes rounded up; the last level keeps
  // its size. Appends what the way up will want.
  at::Tensor Forward(at::Tensor x, UNetConditioning& conditioning,
                     std::vector<at::Tensor>& skips) const;

 private:
  std::vector<ResnetBlock> resnets_;
  std::vector<Transformer> transformers_;  // None, or one after each resnet.
  std::optional<Conv2d> downsample_;
};

// The bottom: resnet, transformer, resnet; diffusers' UNetMidBlock2DCrossAttn.
class MidBlock {
 public:
  MidBlock(const UNetConfig& config, const WeightScope& weights);

  void Prepare(const at::Tensor& context, std::vector<CrossAttention::Prompt>& prompts) const;

  // x: [samples, channels, h, w]; the same shape returns.
  at::Tensor Forward(const at::Tensor& x, UNetConditioning& conditioning) const;

 private:
  ResnetBlock first_;
  Transformer transformer_;
  ResnetBlock second_;
};

// One level on the way up: diffusers' UpBlock2D, or with transformers CrossAttnUpBlock2D. `step`
// counts from the bottom.
class UpBlock {
 public:
  UpBlock(const UNetConfig& config, size_t step, const WeightScope& weights);

  void Prepare(const at::Tensor& context, std::vector<CrossAttention::Prompt>& prompts) const;

  // x: [samples, in, h, w] -> [samples, out, ...], as large as the next of `skips`, of which it
  // takes one for each of its resnets, from the end.
  at::Tensor Forward(at::Tensor x, UNetConditioning& conditioning,
                     std::vector<at::Tensor>& skips) const;

 private:
  std::vector<ResnetBlock> resnets_;
  std::vector<Transformer> transformers_;
  std::optional<Upsample> upsample_;
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_UNET_BLOCKS_H_
