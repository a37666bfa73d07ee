#ifndef DARKROOM_TESTS_SUPPORT_NULL_OBSERVER_H_
#define DARKROOM_TESTS_SUPPORT_NULL_OBSERVER_H_

#include "batcher/batch_observer.h"

namespace darkroom {

// Looks away.
class NullObserver : public BatchObserver {
 public:
  void OnHouse(const HouseCounts&) override {}
  void OnQueueWait(Priority, int64_t, absl::Duration) override {}
  void OnStart(StartTrigger, absl::Duration) override {}
  void OnPass(const PassReport&) override {}
  void OnFailedCall(const absl::Status&, bool) override {}
  void OnLostRow(const LostRow&) override {}
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_NULL_OBSERVER_H_
