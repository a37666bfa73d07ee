#include "client/cli/bench/load_driver.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"

namespace darkroom {
namespace {

using Fate = Outcome::Fate;

std::vector<Arrival> At(const std::vector<int>& milliseconds) {
  std::vector<Arrival> schedule;
  for (int at : milliseconds) schedule.push_back({.at = absl::Milliseconds(at)});
  return schedule;
}

RequestMix OneKind() { return {.kinds = {{.name = "kind", .prompts = {"a cat"}}}}; }

// Keeps what is sent until it is told to answer.
class Server {
 public:
  LoadDriver::Send Sender() {
    return [this](v1::GenerateImagesRequest request, ImageClient::Callback done, absl::Duration) {
      absl::MutexLock lock(&mu_);
      waiting_.push_back(std::move(done));
      requests_.push_back(std::move(request));
    };
  }

  void AwaitRequests(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&] { return requests_.size() >= count; };
    mu_.Await(absl::Condition(&enough));
  }

  void AnswerAll(const ImageClient::Reply& reply = v1::GenerateImagesResponse()) {
    std::vector<ImageClient::Callback> callbacks;
    {
      absl::MutexLock lock(&mu_);
      callbacks.swap(waiting_);
    }
    for (ImageClient::Callback& done : callbacks) std::move(done)(reply);
  }

  std::vector<v1::GenerateImagesRequest> requests() {
    absl::MutexLock lock(&mu_);
    return requests_;
  }

 private:
  absl::Mutex mu_;
  std::vector<ImageClient::Callback> waiting_;
  std::vector<v1::GenerateImagesRequest> requests_;
};

TEST(LoadDriverTest, ArrivalsAreSentWhateverWasAnswered) {
  Server server;
  LoadDriver driver(absl::InfiniteDuration(), 100, server.Sender());
  std::thread answers([&] {
    server.AwaitRequests(4);  // All come, though none is answered.
    server.AnswerAll();
  });
  const std::vector<Outcome> outcomes = driver.Run(At({0, 5, 10, 30}), OneKind());
  answers.join();
  ASSERT_EQ(outcomes.size(), 4u);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.fate, Fate::kAnswered);
    EXPECT_GE(outcome.lateness, absl::ZeroDuration());  // Never before its time.
  }
  EXPECT_GE(driver.elapsed(), absl::Milliseconds(30));
  // The first waited for the last to arrive.
  EXPECT_GE(outcomes[0].latency, absl::Milliseconds(30));
}

// A machine that stalls for a while must not make the latencies look better.
TEST(LoadDriverTest, LatencyAndDeadlineCountFromTheArrival) {
  absl::Duration patience_of_last;
  LoadDriver driver(absl::Seconds(60), 100,
                    [&, calls = 0](v1::GenerateImagesRequest, ImageClient::Callback done,
                                   absl::Duration patience) mutable {
                      if (calls++ == 0) absl::SleepFor(absl::Milliseconds(200));
                      patience_of_last = patience;
                      std::move(done)(v1::GenerateImagesResponse());
                    });
  const std::vector<Outcome> outcomes = driver.Run(At({0, 50, 100}), OneKind());
  EXPECT_GE(outcomes[0].latency, absl::Milliseconds(200));
  EXPECT_GE(outcomes[1].latency, absl::Milliseconds(150));
  EXPECT_GE(outcomes[2].latency, absl::Milliseconds(100));
  EXPECT_GE(outcomes[1].lateness, absl::Milliseconds(150));
  EXPECT_EQ(patience_of_last, absl::Seconds(60) - outcomes[2].lateness);
}

TEST(LoadDriverTest, ArrivalsBeyondTheBoundAreDroppedAndCounted) {
  Server server;
  LoadDriver driver(absl::InfiniteDuration(), 2, server.Sender());
  std::thread answers([&] {
    while (driver.counts().dropped < 3) absl::SleepFor(absl::Milliseconds(1));
    server.AnswerAll();
    server.AwaitRequests(3);  // The bound holds for what is in flight alone.
    server.AnswerAll();
  });
  const std::vector<Outcome> outcomes = driver.Run(At({0, 0, 0, 0, 0, 2000}), OneKind());
  answers.join();
  std::vector<Fate> fates;
  for (const Outcome& outcome : outcomes) fates.push_back(outcome.fate);
  const std::vector<Fate> expected = {Fate::kAnswered, Fate::kAnswered, Fate::kDropped,
                                      Fate::kDropped,  Fate::kDropped,  Fate::kAnswered};
  EXPECT_EQ(fates, expected);
  EXPECT_EQ(driver.counts().sent, 3u);
  EXPECT_EQ(driver.counts().answered, 3u);
}

TEST(LoadDriverTest, StopEndsTheSendingAndRunWaitsForTheRest) {
  Server server;
  LoadDriver driver(absl::InfiniteDuration(), 100, server.Sender());
  std::thread stop([&] {
    server.AwaitRequests(2);
    driver.Stop();
    EXPECT_EQ(server.requests().size(), 2u);
    server.AnswerAll(absl::CancelledError());
  });
  const std::vector<Outcome> outcomes = driver.Run(At({0, 1, 3'600'000}), OneKind());
  stop.join();
  EXPECT_EQ(outcomes[0].code, absl::StatusCode::kCancelled);
  EXPECT_EQ(outcomes[1].fate, Fate::kAnswered);
  EXPECT_EQ(outcomes[2].fate, Fate::kUnsent);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(LoadDriverTest, AnAnswersFiguresAreKept) {
  Server server;
  LoadDriver driver(absl::InfiniteDuration(), 100, server.Sender());
  v1::GenerateImagesResponse reply;
  reply.add_images();
  reply.add_images();
  reply.mutable_stats()->set_num_inference_steps(9);
  reply.mutable_stats()->mutable_batch_sizes()->set_mean(2.5);
  reply.mutable_stats()->mutable_queue_wait()->set_seconds(1);
  reply.mutable_stats()->mutable_queue_wait()->set_nanos(500'000'000);
  std::thread answers([&] {
    server.AwaitRequests(1);
    server.AnswerAll(reply);
  });
  const Outcome outcome = driver.Run(At({0}), OneKind())[0];
  answers.join();
  EXPECT_EQ(outcome.code, absl::StatusCode::kOk);
  EXPECT_EQ(outcome.images, 2u);
  EXPECT_EQ(outcome.steps, 9u);
  EXPECT_EQ(outcome.batch_sizes.mean(), 2.5);
  EXPECT_EQ(outcome.queue_wait, absl::Milliseconds(1500));
}

TEST(LoadDriverTest, AFailuresReasonIsTheServers) {
  google::rpc::ErrorInfo info;
  info.set_reason("QUEUE_FULL");
  absl::Status full = absl::ResourceExhaustedError("full");
  full.SetPayload("type.googleapis.com/google.rpc.ErrorInfo", absl::Cord(info.SerializeAsString()));
  for (const absl::Status& status : {full, absl::UnavailableError("gone")}) {
    Server server;
    LoadDriver driver(absl::InfiniteDuration(), 100, server.Sender());
    std::thread answers([&] {
      server.AwaitRequests(1);
      server.AnswerAll(status);
    });
    const Outcome outcome = driver.Run(At({0}), OneKind())[0];
    answers.join();
    EXPECT_EQ(outcome.code, status.code());
    EXPECT_EQ(outcome.reason, status == full ? "QUEUE_FULL" : "");
  }
}

// Or the server would take two requests for one.
TEST(LoadDriverTest, IdsAreDifferentWithinARunAndBetweenRuns) {
  std::set<std::string> ids;
  for (int run = 0; run < 2; ++run) {
    LoadDriver driver(
        absl::InfiniteDuration(), 100,
        [&](v1::GenerateImagesRequest request, ImageClient::Callback done, absl::Duration) {
          ids.insert(request.request_id());
          std::move(done)(v1::GenerateImagesResponse());
        });
    driver.Run(At({0, 0, 0}), OneKind());
  }
  EXPECT_EQ(ids.size(), 6u);
}

}  // namespace
}  // namespace darkroom
