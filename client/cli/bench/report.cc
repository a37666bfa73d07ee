#include "client/cli/bench/report.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

using nlohmann::json;

std::string Answers(const BenchSummary& summary) {
  std::vector<std::string> parts;
  for (const auto& [answer, count] : summary.answers) {
    const auto& [code, reason] = answer;
    parts.push_back(absl::StrCat(count, " ", code, reason.empty() ? "" : " ", reason));
  }
  return parts.empty() ? "none" : absl::StrJoin(parts, ", ");
}

std::string TimesLine(absl::string_view name, const Distribution& times) {
  if (times.count == 0) return absl::StrFormat("%-12s no values\n", name);
  return absl::StrFormat("%-12s %8.3f %8.3f %8.3f %8.3f %8.3f %8.3f %8.3f\n", name, times.mean,
                         times.p50, times.p90, times.p95, times.p99, times.p999, times.max);
}

std::string KindLines(const BenchSummary& summary) {
  size_t width = 4;
  for (const KindSummary& kind : summary.kinds) width = std::max(width, kind.name.size());
  std::string text = absl::StrFormat("\n%-*s %8s %8s %8s %8s %8s\n", width, "kind", "arrived", "OK",
                                     "p50", "p99", "max");
  for (const KindSummary& kind : summary.kinds) {
    absl::StrAppendFormat(&text, "%-*s %8d %8d %8.3f %8.3f %8.3f\n", width, ForTerminal(kind.name),
                          kind.arrived, kind.latency.count, kind.latency.p50, kind.latency.p99,
                          kind.latency.max);
  }
  return text;
}

json TimesJson(const Distribution& times) {
  json object = {{"count", times.count}};
  const std::pair<const char*, double> values[] = {
      {"mean", times.mean}, {"p50", times.p50},    {"p90", times.p90}, {"p95", times.p95},
      {"p99", times.p99},   {"p99.9", times.p999}, {"max", times.max}};
  for (const auto& [name, value] : values) {
    object[name] = times.count == 0 ? json(nullptr) : json(value);
  }
  return object;
}

json SettingsJson(const BenchSettings& settings) {
  json deadline = nullptr;
  if (settings.deadline != absl::InfiniteDuration()) {
    deadline = absl::ToDoubleSeconds(settings.deadline);
  }
  json kinds = json::array();
  for (const RequestKind& kind : settings.mix.kinds) {
    kinds.push_back({{"name", kind.name}, {"weight", kind.weight}});
  }
  return {{"server", settings.server},
          {"rate", settings.rate},
          {"duration_seconds", absl::ToDoubleSeconds(settings.duration)},
          {"warmup_seconds", absl::ToDoubleSeconds(settings.warmup)},
          {"deadline_seconds", deadline},
          {"seed", settings.seed},
          {"max_in_flight", settings.max_in_flight},
          {"retries", settings.retries},
          {"mix", {{"name", settings.mix.name}, {"kinds", kinds}}}};
}

json ModelJson(const v1::GetModelResponse& model) {
  return {{"id", model.id()},
          {"hash", model.hash()},
          {"devices", std::vector<std::string>(model.devices().begin(), model.devices().end())},
          {"dtype", model.dtype()},
          {"server_version", model.server_version()}};
}

json AnswersJson(const BenchSummary& summary) {
  json answers = json::array();
  for (const auto& [answer, count] : summary.answers) {
    const auto& [code, reason] = answer;
    answers.push_back({{"code", code},
                       {"reason", reason.empty() ? json(nullptr) : json(reason)},
                       {"count", count}});
  }
  return answers;
}

json KindsJson(const BenchSummary& summary) {
  json kinds = json::array();
  for (const KindSummary& kind : summary.kinds) {
    kinds.push_back({{"name", kind.name},
                     {"arrived", kind.arrived},
                     {"latency_seconds", TimesJson(kind.latency)}});
  }
  return kinds;
}

}  // namespace

std::string Title(const BenchRun& run) {
  const BenchSettings& settings = run.settings;
  const std::string mix = std::filesystem::path(settings.mix.name).filename();
  return ForTerminal(absl::StrFormat("%s: %g requests/s for %s, seed %d, to %s (%s on %s)", mix,
                                     settings.rate, absl::FormatDuration(settings.duration),
                                     settings.seed, settings.server, run.model.id(),
                                     absl::StrJoin(run.model.devices(), ", ")));
}

std::string ToText(const BenchRun& run, const BenchSummary& summary) {
  std::string text = absl::StrCat(Title(run), "\n\n");
  absl::StrAppendFormat(&text, "%-12s %d arrived, %d sent", "requests", summary.arrived,
                        summary.sent);
  if (summary.dropped > 0) {
    absl::StrAppendFormat(&text, ", %d dropped because %d others were in flight", summary.dropped,
                          run.settings.max_in_flight);
  }
  if (summary.unsent > 0) absl::StrAppendFormat(&text, ", %d unsent", summary.unsent);
  absl::StrAppendFormat(&text, "\n%-12s %s\n", "answers", Answers(summary));
  absl::StrAppendFormat(&text, "%-12s %.2f requests/s and %.2f images/s", "throughput",
                        summary.PerSecond(summary.ok()), summary.PerSecond(summary.images));
  absl::StrAppendFormat(&text, ", %.2f images/s in time, in %.1f s\n",
                        summary.PerSecond(summary.images_in_time), summary.seconds);
  if (summary.batches.has_value()) {
    absl::StrAppendFormat(&text, "%-12s %d to %d rows, %.2f on average\n", "passes",
                          summary.batches->min, summary.batches->max, summary.batches->mean);
  }
  absl::StrAppendFormat(&text, "\n%-12s %8s %8s %8s %8s %8s %8s %8s\n", "seconds", "mean", "p50",
                        "p90", "p95", "p99", "p99.9", "max");
  absl::StrAppend(&text, TimesLine("latency", summary.latency),
                  TimesLine("queue wait", summary.queue_wait),
                  TimesLine("sent late", summary.lateness));
  return absl::StrCat(text, KindLines(summary));
}

std::string ToJson(const BenchRun& run, const BenchSummary& summary) {
  json batches = nullptr;
  if (summary.batches.has_value()) {
    batches = {{"min", summary.batches->min},
               {"mean", summary.batches->mean},
               {"max", summary.batches->max}};
  }
  const json object = {
      {"settings", SettingsJson(run.settings)},
      {"model", ModelJson(run.model)},
      {"started", absl::FormatTime(absl::RFC3339_full, run.started, absl::UTCTimeZone())},
      {"interrupted", run.interrupted},
      {"seconds", summary.seconds},
      {"requests",
       {{"arrived", summary.arrived},
        {"sent", summary.sent},
        {"dropped", summary.dropped},
        {"unsent", summary.unsent}}},
      {"answers", AnswersJson(summary)},
      {"latency_seconds", TimesJson(summary.latency)},
      {"queue_wait_seconds", TimesJson(summary.queue_wait)},
      {"sent_late_seconds", TimesJson(summary.lateness)},
      {"images", summary.images},
      {"requests_per_second", summary.PerSecond(summary.ok())},
      {"images_per_second", summary.PerSecond(summary.images)},
      {"goodput_images_per_second", summary.PerSecond(summary.images_in_time)},
      {"batch_sizes", batches},
      {"kinds", KindsJson(summary)}};
  return object.dump(/*indent=*/2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) +
         "\n";
}

}  // namespace darkroom
