#include "client/cli/health_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "client/cli/duration_flag.h"
#include "client/cli/text.h"
#include "client/cpp/channel.h"
#include "client/cpp/health_check.h"

namespace darkroom {
namespace {

const char* Name(Health health) {
  switch (health) {
    case Health::kServing: return "SERVING";
    case Health::kNotServing: return "NOT_SERVING";
    case Health::kUnknown: break;
  }
  return "UNKNOWN";
}

ExitStatus Fail(const std::string& message, ExitStatus status) {
  std::cerr << "darkroom health: " << ForTerminal(message) << std::endl;
  return status;
}

}  // namespace

void AddHealthFlags(CLI::App& command, HealthFlags& flags) {
  command.add_option("--service", flags.service, "Whose health; \"\" is the server as a whole")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--timeout", flags.timeout, "How long to wait for the answer")
      ->type_name("DURATION")
      ->capture_default_str();
}

ExitStatus RunHealth(const HealthFlags& flags, const std::string& server, bool json) {
  if (!IsUtf8(flags.service)) return Fail("--service is not UTF-8 text", kUsage);
  const absl::StatusOr<absl::Duration> timeout =
      ParseDurationFlag("--timeout", flags.timeout, absl::Milliseconds(1));
  if (!timeout.ok()) return Fail(std::string(timeout.status().message()), kUsage);

  const absl::StatusOr<Health> health =
      CheckHealth(MakeChannel(server), flags.service, absl::Now() + *timeout);
  if (!health.ok()) return Fail(health.status().ToString(), kFailed);
  if (json) {
    std::cout << nlohmann::json{{"service", flags.service}, {"status", Name(*health)}} << std::endl;
  } else {
    std::cout << Name(*health) << std::endl;
  }
  return *health == Health::kServing && std::cout.good() ? kDone : kFailed;
}

}  // namespace darkroom
