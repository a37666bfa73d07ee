#include "server/generation.h"

#include <algorithm>
#include <exception>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/codec/image_file.h"
#include "server/codec/lanczos.h"
#include "server/generation_stats.h"
#include "server/image_reply.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr absl::Duration kReadRetryDelay = absl::Seconds(1);

// Up to a half longer, so that callers who were refused together do not come back together.
absl::Duration Spread(absl::Duration delay) {
  thread_local std::minstd_rand random(std::random_device{}());
  return delay * std::uniform_real_distribution<double>(1, 1.5)(random);
}

}  // namespace

Generation::Generation(const GenerationContext& context, const v1::GenerateImagesRequest& request,
                       ParsedRequest parsed, JobTerms terms)
    : context_(context),
      request_(request),
      parsed_(std::move(parsed)),
      terms_(std::move(terms)),
      reports_(parsed_.images.size()),
      packing_times_(parsed_.images.size()),
      images_(parsed_.images.size()),
      deadline_(terms_.deadline) {}

void Generation::Run() {
  if (is_running_.exchange(true)) return;
  context_.metrics.calls.OnGenerationStarted();
  if (!request_.has_init_image() && context_.filter == nullptr) return SubmitOrEnd();
  const bool accepted = context_.codecs.TryRun([self = shared_from_this()] {
    const absl::Status status = self->Prepare();
    status.ok() ? self->SubmitOrEnd() : self->End(status);
  });
  if (accepted) return;
  End(WithRetry(absl::ResourceExhaustedError("too many images wait to be read"), kReadRetryDelay));
}

absl::Status Generation::Prepare() {
  if (context_.filter != nullptr) {
    if (absl::Status s = CheckPrompts(); !s.ok()) return s;
  }
  return request_.has_init_image() ? ReadInitImage() : absl::OkStatus();
}

absl::Status Generation::CheckPrompts() const try {
  const absl::Status verdict = context_.filter->CheckPrompt(parsed_.images.front());
  if (verdict.ok()) return verdict;
  return WithReason(absl::PermissionDeniedError(verdict.message()), kReasonPromptRefused);
} catch (...) {  // Whatever a deployer's code throws.
  return WithReason(absl::PermissionDeniedError("the prompt could not be judged"),
                    kReasonPromptRefused);
}

bool Generation::IsAllowed(size_t index, const RgbImage& image) const try {
  return context_.filter == nullptr || context_.filter->AllowsImage(parsed_.images[index], image);
} catch (...) {
  return false;
}

absl::Status Generation::ReadInitImage() try {
  absl::StatusOr<RgbImage> image = ReadImageFile(request_.init_image().data());
  if (!image.ok()) {
    return InvalidRequest({{.field = "init_image.data",
                            .description = std::string(image.status().message()),
                            .reason = kReasonImageDecode}});
  }
  request_.mutable_init_image()->clear_data();  // Its pixels are enough.
  const auto resized = std::make_shared<const RgbImage>(
      ResizeLanczos(*std::move(image), parsed_.images.front().size));
  for (ImageRequest& request : parsed_.images) request.init_image = resized;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("there is no memory to read the image");
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the image could not be read: ", error.what()));
}

void Generation::SubmitOrEnd() try {
  const absl::Status status = Submit();
  if (absl::IsInvalidArgument(status)) {
    return End(
        InvalidRequest({{.field = "num_images", .description = std::string(status.message())}}));
  }
  if (absl::IsResourceExhausted(status)) {
    return End(WithRetry(status, Spread(context_.devices.RetryDelay(parsed_.images.size()))));
  }
  if (!status.ok()) End(status);
} catch (const std::exception& error) {  // Before anything was submitted: that comes last.
  End(absl::InternalError(error.what()));
}

absl::Status Generation::Submit() {
  std::vector<ImageJob> jobs;
  for (size_t i = 0; i < parsed_.images.size(); ++i) {
    jobs.push_back(
        {.request = parsed_.images[i],
         .on_step = [self = shared_from_this(), i](const StepReport& r) { self->OnStep(i, r); },
         .done =
             [self = shared_from_this(), i](absl::StatusOr<FinishedImage> result) {
               self->OnImage(i, std::move(result));
             }});
  }
  JobTicket ticket;
  Listeners listeners;
  {
    // Under the lock, so that a cancellation comes wholly before or wholly after: the rows that end
    // meanwhile wait for it too.
    absl::MutexLock lock(&mu_);
    if (abandoned_) return absl::CancelledError("the caller cancelled");
    JobTerms terms = terms_;
    terms.deadline = deadline_;
    waiting_for_ = jobs.size();
    absl::StatusOr<JobTicket> accepted = context_.devices.Submit(std::move(jobs), terms);
    if (!accepted.ok()) return accepted.status();
    ticket = ticket_ = *accepted;
    submitted_ = true;
    listeners = listeners_;  // Those who join from here on hear it from Join.
  }
  for (const auto& listener : listeners) TellQueued(*listener, ticket);
  return absl::OkStatus();
}

void Generation::TellQueued(GenerationListener& listener, const JobTicket& ticket) {
  listener.OnQueued(parsed_.request_id,
                    [&] { return context_.devices.PlaceOf(ticket).value_or(QueuePlace()); });
}

bool Generation::is_live() const {
  absl::MutexLock lock(&mu_);
  return IsLive();
}

bool Generation::IsLive() const { return !abandoned_ && !ended_ && first_error_.ok(); }

bool Generation::Join(std::shared_ptr<GenerationListener> listener, absl::Time deadline) {
  std::optional<JobTicket> ticket;  // Once it is accepted.
  std::vector<std::shared_ptr<const v1::Image>> images;
  {
    absl::MutexLock lock(&mu_);
    if (!IsLive()) return false;
    listeners_.push_back(listener);
    deadline_ = std::max(deadline_, deadline);
    if (submitted_) {
      context_.devices.Extend(ticket_, deadline_);
      ticket = ticket_;
    }
    images = images_;
  }
  if (ticket.has_value()) TellQueued(*listener, *ticket);
  for (const auto& image : images) {
    if (image != nullptr) listener->OnImage(image);
  }
  return true;
}

void Generation::Leave(const GenerationListener& listener) {
  {
    absl::MutexLock lock(&mu_);
    std::erase_if(listeners_, [&](const auto& other) { return other.get() == &listener; });
    if (!listeners_.empty() || ended_) return;
    abandoned_ = true;
  }
  CancelImages();
}

void Generation::OnStep(size_t index, const StepReport& report) {
  Listeners listeners = CurrentListeners();
  v1::Progress progress;
  progress.set_index(static_cast<uint32_t>(index));
  progress.set_step(static_cast<uint32_t>(report.step));
  progress.set_steps(static_cast<uint32_t>(report.steps));
  for (const auto& listener : listeners) listener->OnProgress(progress);
  if (report.step == report.steps) return;  // The image itself is next.
  if (context_.filter != nullptr) return;   // Nothing is shown before it was judged.
  std::erase_if(listeners,
                [&](const auto& other) { return !other->WantsPreview(index, report.step); });
  if (!listeners.empty()) MakePreview(index, report, std::move(listeners));
}

void Generation::MakePreview(size_t index, const StepReport& report, Listeners listeners) {
  absl::StatusOr<RgbImage> image = report.preview();
  if (!image.ok()) return;  // It is a courtesy: the image itself will tell what is wrong.
  context_.codecs.TryRun(
      [index, step = report.step, image = *std::move(image), listeners = std::move(listeners)] {
        const absl::StatusOr<v1::Preview> preview = PackPreview(index, step, image);
        if (!preview.ok()) return;
        for (const auto& listener : listeners) listener->OnPreview(*preview);
      });
}

void Generation::OnImage(size_t index, absl::StatusOr<FinishedImage> result) {
  if (!result.ok()) return EndImage(result.status());
  reports_[index] = result->report;
  context_.codecs.Run([self = shared_from_this(), index, image = std::move(result->image)] {
    self->EndImage(self->Pack(index, image));
  });
}

absl::Status Generation::Pack(size_t index, const RgbImage& image) try {
  const absl::Time begin = context_.clock.TimeNow();
  absl::StatusOr<v1::Image> packed = FilteredImage(parsed_, index);
  if (IsAllowed(index, image)) {
    packed = PackImage(request_, parsed_, index, image, context_.model);
  }
  if (!packed.ok()) return packed.status();
  packing_times_[index] = context_.clock.TimeNow() - begin;
  context_.metrics.images.OnStage(Stage::kEncode, packing_times_[index]);
  context_.metrics.images.OnPacked(packed->format(), packed->data().size());
  const auto shared = std::make_shared<const v1::Image>(*std::move(packed));
  {
    absl::MutexLock lock(&mu_);
    images_[index] = shared;
  }
  for (const auto& listener : CurrentListeners()) listener->OnImage(shared);
  return absl::OkStatus();
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("the image could not be packed: ", error.what()));
}

void Generation::EndImage(const absl::Status& status) {
  absl::Status end;
  bool is_last = false;
  {
    absl::MutexLock lock(&mu_);
    // Images that leave after an error end as cancelled: the first error is the reason.
    first_error_.Update(status);
    end = first_error_;
    is_last = --waiting_for_ == 0;
  }
  if (is_last) return End(end);
  if (!status.ok()) CancelImages();  // Those that are left.
}

void Generation::End(const absl::Status& status) {
  GenerationResult result = {.status = status, .request_id = parsed_.request_id};
  if (status.ok()) {
    result.stats =
        SummarizeReports(reports_, *std::max_element(packing_times_.begin(), packing_times_.end()),
                         parsed_.images.front(), context_.model);
  }
  context_.metrics.calls.OnGenerationEnded();
  Listeners listeners;
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
    listeners = std::exchange(listeners_, {});
    if (status.ok()) result.images = images_;
  }
  for (const auto& listener : listeners) listener->OnEnd(result);
}

void Generation::CancelImages() {
  JobTicket ticket;
  {
    absl::MutexLock lock(&mu_);
    if (!submitted_) return;  // Submit will see it.
    ticket = ticket_;
  }
  context_.devices.Cancel(ticket);
}

Generation::Listeners Generation::CurrentListeners() const {
  absl::MutexLock lock(&mu_);
  return listeners_;
}

}  // namespace darkroom
