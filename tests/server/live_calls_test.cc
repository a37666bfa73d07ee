#include "server/live_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/manual_clock.h"
#include "tests/support/seeded_random.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FakeCall : public LiveCall {
 public:
  void Abort(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    aborts_.push_back(status);
  }
  void OnTick(absl::Time now) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    ticks_.push_back(now);
  }

  std::vector<absl::Status> aborts() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return aborts_;
  }
  std::vector<absl::Time> ticks() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return ticks_;
  }

 private:
  mutable absl::Mutex mu_;
  std::vector<absl::Status> aborts_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Time> ticks_ ABSL_GUARDED_BY(mu_);
};

// Ends at once, whatever it hears.
class LeavingCall final : public FakeCall {
 public:
  explicit LeavingCall(LiveCalls& calls) : calls_(calls) {}

  void Abort(const absl::Status& status) override {
    FakeCall::Abort(status);
    calls_.Remove(*this);
  }
  void OnTick(absl::Time now) override {
    FakeCall::OnTick(now);
    calls_.Remove(*this);
  }

 private:
  LiveCalls& calls_;
};

const absl::Status kDown = absl::UnavailableError("down");
constexpr absl::Time kStart = absl::UnixEpoch();

TEST(LiveCallsTest, AbortReachesAllThatAreThereAndAllThatCome) {
  LiveCalls calls;
  const auto early = std::make_shared<FakeCall>();
  const auto late = std::make_shared<FakeCall>();
  calls.Add(early);
  EXPECT_THAT(early->aborts(), IsEmpty());
  calls.AbortAll(kDown);
  calls.Add(late);
  EXPECT_THAT(early->aborts(), ElementsAre(kDown));
  EXPECT_THAT(late->aborts(), ElementsAre(kDown));
}

TEST(LiveCallsTest, TheFirstReasonStays) {
  LiveCalls calls;
  calls.AbortAll(kDown);
  calls.AbortAll(absl::UnavailableError("for another reason"));
  const auto late = std::make_shared<FakeCall>();
  calls.Add(late);
  EXPECT_THAT(late->aborts(), ElementsAre(kDown));
}

TEST(LiveCallsTest, TicksReachWhoIsThere) {
  LiveCalls calls;
  const auto stays = std::make_shared<FakeCall>();
  const auto leaves = std::make_shared<FakeCall>();
  calls.Add(stays);
  calls.Add(leaves);
  calls.Tick(kStart);
  calls.Remove(*leaves);
  calls.Tick(kStart + absl::Seconds(1));
  EXPECT_THAT(stays->ticks(), ElementsAre(kStart, kStart + absl::Seconds(1)));
  EXPECT_THAT(leaves->ticks(), ElementsAre(kStart));
}

TEST(LiveCallsTest, ACallMayEndWhileItHears) {
  LiveCalls calls;
  const auto ticked = std::make_shared<LeavingCall>(calls);
  calls.Add(ticked);
  calls.Tick(kStart);
  calls.Tick(kStart);
  EXPECT_THAT(ticked->ticks(), SizeIs(1));
  const auto aborted = std::make_shared<LeavingCall>(calls);
  calls.Add(aborted);
  calls.AbortAll(kDown);
  calls.AbortAll(kDown);
  EXPECT_THAT(aborted->aborts(), SizeIs(1));
}

TEST(LiveCallsTest, ACallThatIsNoMoreIsLeftAlone) {
  LiveCalls calls;
  calls.Add(std::make_shared<FakeCall>());
  calls.Tick(kStart);
  calls.AbortAll(kDown);
}

TEST(LiveCallsTest, AwaitNoneReturnsWithTheLastCall) {
  LiveCalls calls;
  ManualClock clock;
  calls.AwaitNone(absl::InfiniteFuture(), clock);
  const auto one = std::make_shared<FakeCall>();
  const auto other = std::make_shared<FakeCall>();
  calls.Add(one);
  calls.Add(other);
  std::thread waiting([&] { calls.AwaitNone(absl::InfiniteFuture(), clock); });
  clock.AwaitSleeperUntil(absl::InfiniteFuture());
  calls.Remove(*one);
  calls.Remove(*other);
  waiting.join();
}

TEST(LiveCallsTest, AwaitNoneReturnsAtItsDeadline) {
  LiveCalls calls;
  ManualClock clock;
  const absl::Time deadline = clock.TimeNow() + absl::Seconds(1);
  const auto stays = std::make_shared<FakeCall>();
  calls.Add(stays);
  std::thread waiting([&] { calls.AwaitNone(deadline, clock); });
  clock.AwaitSleeperUntil(deadline);
  clock.AdvanceTime(absl::Seconds(1));
  waiting.join();
}

TEST(LiveCallsTest, NoCallEscapesAnAbortHoweverTheyComeAndGo) {
  SeededRandom seeds;
  for (int round = 0; round < 50; ++round) {
    LiveCalls calls;
    std::vector<std::vector<std::shared_ptr<FakeCall>>> staying(4);
    std::vector<std::thread> threads;
    for (auto& stay : staying) {
      threads.emplace_back([&calls, &stay, seed = seeds.Bits()] {
        std::minstd_rand draw(static_cast<unsigned>(seed));
        for (int i = 0; i < 200; ++i) {
          const auto call = std::make_shared<FakeCall>();
          calls.Add(call);
          if (draw() % 2 == 0) {
            calls.Remove(*call);
          } else {
            stay.push_back(call);
          }
        }
      });
    }
    for (size_t ticks = seeds.Between(0, 20); ticks > 0; --ticks) calls.Tick(kStart);
    calls.AbortAll(kDown);
    for (std::thread& thread : threads) thread.join();
    for (const auto& stay : staying) {
      for (const auto& call : stay) {
        // Twice, when it comes in the very moment.
        ASSERT_THAT(call->aborts(), testing::AllOf(SizeIs(testing::Ge(1)), testing::Each(kDown)));
        ASSERT_THAT(call->aborts(), SizeIs(testing::Le(2)));
      }
    }
  }
}

}  // namespace
}  // namespace darkroom
