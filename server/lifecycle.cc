#include "server/lifecycle.h"

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/logging.h"

namespace darkroom {
namespace {

using Kind = StopEvent::Kind;

constexpr absl::Duration kAnswerPatience = absl::Milliseconds(500);
constexpr absl::Duration kWatchPatience = absl::Milliseconds(100);  // For watches of the health.
constexpr absl::Duration kLastPatience = absl::Milliseconds(1500);

// Answers every call that is left, and gives the answers time to leave.
void AbortCalls(const Running& running, const absl::Status& why) {
  Clock& clock = SteadyClock();
  running.calls.AbortAll(why);
  running.calls.AwaitNone(clock.TimeNow() + kAnswerPatience, clock);
}

void Drain(const Running& running) {
  absl::SleepFor(running.drain.lame_duck);
  LogEvent(LogLevel::kInfo, "draining");
  running.devices.Drain(running.drain.timeout);
  running.codecs.AwaitIdle();
  // Answers that slow readers have yet to take.
  Clock& clock = SteadyClock();
  running.calls.AwaitNone(clock.TimeNow() + running.drain.timeout, clock);
  AbortCalls(running, absl::UnavailableError("the server is shutting down"));
  running.server.Shutdown();
  running.codecs.AwaitIdle();  // Of calls that Shutdown has cut short.
  running.events.Post({.kind = Kind::kDrained});
}

[[noreturn]] void EndNow(const Running& running, ExitCode code, const absl::Status& why) {
  LogEvent(code == ExitCode::kClean ? LogLevel::kWarning : LogLevel::kError, "ending_now",
           {{"why", std::string(why.message())}});
  std::thread([code] {
    absl::SleepFor(kLastPatience);
    std::_Exit(static_cast<int>(code));
  }).detach();
  running.server.SetNotReady();
  AbortCalls(running, why);
  absl::SleepFor(kWatchPatience);
  running.server.Shutdown();
  StopLogging();
  std::_Exit(static_cast<int>(code));
}

[[noreturn]] void EndNow(const Running& running, const StopEvent& event) {
  running.metrics.state.SetReady(false);
  if (event.kind == Kind::kFailure) EndNow(running, ExitCode::kFailed, event.failure);
  EndNow(running, ExitCode::kClean, absl::UnavailableError("the server is shutting down at once"));
}

}  // namespace

ExitCode Fail(ExitCode code, const absl::Status& why) {
  LogEvent(LogLevel::kError, "failed", {{"error", std::string(why.message())}});
  return code;
}

void PrintReady(const ModelInfo& model, const std::vector<std::string>& devices,
                const MetricsEndpoint& metrics, const GrpcServer& server) {
  std::printf("metrics on %s\n", metrics.address().c_str());
  if (!server.health_address().empty()) {
    std::printf("health on %s\n", server.health_address().c_str());
  }
  for (const std::string& address : server.addresses()) {
    std::printf("darkroom-server ready on %s (model %s, device %s)\n", address.c_str(),
                model.id.c_str(), absl::StrJoin(devices, ",").c_str());
  }
  std::fflush(stdout);
}

ExitCode RunUntilStopped(const Running& running) {
  const StopEvent first = running.events.Next();
  if (first.kind == Kind::kFailure) EndNow(running, first);
  LogEvent(LogLevel::kInfo, "stopping", {{"signal", first.signal}});
  running.metrics.state.SetReady(false);
  running.metrics.state.SetDraining();
  running.server.SetNotReady();
  std::thread drain(Drain, running);
  const StopEvent second = running.events.Next();
  if (second.kind != Kind::kDrained) EndNow(running, second);
  drain.join();
  LogEvent(LogLevel::kInfo, "stopped");
  return ExitCode::kClean;
}

}  // namespace darkroom
