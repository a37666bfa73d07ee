#include "model/unet/unet_runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "model/cuda_module.h"

namespace darkroom {
namespace {

// Each holds what its layers take of the prompts: about 26 MB a sample for SDXL in halves.
constexpr size_t kMaxRecordings = 16;

bool AreSame(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.is_same(y); });
}

}  // namespace

at::Tensor UNetRunner::Predict(const Pass& pass) {
  return unet_.device().is_cuda() ? PredictRecorded(pass) : PredictAtOnce(pass);
}

UNetRunner::Prepared UNetRunner::Prepare(const std::vector<at::Tensor>& contexts) const {
  return {contexts, unet_.Prepare(at::stack(contexts))};
}

at::Tensor UNetRunner::PredictAtOnce(const Pass& pass) {
  if (!AreSame(last_.contexts, pass.contexts)) {
    last_ = {};  // Its memory is wanted.
    last_ = Prepare(pass.contexts);
  }
  return unet_.Forward({.latents = pass.latents,
                        .timesteps = pass.timesteps,
                        .prompts = last_.prompts,
                        .pooled = pass.pooled,
                        .time_ids = pass.time_ids});
}

at::Tensor UNetRunner::PredictRecorded(const Pass& pass) {
  Recording& recording = RecordingFor(pass);
  recording.latents.copy_(pass.latents);
  recording.timesteps.copy_(pass.timesteps);
  recording.pooled.copy_(pass.pooled);
  recording.time_ids.copy_(pass.time_ids);
  if (!AreSame(recording.prepared.contexts, pass.contexts)) {
    recording.prepared.contexts.clear();  // What throws below leaves neither these nor those.
    const Prepared prepared = Prepare(pass.contexts);
    for (size_t i = 0; i < prepared.prompts.size(); ++i) {
      recording.prepared.prompts[i].keys.copy_(prepared.prompts[i].keys);
      recording.prepared.prompts[i].values.copy_(prepared.prompts[i].values);
    }
    recording.prepared.contexts = pass.contexts;
  }
  recording.graph->Replay();
  return recording.predicted.clone();  // The next replay writes there.
}

UNetRunner::Recording& UNetRunner::RecordingFor(const Pass& pass) {
  const auto found = std::ranges::find_if(recordings_, [&](const Recording& recording) {
    return recording.latents.sizes() == pass.latents.sizes();
  });
  if (found != recordings_.end()) {
    recordings_.splice(recordings_.begin(), recordings_, found);
    return recordings_.front();
  }
  if (recordings_.size() == kMaxRecordings) recordings_.pop_back();
  Recording recording{.latents = pass.latents.clone(),
                      .timesteps = pass.timesteps.clone(),
                      .pooled = pass.pooled.clone(),
                      .time_ids = pass.time_ids.clone(),
                      .prepared = Prepare(pass.contexts)};
  recording.graph = GetCudaOps().record(unet_.device(), [&] {
    recording.predicted = unet_.Forward({.latents = recording.latents,
                                         .timesteps = recording.timesteps,
                                         .prompts = recording.prepared.prompts,
                                         .pooled = recording.pooled,
                                         .time_ids = recording.time_ids});
  });
  return recordings_.emplace_front(std::move(recording));
}

}  // namespace darkroom
