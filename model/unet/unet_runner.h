#ifndef DARKROOM_MODEL_UNET_UNET_RUNNER_H_
#define DARKROOM_MODEL_UNET_UNET_RUNNER_H_

#include <ATen/core/Tensor.h>

#include <list>
#include <memory>
#include <vector>

#include "model/cuda/cuda_graph.h"
#include "model/unet/attention.h"
#include "model/unet/unet.h"

namespace darkroom {

// Takes passes through a UNet and keeps for the next one what stays the same: what the layers take
// of the prompts, and on a GPU the whole pass as a graph for each shape that was met lately. One
// pass at a time.
class UNetRunner {
 public:
  // Every tensor lies on the UNet's device.
  struct Pass {
    at::Tensor latents;    // [samples, in_channels, h, w]
    at::Tensor timesteps;  // [samples], float32.
    // Of each sample, [length, context_width]; known again by being the same tensors.
    std::vector<at::Tensor> contexts;
    at::Tensor pooled;    // [samples, projection]
    at::Tensor time_ids;  // [samples, 6], float32.
  };

  // Borrows the UNet.
  explicit UNetRunner(const UNet& unet) : unet_(unet) {}

  // [samples, out_channels, h, w]
  at::Tensor Predict(const Pass& pass);

 private:
  // What the layers take of these contexts.
  struct Prepared {
    std::vector<at::Tensor> contexts;
    std::vector<CrossAttention::Prompt> prompts;
  };

  // A pass as a graph, with the places of what goes in and what comes out.
  struct Recording {
    at::Tensor latents, timesteps, pooled, time_ids;
    Prepared prepared;
    at::Tensor predicted;
    std::unique_ptr<CudaGraph> graph;
  };

  Prepared Prepare(const std::vector<at::Tensor>& contexts) const;
  at::Tensor PredictAtOnce(const Pass& pass);
  at::Tensor PredictRecorded(const Pass& pass);
  Recording& RecordingFor(const Pass& pass);

  const UNet& unet_;
  Prepared last_;                    // Of the last pass, where none is recorded.
  std::list<Recording> recordings_;  // The last one used is the first.
};

}  // namespace darkroom

#endif  // DARKROOM_MODEL_UNET_UNET_RUNNER_H_
