#include "client/cli/bench/bench_command.h"

#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/bench/plot.h"
#include "client/cli/bench/progress_line.h"
#include "client/cli/bench/report.h"
#include "client/cli/interrupt.h"
#include "client/cli/output_files.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/cpp/channel.h"
#include "client/cpp/image_client.h"

namespace darkroom {
namespace {

constexpr absl::Duration kReachTimeout = absl::Seconds(10);

void PrintError(absl::string_view message) {
  std::cerr << "darkroom bench: " << ForTerminal(message) << std::endl;
}

void PrintSchedule(const std::vector<Arrival>& schedule, const RequestMix& mix) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  for (const Arrival& arrival : schedule) {
    std::string request;
    // Fails for what is no message alone.
    (void)google::protobuf::util::MessageToJsonString(RequestOf(arrival, mix), &request, options);
    const nlohmann::json line = {{"at_seconds", absl::ToDoubleSeconds(arrival.at)},
                                 {"kind", mix.kinds[arrival.kind].name},
                                 {"request", nlohmann::json::parse(request)}};
    std::cout << line << "\n";
  }
  std::cout << std::flush;
}

std::string ProgressText(const LoadDriver::Counts& counts, absl::Duration elapsed) {
  std::string text =
      absl::StrCat(absl::FormatDuration(absl::Trunc(elapsed, absl::Seconds(1))), ": ", counts.sent,
                   " sent, ", counts.sent - counts.answered, " in flight");
  if (counts.dropped > 0) absl::StrAppend(&text, ", ", counts.dropped, " dropped");
  return text;
}

// Sends everything; nothing when the server cannot be reached.
absl::StatusOr<BenchRun> Play(const BenchSettings& settings, std::vector<Arrival> schedule) {
  BenchRun run{.settings = settings, .schedule = std::move(schedule)};
  InterruptBlock block;  // Before the client, which starts threads.
  ImageClient client(MakeChannel(settings.server, settings.retries ? Retries::kOn : Retries::kOff));
  absl::StatusOr<v1::GetModelResponse> model = client.GetModel(absl::Now() + kReachTimeout);
  if (!model.ok()) return model.status();
  run.model = *std::move(model);

  LoadDriver driver(settings.deadline, settings.max_in_flight,
                    [&client](v1::GenerateImagesRequest request, ImageClient::Callback done,
                              absl::Duration patience) {
                      client.GenerateImages(std::move(request), std::move(done),
                                            absl::Now() + patience);
                    });
  InterruptWatcher watcher([&] {
    driver.Stop();
    client.CancelAll();
  });
  run.started = absl::Now();
  std::optional<ProgressLine> progress;
  if (StderrIsTerminal()) {
    progress.emplace(std::cerr, [&driver, start = run.started] {
      return ProgressText(driver.counts(), absl::Now() - start);
    });
  }
  run.outcomes = driver.Run(run.schedule, run.settings.mix);
  progress.reset();
  run.elapsed = driver.elapsed();
  run.interrupted = watcher.interrupted();
  return run;
}

bool Write(const std::string& file, const std::string& text) {
  const absl::Status written = WriteFile(file, text);
  if (!written.ok()) PrintError(written.message());
  return written.ok();
}

ExitStatus Report(const BenchRun& run, const BenchFlags& flags) {
  const BenchSummary summary = Summarize(run);
  const bool json_alone = flags.json == "-";
  std::cout << (json_alone ? ToJson(run, summary) : ToText(run, summary)) << std::flush;
  bool good = std::cout.good();
  if (flags.json.has_value() && !json_alone) good &= Write(*flags.json, ToJson(run, summary));
  if (!flags.plot.empty()) good &= Write(flags.plot, Plot(run, summary));
  if (run.interrupted) PrintError("interrupted");
  return good && !run.interrupted ? kDone : kFailed;
}

}  // namespace

ExitStatus RunBench(BenchFlags flags, const std::string& server, bool json) {
  if (json && !flags.json.has_value()) flags.json = "-";
  const absl::StatusOr<BenchSettings> settings = MakeSettings(flags, server);
  if (!settings.ok()) {
    PrintError(settings.status().message());
    return kUsage;
  }
  std::vector<Arrival> schedule = MakeSchedule(
      settings->rate, settings->warmup + settings->duration, settings->seed, settings->mix);
  if (schedule.empty()) {
    PrintError("no request arrives in so short a time at so low a rate");
    return kUsage;
  }
  if (flags.dry_run) {
    PrintSchedule(schedule, settings->mix);
    return std::cout.good() ? kDone : kFailed;
  }
  const absl::StatusOr<BenchRun> run = Play(*settings, std::move(schedule));
  if (!run.ok()) {
    PrintError(run.status().ToString());
    return kFailed;
  }
  return Report(*run, flags);
}

}  // namespace darkroom
