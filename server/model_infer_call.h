#ifndef DARKROOM_SERVER_MODEL_INFER_CALL_H_
#define DARKROOM_SERVER_MODEL_INFER_CALL_H_

#include <grpcpp/grpcpp.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "inference/grpc_service.pb.h"
#include "server/call.h"
#include "server/inference/infer_request.h"
#include "server/inference/model_statistics.h"

namespace darkroom {

// A ModelInfer call: each row of its batch dimension is a generation of one image, which shares its
// passes with everybody's. Answers when the last is done, or the first has failed.
class ModelInferCall final : public grpc::ServerUnaryReactor, public Call {
 public:
  // Request and response are gRPC's and live until OnDone; model and statistics outlive the call.
  ModelInferCall(const CallContext& context, const ModelInfo& model, size_t max_rows,
                 ModelStatistics& statistics, grpc::CallbackServerContext* call,
                 const inference::ModelInferRequest* request,
                 inference::ModelInferResponse* response);

  void OnCancel() override { OnCancelled(); }
  void OnDone() override { Release(); }

 private:
  class Row;

  absl::Status Begin(const Caller& caller) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnRowEnd(size_t row, const GenerationResult& result) ABSL_LOCKS_EXCLUDED(mu_);
  void AnswerWithImages(const std::vector<GenerationResult>& results,
                        const std::vector<InferOutput>& outputs);
  void SendStatus(const grpc::Status& status) override;

  const ModelInfo& model_;
  const size_t max_rows_;
  ModelStatistics& statistics_;
  const inference::ModelInferRequest* const request_;
  inference::ModelInferResponse* const response_;
  absl::Mutex mu_;
  std::vector<InferOutput> outputs_ ABSL_GUARDED_BY(mu_);
  std::vector<GenerationResult> results_ ABSL_GUARDED_BY(mu_);  // By row.
  size_t waiting_for_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_MODEL_INFER_CALL_H_
