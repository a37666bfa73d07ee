#include "server/model_infer_call.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/inference/infer_response.h"
#include "server/proto_duration.h"

namespace darkroom {
namespace {

absl::Duration MakingTime(const v1::GenerationStats& stats) {
  return ToDuration(stats.queue_wait()) + ToDuration(stats.text_encoding()) +
         ToDuration(stats.denoising()) + ToDuration(stats.decoding());
}

// The request's part in the passes of its rows: each counts the less the more company it had.
double BatchesOf(const std::vector<GenerationResult>& rows) {
  double batches = 0;
  for (const GenerationResult& row : rows) {
    batches += 1 / std::max(row.stats.batch_sizes().mean(), 1.0);
  }
  return batches;
}

}  // namespace

// Hears of one row's generation.
class ModelInferCall::Row final : public GenerationListener {
 public:
  Row(std::shared_ptr<ModelInferCall> call, size_t index) : call_(std::move(call)), index_(index) {}

  void OnEnd(const GenerationResult& result) override { call_->OnRowEnd(index_, result); }

 private:
  const std::shared_ptr<ModelInferCall> call_;
  const size_t index_;
};

ModelInferCall::ModelInferCall(const CallContext& context, const ModelInfo& model, size_t max_rows,
                               ModelStatistics& statistics, grpc::CallbackServerContext* call,
                               const inference::ModelInferRequest* request,
                               inference::ModelInferResponse* response)
    : Call(context, Method::kModelInfer, call),
      model_(model),
      max_rows_(max_rows),
      statistics_(statistics),
      request_(request),
      response_(response) {}

absl::Status ModelInferCall::Begin(const Caller& caller) {
  absl::StatusOr<InferCall> parsed = ParseInferRequest(*request_, model_, max_rows_);
  if (!parsed.ok()) return parsed.status();
  {
    absl::MutexLock lock(&mu_);
    outputs_ = parsed->outputs;
    results_.resize(parsed->rows.size());
    waiting_for_ = parsed->rows.size();
  }
  const std::shared_ptr<ModelInferCall> self(shared_from_this(), this);
  const absl::Time deadline = std::min(Deadline(), arrival() + parsed->timeout);
  for (size_t i = 0; i < parsed->rows.size(); ++i) {
    v1::GenerateImagesRequest& row = parsed->rows[i];
    row.clear_request_id();  // The protocol's ids are for the caller alone, and may come again.
    if (absl::Status s = Open(row, caller, deadline, std::make_shared<Row>(self, i)); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

void ModelInferCall::OnRowEnd(size_t row, const GenerationResult& result) {
  if (!result.status.ok()) return Answer(result.status);
  std::vector<GenerationResult> results;
  std::vector<InferOutput> outputs;
  {
    absl::MutexLock lock(&mu_);
    results_[row] = result;
    if (--waiting_for_ > 0) return;
    results = std::move(results_);
    outputs = std::move(outputs_);
  }
  if (TakeAnswer()) AnswerWithImages(results, outputs);
}

void ModelInferCall::AnswerWithImages(const std::vector<GenerationResult>& results,
                                      const std::vector<InferOutput>& outputs) {
  std::vector<InferredImage> images;
  for (const GenerationResult& row : results) {
    images.push_back({.file = row.images.front()->data(), .seed = row.images.front()->seed()});
  }
  FillInferResponse(*request_, outputs, images, *response_);
  v1::GenerationStats stats =
      std::max_element(results.begin(), results.end(), [](const auto& a, const auto& b) {
        return MakingTime(a.stats) < MakingTime(b.stats);
      })->stats;
  statistics_.OnSuccess(
      static_cast<int64_t>(results.size()), BatchesOf(results),
      {.total = context().clock.TimeNow() - arrival(),
       .queue = ToDuration(stats.queue_wait()),
       .compute_input = ToDuration(stats.text_encoding()),
       .compute_infer = ToDuration(stats.denoising()) + ToDuration(stats.decoding()),
       .compute_output = ToDuration(stats.encoding())});
  Complete(absl::OkStatus(), &stats);
}

void ModelInferCall::SendStatus(const grpc::Status& status) {
  if (!status.ok()) statistics_.OnFailure(context().clock.TimeNow() - arrival());
  Finish(status);
}

}  // namespace darkroom
