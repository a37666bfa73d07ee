#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 misreads an addition of strings in GoogleTest's printer of messages (its bug 105651).
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

#include "server/generation_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/status_details.h"
#include "tests/support/call_fixture.h"
#include "tests/support/manual_clock.h"
#include "tests/support/seeded_random.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;

const Caller kAnna = {.tenant = "anna"};
const Caller kBert = {.tenant = "bert"};

// Writes down what it hears.
class Listener final : public GenerationListener {
 public:
  void OnQueued(const std::string& request_id, absl::FunctionRef<QueuePlace()>) override {
    absl::MutexLock lock(&mu_);
    queued_.push_back(request_id);
  }
  void OnImage(const std::shared_ptr<const v1::Image>& image) override {
    absl::MutexLock lock(&mu_);
    images_[image->index()] = image;
  }
  void OnEnd(const GenerationResult& result) override {
    absl::MutexLock lock(&mu_);
    ends_.push_back(result);
  }

  GenerationResult AwaitEnd() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto has_ended = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !ends_.empty(); };
    mu_.Await(absl::Condition(&has_ended));
    return ends_.front();
  }

  std::vector<std::string> queued() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return queued_;
  }
  std::map<uint32_t, std::shared_ptr<const v1::Image>> images() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return images_;
  }
  std::vector<GenerationResult> ends() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return ends_;
  }

 private:
  mutable absl::Mutex mu_;
  std::vector<std::string> queued_ ABSL_GUARDED_BY(mu_);
  std::map<uint32_t, std::shared_ptr<const v1::Image>> images_ ABSL_GUARDED_BY(mu_);
  std::vector<GenerationResult> ends_ ABSL_GUARDED_BY(mu_);
};

v1::GenerateImagesRequest MakeRequest(const std::string& request_id,
                                      const std::string& prompt = "an apple", uint32_t images = 1) {
  v1::GenerateImagesRequest request;
  request.set_request_id(request_id);
  request.set_prompt(prompt);
  request.set_seed(7);
  request.set_num_images(images);
  request.set_num_inference_steps(2);
  request.mutable_output()->set_format(v1::IMAGE_FORMAT_RAW_RGB);
  return request;
}

class GenerationDeskTest : public testing::Test {
 protected:
  // Who asked, and what for.
  struct Opened {
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    absl::StatusOr<std::shared_ptr<Generation>> generation;

    void Leave() const { (*generation)->Leave(*listener); }
  };

  Opened Open(const v1::GenerateImagesRequest& request, const Caller& caller = kAnna,
              absl::Time deadline = absl::InfiniteFuture()) {
    Opened opened;
    opened.generation = fixture_.desk.Open(request, caller, deadline, opened.listener);
    if (opened.generation.ok()) (*opened.generation)->Run();
    return opened;
  }

  // Opens, and returns when the device stands in its first step.
  Opened OpenHeld(const v1::GenerateImagesRequest& request,
                  absl::Time deadline = absl::InfiniteFuture()) {
    fixture_.generator.Hold();
    Opened opened = Open(request, kAnna, deadline);
    fixture_.generator.AwaitHeldStep();
    return opened;
  }

  // Returns when nobody is at work any more.
  void Finish() {
    fixture_.generator.Release();
    fixture_.devices.Drain(absl::InfiniteDuration());
    fixture_.codecs.AwaitIdle();
  }

  ManualClock clock_;
  CallFixture fixture_{/*filter=*/nullptr, clock_};
};

TEST_F(GenerationDeskTest, TheSameRequestUnderItsIdJoinsAndGetsTheSameImages) {
  const Opened first = OpenHeld(MakeRequest("id"));
  const Opened second = Open(MakeRequest("id"));
  ASSERT_OK(first.generation);
  ASSERT_OK(second.generation);
  EXPECT_EQ(*first.generation, *second.generation);
  fixture_.generator.Release();
  const GenerationResult one = first.listener->AwaitEnd();
  const GenerationResult other = second.listener->AwaitEnd();
  ASSERT_OK(one.status);
  ASSERT_OK(other.status);
  EXPECT_EQ(one.images.at(0)->data(), "7 2 an apple");
  EXPECT_EQ(one.images, other.images);
  Finish();
  EXPECT_EQ(fixture_.generator.started(), 1);
  for (const Opened* opened : {&first, &second}) {
    EXPECT_THAT(opened->listener->queued(), testing::ElementsAre("id"));
    EXPECT_THAT(opened->listener->images(), SizeIs(1));
    EXPECT_THAT(opened->listener->ends(), SizeIs(1));
  }
}

TEST_F(GenerationDeskTest, OtherContentUnderAnIdInFlightIsRefused) {
  const Opened first = OpenHeld(MakeRequest("id"));
  const Opened second = Open(MakeRequest("id", "a pear"));
  EXPECT_THAT(second.generation, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ReasonOf(second.generation.status()), kReasonRequestInFlight);
  Finish();
  EXPECT_OK(first.listener->AwaitEnd().status);
  EXPECT_THAT(second.listener->ends(), IsEmpty());
  EXPECT_EQ(fixture_.generator.started(), 1);
}

TEST_F(GenerationDeskTest, TenantsDoNotShareTheirIds) {
  const Opened first = OpenHeld(MakeRequest("id"));
  const Opened same = Open(MakeRequest("id"), kBert);
  ASSERT_OK(same.generation);
  EXPECT_NE(*first.generation, *same.generation);
  const Opened other = Open(MakeRequest("id", "a pear"), {.tenant = "carl"});
  ASSERT_OK(other.generation);
  Finish();
  EXPECT_EQ(fixture_.generator.started(), 3);
  EXPECT_EQ(other.listener->AwaitEnd().images.at(0)->data(), "7 2 a pear");
}

TEST_F(GenerationDeskTest, RequestsWithoutAnIdNeverJoin) {
  const Opened first = OpenHeld(MakeRequest(""));
  const Opened second = Open(MakeRequest(""));
  EXPECT_NE(*first.generation, *second.generation);
  EXPECT_NE((*first.generation)->request_id(), (*second.generation)->request_id());
  Finish();
  EXPECT_EQ(fixture_.generator.started(), 2);
}

TEST_F(GenerationDeskTest, AfterTheEndTheIdIsFree) {
  const Opened first = Open(MakeRequest("id"));
  ASSERT_OK(first.listener->AwaitEnd().status);
  const Opened same = Open(MakeRequest("id"));
  ASSERT_OK(same.generation);
  EXPECT_NE(*first.generation, *same.generation);
  ASSERT_OK(same.listener->AwaitEnd().status);
  const Opened other = Open(MakeRequest("id", "a pear"));
  ASSERT_OK(other.generation);
  EXPECT_EQ(other.listener->AwaitEnd().images.at(0)->data(), "7 2 a pear");
  EXPECT_EQ(fixture_.generator.started(), 3);
  Finish();
}

TEST_F(GenerationDeskTest, WhenItsLastListenerHasLeftTheIdIsFree) {
  const Opened first = OpenHeld(MakeRequest("id"));
  first.Leave();
  const Opened second = Open(MakeRequest("id"));
  ASSERT_OK(second.generation);
  EXPECT_NE(*first.generation, *second.generation);
  second.Leave();
  const Opened third = Open(MakeRequest("id", "a pear"));
  ASSERT_OK(third.generation);
  Finish();
  EXPECT_EQ(third.listener->AwaitEnd().images.at(0)->data(), "7 2 a pear");
  EXPECT_THAT(first.listener->ends(), IsEmpty());
  EXPECT_THAT(second.listener->ends(), IsEmpty());
}

TEST_F(GenerationDeskTest, WhoStaysGetsTheImagesOfWhoLeaves) {
  const Opened first = OpenHeld(MakeRequest("id"));
  const Opened second = Open(MakeRequest("id"));
  first.Leave();
  Finish();
  EXPECT_OK(second.listener->AwaitEnd().status);
  EXPECT_THAT(first.listener->ends(), IsEmpty());
  EXPECT_EQ(fixture_.generator.started(), 1);
}

TEST_F(GenerationDeskTest, AGenerationWithoutListenersIsNotMadeAndNotKept) {
  Opened only = OpenHeld(MakeRequest("id", "an apple", 3));
  const std::weak_ptr<Generation> generation = *only.generation;
  only.Leave();
  EXPECT_FALSE((*only.generation)->is_live());
  only.generation = nullptr;
  Finish();
  EXPECT_TRUE(generation.expired());
  EXPECT_THAT(only.listener->images(), IsEmpty());
  EXPECT_EQ(only.listener.use_count(), 1);
}

TEST_F(GenerationDeskTest, NothingIsKeptAfterTheEnd) {
  Opened only = Open(MakeRequest("id", "an apple", 3));
  const std::weak_ptr<Generation> generation = *only.generation;
  only.generation = nullptr;
  Finish();
  EXPECT_TRUE(generation.expired());
  EXPECT_OK(only.listener->AwaitEnd().status);
  EXPECT_EQ(only.listener.use_count(), 1);
}

TEST_F(GenerationDeskTest, TheDeadlineEndsAGeneration) {
  const Opened only = OpenHeld(MakeRequest("id"), clock_.TimeNow() + absl::Seconds(1));
  clock_.AdvanceTime(absl::Seconds(5));
  Finish();
  EXPECT_THAT(only.listener->AwaitEnd().status, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(GenerationDeskTest, AJoinerBringsItsLaterDeadline) {
  const absl::Time start = clock_.TimeNow();
  const Opened first = OpenHeld(MakeRequest("id"), start + absl::Seconds(1));
  const Opened later = Open(MakeRequest("id"), kAnna, start + absl::Seconds(10));
  const Opened earlier = Open(MakeRequest("id"), kAnna, start + absl::Seconds(2));
  clock_.AdvanceTime(absl::Seconds(5));
  Finish();
  for (const Opened* opened : {&first, &later, &earlier}) {
    EXPECT_OK(opened->listener->AwaitEnd().status);
  }
}

TEST_F(GenerationDeskTest, AnImageThatFailsEndsItsRequestWithItsErrorBeforeTheOthersTakeAStep) {
  fixture_.generator.FailSeed(8);
  fixture_.generator.Hold();
  const Opened failing = Open(MakeRequest("id", "an apple", 3));
  const GenerationResult result = failing.listener->AwaitEnd();
  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInternal, "told to fail"));
  EXPECT_THAT(result.images, IsEmpty());
  Finish();
  EXPECT_THAT(failing.listener->ends(), SizeIs(1));
}

TEST_F(GenerationDeskTest, HighPriorityIsForThoseWhoMayUseIt) {
  v1::GenerateImagesRequest request = MakeRequest("id");
  request.set_priority(v1::PRIORITY_HIGH);
  const Opened refused = Open(request);
  EXPECT_THAT(refused.generation, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(ReasonOf(refused.generation.status()), kReasonPriorityNotAllowed);
  const Opened allowed = Open(request, {.tenant = "anna", .may_use_high_priority = true});
  ASSERT_OK(allowed.generation);
  Finish();
  EXPECT_OK(allowed.listener->AwaitEnd().status);
}

TEST_F(GenerationDeskTest, ARefusalByTheDeviceIsAnEndWithAdviceToTryAgain) {
  const Opened running = OpenHeld(MakeRequest("", "an apple", 16));
  std::vector<Opened> others;
  do {
    others.push_back(Open(MakeRequest("", "an apple", 16)));
    ASSERT_OK(others.back().generation);
  } while (others.back().listener->ends().empty());
  const GenerationResult refused = others.back().listener->AwaitEnd();
  EXPECT_THAT(refused.status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_GT(RetryDelay(refused.status), absl::ZeroDuration());
  Finish();
}

// One of the threads that open and leave.
class Crowd {
 public:
  Crowd(GenerationDesk& desk, uint64_t seed) : desk_(desk), random_(seed) {}

  void Run() {
    for (int i = 0; i < 400; ++i) OpenOne();
  }

  void ExpectOneEndForWhoStayed() const {
    for (const Heard& heard : heard_) {
      const std::vector<GenerationResult> ends = heard.listener->ends();
      if (heard.left) {
        ASSERT_THAT(ends, SizeIs(testing::Le(1)));
        continue;
      }
      ASSERT_THAT(ends, SizeIs(1));
      ExpectItsOwn(heard, ends.front());
    }
  }

 private:
  struct Heard {
    v1::GenerateImagesRequest request;
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    bool left = false;
  };

  size_t Draw(size_t sides) { return random_() % sides; }

  void OpenOne() {
    static constexpr const char* kPrompts[] = {"an apple", "a pear", "a plum", "fail"};
    Heard heard;
    heard.request = MakeRequest(Draw(4) == 0 ? "" : absl::StrCat("id-", Draw(3)),
                                kPrompts[Draw(3) == 0 ? Draw(4) : 0], 1 + Draw(2));
    const auto generation = desk_.Open(heard.request, Draw(2) == 0 ? kAnna : kBert,
                                       absl::InfiniteFuture(), heard.listener);
    if (!generation.ok()) {
      ASSERT_THAT(generation, StatusIs(absl::StatusCode::kAlreadyExists));
      return;
    }
    if (Draw(8) > 0)
      (*generation)->Run();  // Or leaves at once, as a call does that was answered.
    else
      heard.left = true;
    if (heard.left || Draw(3) == 0) {
      if (Draw(2) == 0) std::this_thread::yield();
      heard.left = true;
      (*generation)->Leave(*heard.listener);
    } else if (Draw(4) == 0) {
      heard.listener->AwaitEnd();
    }
    heard_.push_back(std::move(heard));
  }

  static void ExpectItsOwn(const Heard& heard, const GenerationResult& end) {
    if (absl::IsResourceExhausted(end.status)) return;  // The queue was full.
    if (heard.request.prompt() == "fail") {
      ASSERT_THAT(end.status, StatusIs(absl::StatusCode::kInternal));
      return;
    }
    ASSERT_OK(end.status);
    ASSERT_THAT(heard.listener->queued(), SizeIs(1));
    ASSERT_THAT(end.images, SizeIs(heard.request.num_images()));
    for (size_t i = 0; i < end.images.size(); ++i) {
      ASSERT_EQ(end.images[i]->data(), absl::StrCat(7 + i, " 2 ", heard.request.prompt()));
    }
    for (const auto& [index, image] : heard.listener->images()) {
      ASSERT_EQ(image, end.images[index]);
    }
  }

  GenerationDesk& desk_;
  std::mt19937_64 random_;
  std::vector<Heard> heard_;
};

TEST_F(GenerationDeskTest, WhoeverStaysHearsOneEndHoweverManyComeAndGo) {
  SeededRandom seeds;
  std::vector<Crowd> crowds;
  for (int i = 0; i < 4; ++i) crowds.emplace_back(fixture_.desk, seeds.Bits());
  std::vector<std::thread> threads;
  for (Crowd& crowd : crowds) threads.emplace_back(&Crowd::Run, &crowd);
  for (std::thread& thread : threads) thread.join();
  Finish();
  for (const Crowd& crowd : crowds) crowd.ExpectOneEndForWhoStayed();
}

}  // namespace
}  // namespace darkroom
