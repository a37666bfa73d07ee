#include "client/cli/generate_command.h"

#include <cstdint>
#include <deque>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cli/contact_sheet.h"
#include "client/cli/generate_report.h"
#include "client/cli/interrupt.h"
#include "client/cli/output_files.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/image_client.h"

namespace darkroom {
namespace {

using Requests = std::vector<v1::GenerateImagesRequest>;

constexpr size_t kPromptInErrors = 40;

struct Answer {
  size_t prompt_index = 0;
  ImageClient::Reply reply;
};

// Brings answers from gRPC's threads to ours, in the order of their arrival.
class AnswerQueue {
 public:
  void Post(Answer answer) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    answers_.push_back(std::move(answer));
  }

  // Waits for one.
  Answer Take() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](std::deque<Answer>* answers) { return !answers->empty(); }, &answers_));
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

 private:
  absl::Mutex mu_;
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mu_);
};

// num_images 0 is for the server to refuse.
int64_t ImageCount(const v1::GenerateImagesRequest& request) {
  return request.has_num_images() ? request.num_images() : 1;
}

int64_t ImageCount(const Requests& requests) {
  int64_t count = 0;
  for (const v1::GenerateImagesRequest& request : requests) count += ImageCount(request);
  return count;
}

void PrintError(const absl::Status& status) {
  std::cerr << "darkroom generate: " << ForTerminal(status.message()) << std::endl;
}

std::string ErrorLine(size_t prompt_index, const PromptOutcome& outcome) {
  return ForTerminal(absl::StrCat(
      "prompt ", prompt_index + 1, " \"", Shortened(outcome.request.prompt(), kPromptInErrors),
      "\": ", absl::StatusCodeToString(outcome.status.code()), ": ", outcome.status.message()));
}

absl::Status WriteImages(const std::string& folder, PromptOutcome& outcome, Progress& progress) {
  const v1::GenerateImagesResponse& reply = outcome.reply;
  if (reply.images_size() != ImageCount(outcome.request)) {
    return absl::InternalError(absl::StrCat("the server sent ", reply.images_size(), " images"));
  }
  for (const v1::Image& image : reply.images()) {
    const absl::StatusOr<std::string> name = ImageFileName(reply.request_id(), image);
    if (!name.ok()) return name.status();
    const std::string path = PathIn(folder, *name);
    if (absl::Status written = WriteFile(path, image.data()); !written.ok()) return written;
    outcome.files.push_back(path);
    progress.ImageDone(path);
  }
  return absl::OkStatus();
}

// Turns an answer into files and tells of it. After an interrupt, cancelled calls are no news.
void Settle(Answer answer, const std::string& folder, bool interrupted, PromptOutcome& outcome,
            Progress& progress) {
  outcome.status = answer.reply.status();
  if (answer.reply.ok()) {
    outcome.reply = *std::move(answer.reply);
    outcome.status = WriteImages(folder, outcome, progress);
  }
  if (!outcome.status.ok() && !(interrupted && absl::IsCancelled(outcome.status))) {
    progress.Note(ErrorLine(answer.prompt_index, outcome));
  }
  const int64_t missing = ImageCount(outcome.request) - static_cast<int64_t>(outcome.files.size());
  if (missing > 0) progress.ImagesFailed(missing);
  if (const uint32_t cut = outcome.reply.stats().truncated_tokens(); cut > 0) {
    progress.Note(absl::StrCat("prompt ", answer.prompt_index + 1, ": its last ", cut,
                               " tokens do not fit the model and were left out"));
  }
}

// Sends all requests at once and settles their answers as they come.
GenerateReport SendAll(const Requests& requests, const std::string& server,
                       const std::string& folder) {
  GenerateReport report;
  report.prompts.resize(requests.size());
  AnswerQueue answers;
  InterruptBlock block;  // Before the client, which starts threads.
  ImageClient client(server);
  const absl::Time start = absl::Now();
  for (size_t i = 0; i < requests.size(); ++i) {
    report.prompts[i].request = requests[i];
    client.GenerateImages(requests[i], [&answers, i](ImageClient::Reply reply) {
      answers.Post({i, std::move(reply)});
    });
  }
  InterruptWatcher watcher([&client] { client.CancelAll(); });
  Progress progress(std::cerr, StderrIsTerminal(), ImageCount(requests));
  for (size_t pending = requests.size(); pending > 0; --pending) {
    Answer answer = answers.Take();
    PromptOutcome& outcome = report.prompts[answer.prompt_index];
    Settle(std::move(answer), folder, watcher.interrupted(), outcome, progress);
  }
  if (watcher.interrupted()) progress.Note("interrupted");
  report.elapsed = absl::Now() - start;
  return report;
}

absl::Status WriteContactSheet(const GenerateReport& report, const std::string& path) {
  std::vector<std::vector<RgbImage>> rows;
  for (const PromptOutcome& prompt : report.prompts) {
    rows.emplace_back();
    for (size_t i = 0; i < prompt.files.size(); ++i) {
      absl::StatusOr<RgbImage> image = DecodeImage(prompt.reply.images(static_cast<int>(i)));
      if (!image.ok()) return image.status();
      rows.back().push_back(*std::move(image));
    }
  }
  const absl::StatusOr<RgbImage> sheet = ArrangeSheet(rows);
  if (!sheet.ok()) return sheet.status();
  const absl::StatusOr<std::string> png = EncodePng(*sheet);
  if (!png.ok()) return png.status();
  return WriteFile(path, *png);
}

}  // namespace

ExitStatus RunGenerate(const GenerateFlags& flags, const std::string& server, bool json) {
  const absl::StatusOr<Requests> requests = MakeRequests(flags);
  if (!requests.ok()) {
    PrintError(requests.status());
    return kUsage;
  }
  if (absl::Status made = MakeFolder(flags.output); !made.ok()) {
    PrintError(made);
    return kFailed;
  }
  GenerateReport report = SendAll(*requests, server, flags.output);
  bool ok = true;
  bool any_image = false;
  for (const PromptOutcome& prompt : report.prompts) {
    ok = ok && prompt.status.ok();
    any_image = any_image || !prompt.files.empty();
  }
  if (!flags.grid.empty() && any_image) {
    const std::string path = PathIn(flags.output, flags.grid);
    if (absl::Status written = WriteContactSheet(report, path); written.ok()) {
      report.contact_sheet = path;
    } else {
      PrintError(written);
      ok = false;
    }
  }
  std::cout << (json ? ToJson(report) : ToText(report)) << std::flush;
  return ok && std::cout.good() ? kDone : kFailed;
}

}  // namespace darkroom
