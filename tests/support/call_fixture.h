#ifndef DARKROOM_TESTS_SUPPORT_CALL_FIXTURE_H_
#define DARKROOM_TESTS_SUPPORT_CALL_FIXTURE_H_

#include <memory>
#include <utility>
#include <vector>

#include "server/call.h"
#include "server/watchdog.h"
#include "tests/support/fake_image_generator.h"

namespace darkroom {

// Everything that calls need, around a fake generator.
struct CallFixture {
  explicit CallFixture(const ContentFilter* filter = nullptr, Clock& clock = SteadyClock())
      : filter(filter), clock(clock) {}

  static std::vector<std::unique_ptr<DeviceWorker>> OneWorker(CallFixture& self) {
    std::vector<std::unique_ptr<DeviceWorker>> workers;
    workers.push_back(std::make_unique<DeviceWorker>(
        self.generator, BatchOptions{.window = absl::ZeroDuration()}, DeviceProfile(), self.clock,
        self.metrics, [](const absl::Status&) {}));
    return workers;
  }

  const ContentFilter* filter;
  Clock& clock;
  FakeImageGenerator generator;
  RequestRules request_rules;
  CallRules call_rules;
  Metrics metrics{generator.info(), 256};
  CodecPool codecs{/*threads=*/1, /*max_waiting=*/64};
  DevicePool devices{OneWorker(*this)};
  Authenticator authenticator;
  LiveCalls calls;
  GenerationDesk desk{{generator.info(), clock, devices, codecs, metrics, filter}, request_rules};
  CallContext context{call_rules, clock, authenticator, desk, calls, metrics};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_CALL_FIXTURE_H_
