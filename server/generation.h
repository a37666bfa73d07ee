#ifndef DARKROOM_SERVER_GENERATION_H_
#define DARKROOM_SERVER_GENERATION_H_

#include <grpcpp/grpcpp.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"
#include "darkroom/v1/image_generation.pb.h"
#include "model/image_generator.h"
#include "server/codec_pool.h"
#include "server/device_worker.h"
#include "server/metrics.h"
#include "server/request_parser.h"

namespace darkroom {

// What every call needs; all of it outlives the last one.
struct GenerationContext {
  const ModelInfo& model;
  const RequestRules& rules;
  bool log_prompts;
  Clock& clock;
  DeviceWorker& worker;
  CodecPool& codecs;
  Metrics& metrics;
};

// One GenerateImages call in flight. Answers exactly once, when the last of its images has ended,
// whichever way; gRPC then deletes it through OnDone. A call that is cancelled, or one of whose
// images fails, lets its other images go and answers when they have left the device.
class Generation final : public grpc::ServerUnaryReactor {
 public:
  // The call's own objects live until OnDone.
  Generation(const GenerationContext& context, grpc::CallbackServerContext* call,
             const v1::GenerateImagesRequest* request, v1::GenerateImagesResponse* response);

  // Parses, submits, and answers a refusal; an image to begin from is read on the codec pool first.
  // Nothing may touch the generation afterwards.
  void Run();

  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override;

 private:
  // Reads the request's init_image, at the size of the images to make.
  absl::Status ReadInitImage();
  // Submits, and answers a refusal.
  void SubmitOrAnswer() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Submit() ABSL_LOCKS_EXCLUDED(mu_);
  void OnImage(size_t index, absl::StatusOr<FinishedImage> result) ABSL_LOCKS_EXCLUDED(mu_);
  // Packs the image into its place in the response. On the codec pool.
  absl::Status Encode(size_t index, const RgbImage& image);
  // One image less to wait for; the last one answers the call.
  void EndImage(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void CancelImages() ABSL_LOCKS_EXCLUDED(mu_);
  void FillStats();
  void Answer(const absl::Status& status);
  void Log(const absl::Status& status, absl::Duration took) const;

  const GenerationContext& context_;
  grpc::CallbackServerContext* const call_;
  const v1::GenerateImagesRequest* const request_;
  v1::GenerateImagesResponse* const response_;
  const absl::Time arrival_;
  ParsedRequest parsed_;
  std::vector<ImageReport> reports_;          // Each written before its image ends.
  std::vector<absl::Duration> encode_times_;  // Likewise.

  absl::Mutex mu_;
  RowId first_row_ ABSL_GUARDED_BY(mu_) = 0;
  size_t waiting_for_ ABSL_GUARDED_BY(mu_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status first_error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_GENERATION_H_
