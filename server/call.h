#ifndef DARKROOM_SERVER_CALL_H_
#define DARKROOM_SERVER_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "batcher/clock.h"
#include "server/auth_tokens.h"
#include "server/generation_desk.h"
#include "server/live_calls.h"
#include "server/method.h"
#include "server/metrics/metrics.h"

namespace darkroom {

// How calls are treated.
struct CallRules {
  bool log_prompts = false;
  absl::Duration max_duration = absl::Hours(1);      // From arrival to answer.
  absl::Duration write_timeout = absl::Seconds(60);  // For the reader of one streamed message.
};

// What every call needs; all of it outlives the last one.
struct CallContext {
  const CallRules& rules;
  Clock& clock;
  const Authenticator& authenticator;
  GenerationDesk& desk;
  LiveCalls& calls;
  Metrics& metrics;
};

// Who calls, by what gRPC knows of it.
absl::StatusOr<Caller> Identify(const Authenticator& authenticator,
                                const grpc::CallbackServerContext& call);

// A call in flight, from its arrival until gRPC is done with it: who calls, which generations it
// listens to, and its one answer, whichever way that comes. The part that all methods share; a
// reactor is derived from it. It keeps itself alive until Release. Thread-safe.
class Call : public LiveCall, public std::enable_shared_from_this<Call> {
 public:
  Call(const CallContext& context, Method method, grpc::CallbackServerContext* call);

  // Lets the call begin, if its caller is let in, and answers what goes wrong. To be called once.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Answers, the first time; the generations lose their listener.
  void Abort(const absl::Status& status) final { Answer(status); }

  // Resets a call whose caller does not take the answer.
  void OnTick(absl::Time now) override ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  // What the method does with the request; the call is answered with what is not OK. It may have
  // been aborted already.
  virtual absl::Status Begin(const Caller& caller) = 0;

  // To be called last, by OnDone.
  void Release() ABSL_LOCKS_EXCLUDED(mu_);
  // By OnCancel: the caller has gone or the deadline has passed.
  void OnCancelled();

  // gRPC's deadline on our clock, but at most the longest that a call may take.
  absl::Time Deadline() const;

  // GenerationDesk::Open for this call.
  absl::Status Open(const v1::GenerateImagesRequest& request, const Caller& caller,
                    absl::Time deadline, std::shared_ptr<GenerationListener> listener)
      ABSL_LOCKS_EXCLUDED(mu_);

  // True once: the answer is the taker's to give, through Complete.
  bool TakeAnswer() ABSL_LOCKS_EXCLUDED(mu_);
  // Sends the answer that was taken. `stats`, where there are some, get their total.
  void Complete(const absl::Status& status, v1::GenerationStats* stats = nullptr)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Both; nothing when the answer was taken.
  void Answer(const absl::Status& status);

  // The last word: of the reactor, to gRPC.
  virtual void SendStatus(const grpc::Status& status) = 0;

  // Resets the call, unless gRPC is done with it.
  void Reset() ABSL_LOCKS_EXCLUDED(mu_);

  absl::Time arrival() const { return arrival_; }
  const CallContext& context() const { return context_; }

 private:
  struct Opened {
    std::shared_ptr<Generation> generation;
    std::shared_ptr<GenerationListener> listener;
  };

  void AddTrailers(const absl::Status& status);
  void Log(const absl::Status& status, absl::Duration took, const v1::GenerationStats* stats) const
      ABSL_LOCKS_EXCLUDED(mu_);

  const CallContext context_;
  const Method method_;
  grpc::CallbackServerContext* const call_;
  const absl::Time arrival_;
  const std::string trace_id_;
  std::shared_ptr<Call> self_;

  mutable absl::Mutex mu_;
  bool answered_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time answer_time_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool released_ ABSL_GUARDED_BY(mu_) = false;  // gRPC's objects may be gone.
  std::vector<Opened> opened_ ABSL_GUARDED_BY(mu_);
  std::string tenant_ ABSL_GUARDED_BY(mu_);
  nlohmann::json asked_ ABSL_GUARDED_BY(mu_) = nlohmann::json::object();  // For the log.
};

// Makes a call, which keeps itself, and runs it. For gRPC, whose reactor it is.
template <typename Reactor, typename... Arguments>
Reactor* Launch(Arguments&&... arguments) {
  const auto call = std::make_shared<Reactor>(std::forward<Arguments>(arguments)...);
  call->Run();
  return call.get();
}

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CALL_H_
