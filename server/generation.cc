#include "server/generation.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/codec/image_file.h"
#include "server/codec/lanczos.h"
#include "server/generation_parameters.h"
#include "server/logging.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);
constexpr char kPushbackKey[] = "grpc-retry-pushback-ms";

// gRPC's deadline on our clock. No deadline is one far away, which must not overflow.
absl::Time DeadlineOf(const grpc::CallbackServerContext& call, Clock& clock) {
  const auto left = call.deadline() - std::chrono::system_clock::now();
  if (call.deadline() == std::chrono::system_clock::time_point::max() ||
      left > std::chrono::hours(24 * 365)) {
    return absl::InfiniteFuture();
  }
  return clock.TimeNow() + absl::FromChrono(left);
}

// The caller's address without its port: "ipv4:10.0.0.7:50123" is one connection of many.
std::string TenantOf(const grpc::CallbackServerContext& call) {
  const std::string peer = call.peer();
  return peer.substr(0, peer.rfind(':'));
}

Priority PriorityOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_HIGH: return Priority::kHigh;
    case v1::PRIORITY_LOW: return Priority::kLow;
    default: return Priority::kNormal;
  }
}

// Up to a half longer, so that callers who were refused together do not come back together.
absl::Duration Spread(absl::Duration delay) {
  thread_local std::minstd_rand random(std::random_device{}());
  return delay * std::uniform_real_distribution<double>(1, 1.5)(random);
}

ImageFileFormat FileFormatOf(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_FORMAT_JPEG: return ImageFileFormat::kJpeg;
    case v1::IMAGE_FORMAT_WEBP: return ImageFileFormat::kWebp;
    default: return ImageFileFormat::kPng;
  }
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* message) {
  message->set_seconds(absl::ToInt64Seconds(duration));
  message->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
}

}  // namespace

Generation::Generation(const GenerationContext& context, grpc::CallbackServerContext* call,
                       const v1::GenerateImagesRequest* request,
                       v1::GenerateImagesResponse* response)
    : context_(context),
      call_(call),
      request_(request),
      response_(response),
      arrival_(context.clock.TimeNow()) {
  context_.metrics.OnCallStarted();
}

void Generation::Run() try {
  absl::StatusOr<ParsedRequest> parsed = ParseRequest(*request_, context_.model, context_.rules);
  if (!parsed.ok()) return Answer(parsed.status());
  parsed_ = *std::move(parsed);
  response_->set_request_id(parsed_.request_id);
  for (size_t i = 0; i < parsed_.images.size(); ++i) response_->add_images();
  reports_.resize(parsed_.images.size());
  encode_times_.resize(parsed_.images.size());
  if (!request_->has_init_image()) return SubmitOrAnswer();
  const bool accepted = context_.codecs.TryRun([this] {
    if (absl::Status status = ReadInitImage(); !status.ok()) return Answer(status);
    SubmitOrAnswer();
  });
  if (accepted) return;
  Answer(WithRetry(absl::ResourceExhaustedError("too many images wait to be read"), kRetryDelay));
} catch (
    const std::exception& error) {  // Before anything was submitted: Submit's last act is that.
  Answer(absl::InternalError(error.what()));
}

absl::Status Generation::ReadInitImage() try {
  absl::StatusOr<RgbImage> image = ReadImageFile(request_->init_image().data());
  if (!image.ok()) {
    return InvalidRequest({{.field = "init_image.data",
                            .description = std::string(image.status().message()),
                            .reason = kReasonImageDecode}});
  }
  const auto resized = std::make_shared<const RgbImage>(
      ResizeLanczos(*std::move(image), parsed_.images.front().size));
  for (ImageRequest& request : parsed_.images) request.init_image = resized;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("there is no memory to read the image");
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the image could not be read: ", error.what()));
}

void Generation::SubmitOrAnswer() try {
  const absl::Status status = Submit();
  if (status.ok()) return;
  if (absl::IsInvalidArgument(status)) {
    return Answer(
        InvalidRequest({{.field = "num_images", .description = std::string(status.message())}}));
  }
  if (!absl::IsResourceExhausted(status)) return Answer(status);
  Answer(WithRetry(status, Spread(context_.worker.RetryDelay(parsed_.images.size()))));
} catch (
    const std::exception& error) {  // Before anything was submitted: Submit's last act is that.
  Answer(absl::InternalError(error.what()));
}

absl::Status Generation::Submit() {
  const size_t count = parsed_.images.size();
  const RowId first = context_.worker.ReserveRows(count);
  std::vector<ImageJob> jobs;
  for (size_t i = 0; i < count; ++i) {
    jobs.push_back(
        {.request = parsed_.images[i], .done = [this, i](absl::StatusOr<FinishedImage> result) {
           OnImage(i, std::move(result));
         }});
  }
  const JobTerms terms = {.priority = PriorityOf(request_->priority()),
                          .tenant = TenantOf(*call_),
                          .deadline = DeadlineOf(*call_, context_.clock)};
  // Under the lock, so that a cancellation comes wholly before or wholly after: the rows that end
  // meanwhile wait for it too.
  absl::MutexLock lock(&mu_);
  if (cancelled_) return absl::CancelledError("the caller cancelled");
  waiting_for_ = count;
  first_row_ = first;
  return context_.worker.Submit(first, std::move(jobs), terms);
}

void Generation::OnImage(size_t index, absl::StatusOr<FinishedImage> result) {
  if (!result.ok()) {
    CancelImages();
    return EndImage(result.status());
  }
  reports_[index] = result->report;
  context_.codecs.Run(
      [this, index, image = std::move(result->image)] { EndImage(Encode(index, image)); });
}

absl::Status Generation::Encode(size_t index, const RgbImage& image) try {
  const absl::Time begin = context_.clock.TimeNow();
  const ImageRequest& made_from = parsed_.images[index];
  v1::Image& reply = *response_->mutable_images(static_cast<int>(index));
  if (parsed_.format == v1::IMAGE_FORMAT_RAW_RGB) {
    reply.mutable_data()->assign(image.pixels.begin(), image.pixels.end());
  } else {
    const std::vector<ImageText> texts = parsed_.embed_parameters
                                             ? DescribeImage(*request_, made_from, context_.model)
                                             : std::vector<ImageText>();
    absl::StatusOr<std::string> file =
        WriteImageFile(FileFormatOf(parsed_.format), image, parsed_.quality, texts);
    if (!file.ok()) return file.status();
    reply.set_data(*std::move(file));
  }
  reply.set_format(parsed_.format);
  reply.set_seed(made_from.seed);
  reply.set_index(static_cast<uint32_t>(index));
  reply.set_width(static_cast<uint32_t>(image.size.width));
  reply.set_height(static_cast<uint32_t>(image.size.height));
  reply.set_finish_reason(v1::FINISH_REASON_DONE);
  encode_times_[index] = context_.clock.TimeNow() - begin;
  context_.metrics.OnStage(Stage::kEncode, encode_times_[index]);
  return absl::OkStatus();
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the image could not be packed: ", error.what()));
}

void Generation::EndImage(const absl::Status& status) {
  absl::Status answer;
  {
    absl::MutexLock lock(&mu_);
    // The images that we let go after an error end as cancelled: the first error is the reason.
    first_error_.Update(status);
    if (--waiting_for_ > 0) return;
    answer = first_error_;
  }
  if (answer.ok()) FillStats();
  Answer(answer);
}

void Generation::OnCancel() {
  {
    absl::MutexLock lock(&mu_);
    cancelled_ = true;
    if (first_row_ == 0) return;  // Submit will see it.
  }
  CancelImages();
}

void Generation::CancelImages() {
  RowId first = 0;
  {
    absl::MutexLock lock(&mu_);
    first = first_row_;
  }
  context_.worker.Cancel(first);
}

void Generation::FillStats() {
  const auto slowest = [](const ImageReport& a, const ImageReport& b) {
    return a.queue_wait + a.text_encoding + a.denoising + a.decoding <
           b.queue_wait + b.text_encoding + b.denoising + b.decoding;
  };
  const ImageReport& report = *std::max_element(reports_.begin(), reports_.end(), slowest);
  v1::GenerationStats& stats = *response_->mutable_stats();
  SetDuration(report.queue_wait, stats.mutable_queue_wait());
  SetDuration(report.text_encoding, stats.mutable_text_encoding());
  SetDuration(report.denoising, stats.mutable_denoising());
  SetDuration(report.decoding, stats.mutable_decoding());
  SetDuration(*std::max_element(encode_times_.begin(), encode_times_.end()),
              stats.mutable_encoding());
  SetDuration(context_.clock.TimeNow() - arrival_, stats.mutable_total());
  v1::GenerationStats::BatchSizes& sizes = *stats.mutable_batch_sizes();
  int min = reports_.front().min_batch;
  int max = 0;
  int64_t sum = 0;
  int64_t passes = 0;
  for (const ImageReport& r : reports_) {
    min = std::min(min, r.min_batch);
    max = std::max(max, r.max_batch);
    sum += r.batch_sum;
    passes += r.passes;
  }
  sizes.set_min(static_cast<uint32_t>(min));
  sizes.set_max(static_cast<uint32_t>(max));
  sizes.set_mean(static_cast<double>(sum) / static_cast<double>(std::max<int64_t>(passes, 1)));
  const ImageRequest& image = parsed_.images.front();
  stats.set_model(context_.model.id);
  stats.set_generator_device(NameOf(image.generator_device).device);
  stats.set_dtype(context_.model.dtype);
  stats.set_scheduler(NameOf(image.scheduler).scheduler);
  stats.set_num_inference_steps(static_cast<uint32_t>(image.steps));
  stats.set_guidance_scale(image.guidance_scale);
  stats.set_width(static_cast<uint32_t>(image.size.width));
  stats.set_height(static_cast<uint32_t>(image.size.height));
  stats.set_truncated_tokens(static_cast<uint32_t>(report.truncated_tokens));
  stats.set_server_version(DARKROOM_VERSION);
}

void Generation::Answer(const absl::Status& status) {
  const absl::Duration took = context_.clock.TimeNow() - arrival_;
  // Another server may be free at once, but a full queue has to drain first.
  const int64_t delay = absl::ToInt64Milliseconds(RetryDelay(status));
  if (delay > 0) call_->AddTrailingMetadata(kPushbackKey, absl::StrCat(delay));
  if (!status.ok()) response_->Clear();
  Log(status, took);
  context_.metrics.OnCallEnded(status, took);
  // `this` may be gone after Finish.
  Finish(ToGrpcStatus(absl::IsUnavailable(status) ? WithRetry(status, kRetryDelay) : status));
}

void Generation::Log(const absl::Status& status, absl::Duration took) const {
  const absl::string_view message = status.message();
  LogFields fields = {{"request_id", parsed_.request_id},
                      {"code", absl::StatusCodeToString(status.code())},
                      {"images", parsed_.images.size()},
                      {"total_ms", absl::ToDoubleMilliseconds(took)}};
  if (!status.ok()) fields["error"] = Shortened({message.data(), message.size()}, 200);
  if (context_.log_prompts) fields["prompt"] = request_->prompt();
  LogEvent(absl::IsInternal(status) ? LogLevel::kError : LogLevel::kInfo, "generate_images",
           fields);
}

void Generation::OnDone() { delete this; }

}  // namespace darkroom
