#include "server/logging.h"

#include <grpc/support/log.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/status_details.h"

namespace darkroom {
namespace {

constexpr size_t kQueuedLines = 8192;
constexpr size_t kMaxGrpcMessage = 200;

bool g_json = false;  // Set once, before any thread logs.

const char* Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
  }
  return "error";
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string Dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

std::string Line(LogLevel level, std::string_view event, const LogFields& fields) {
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string name(event);
  if (g_json) {
    nlohmann::json line = {{"ts", time}, {"level", Name(level)}, {"event", name}};
    line.update(fields);
    return Dump(line);
  }
  std::string line = absl::StrCat(time, " ", Name(level), " ", name);
  for (const auto& [key, value] : fields.items()) {
    absl::StrAppend(&line, " ", key, "=", Dump(value));
  }
  return line;
}

// gRPC's own lines would be of another form. What it calls an error is often a caller's.
void LogOfGrpc(gpr_log_func_args* line) {
  LogEvent(line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug, "grpc",
           {{"message", Shortened(line->message, kMaxGrpcMessage)},
            {"at", absl::StrCat(line->file, ":", line->line)}});
}

}  // namespace

void StartLogging(const LogOptions& options) {
  g_json = options.json;
  spdlog::init_thread_pool(kQueuedLines, /*threads_n=*/1);
  const auto logger = spdlog::create_async_nb<spdlog::sinks::stderr_sink_mt>("darkroom");
  logger->set_pattern("%v");
  logger->set_level(ToSpdlog(options.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
  gpr_set_log_function(LogOfGrpc);
}

int64_t DroppedLines() {
  const auto pool = spdlog::thread_pool();
  return pool == nullptr ? 0 : static_cast<int64_t>(pool->overrun_counter());
}

void StopLogging() {
  gpr_set_log_function(nullptr);
  spdlog::shutdown();
}

void LogEvent(LogLevel level, std::string_view event, const LogFields& fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(ToSpdlog(level))) return;
  logger->log(ToSpdlog(level), "{}", Line(level, event, fields));
}

}  // namespace darkroom
