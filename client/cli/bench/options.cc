#include "client/cli/bench/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/duration_flag.h"
#include "client/cli/text.h"

namespace darkroom {
namespace {

constexpr double kMaxArrivals = 1e7;
constexpr size_t kValueInErrors = 40;

absl::Status BadValue(absl::string_view flag, absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      flag, ": \"", ForTerminal(Shortened(text, kValueInErrors)), "\" is not ", expected));
}

absl::Status SetDuration(absl::string_view flag, const std::string& text, absl::Duration least,
                         absl::Duration& duration) {
  const absl::StatusOr<absl::Duration> parsed = ParseDurationFlag(flag, text, least);
  if (parsed.ok()) duration = *parsed;
  return parsed.status();
}

absl::Status SetMix(const std::string& name, RequestMix& mix) {
  absl::StatusOr<RequestMix> loaded = LoadMix(name);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--mix: ", loaded.status().message()));
  }
  mix = *std::move(loaded);
  return absl::OkStatus();
}

// So that a long run does not end without its report.
absl::Status CheckFolder(absl::string_view flag, const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return absl::OkStatus();
  return BadValue(flag, file, "in a folder that exists");
}

absl::Status CheckCounts(const BenchSettings& settings) {
  const absl::Duration span = settings.warmup + settings.duration;
  if (settings.rate * absl::ToDoubleSeconds(span) <= kMaxArrivals) return absl::OkStatus();
  return absl::InvalidArgumentError("--rate and --duration make more than 10 million requests");
}

}  // namespace

void AddBenchFlags(CLI::App& command, BenchFlags& flags) {
  const auto add = [&command](const std::string& name, std::string& value, const std::string& type,
                              const std::string& help) {
    return command.add_option(name, value, help)->type_name(type);
  };
  add("--rate", flags.rate, "R", "Requests a second, on average")->required();
  add("--duration", flags.duration, "DURATION", "How long requests arrive")->capture_default_str();
  add("--warmup", flags.warmup, "DURATION", "How long they arrive before, without being counted")
      ->capture_default_str();
  add("--mix", flags.mix, "MIX",
      absl::StrCat("What to ask for: ", absl::StrJoin(BuiltInMixes(), ", "), " or a JSON file"))
      ->capture_default_str();
  add("--seed", flags.seed, "S", "Decides arrivals, kinds, prompts and the images' seeds")
      ->capture_default_str();
  add("--deadline", flags.deadline, "DURATION", "Of each request, from its arrival; 0s: none")
      ->capture_default_str();
  add("--max-in-flight", flags.max_in_flight, "N",
      "Requests without an answer beyond which arrivals are dropped, and counted")
      ->capture_default_str();
  command.add_flag("--no-retries", flags.no_retries,
                   "Send every request once, to see what a server refuses");
  command.add_flag("--dry-run", flags.dry_run,
                   "Print the requests with their times, as a JSON object a line, and send none");
  // Without a file it is what --json is to the other commands.
  const CLI::callback_t take_json = [&flags](const CLI::results_t& files) {
    flags.json = files.empty() || files[0].empty() ? "-" : files[0];
    return true;
  };
  command.add_option("--json", take_json, "Also a report as JSON; -, or no file: instead of text")
      ->type_name("[FILE]")
      ->expected(0, 1);
  add("--plot", flags.plot, "FILE", "Also a plot of the latencies, as SVG");
}

absl::StatusOr<BenchSettings> MakeSettings(const BenchFlags& flags, const std::string& server) {
  BenchSettings settings{.server = server, .retries = !flags.no_retries};
  if (!absl::SimpleAtod(flags.rate, &settings.rate) || !std::isfinite(settings.rate) ||
      settings.rate <= 0) {
    return BadValue("--rate", flags.rate, "a number above 0");
  }
  if (!absl::SimpleAtoi(flags.seed, &settings.seed)) {
    return BadValue("--seed", flags.seed, "a whole number below 2^64");
  }
  if (!absl::SimpleAtoi(flags.max_in_flight, &settings.max_in_flight) ||
      settings.max_in_flight == 0) {
    return BadValue("--max-in-flight", flags.max_in_flight, "a whole number above 0");
  }
  const absl::Status results[] = {
      SetDuration("--duration", flags.duration, absl::Milliseconds(1), settings.duration),
      SetDuration("--warmup", flags.warmup, absl::ZeroDuration(), settings.warmup),
      SetDuration("--deadline", flags.deadline, absl::ZeroDuration(), settings.deadline),
      CheckCounts(settings),
      SetMix(flags.mix, settings.mix),
      CheckFolder("--json", flags.json.value_or("-")),
      CheckFolder("--plot", flags.plot),
  };
  for (const absl::Status& result : results) {
    if (!result.ok()) return result;
  }
  if (settings.deadline == absl::ZeroDuration()) settings.deadline = absl::InfiniteDuration();
  return settings;
}

}  // namespace darkroom
