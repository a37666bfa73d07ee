#ifndef DARKROOM_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define DARKROOM_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// As newer abseil's absl/status/status_matchers.h, for absl::Status and absl::StatusOr.
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::darkroom::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT(expression, ::darkroom::IsOk())

namespace darkroom {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename Value>
const absl::Status& StatusOf(const absl::StatusOr<Value>& result) {
  return result.status();
}

// Matches on StatusOf(actual), and says what it was.
#define DARKROOM_EXPLAIN_STATUS(status) *result_listener << "which is " << (status)

MATCHER(IsOk, negation ? "isn't OK" : "is OK") {
  DARKROOM_EXPLAIN_STATUS(StatusOf(arg));
  return StatusOf(arg).ok();
}

// An error of this code, whose message the second argument matches: StatusIs(code, HasSubstr("x")).
MATCHER_P2(StatusIs, code, message,
           absl::StatusCodeToString(code) + " with a message that " +
               testing::DescribeMatcher<std::string>(message, negation)) {
  DARKROOM_EXPLAIN_STATUS(StatusOf(arg));
  return StatusOf(arg).code() == code && testing::Matches(testing::Matcher<std::string>(message))(
                                             std::string(StatusOf(arg).message()));
}

#undef DARKROOM_EXPLAIN_STATUS

// An error of this code, whatever it says.
inline auto StatusIs(absl::StatusCode code) { return StatusIs(code, testing::A<std::string>()); }

}  // namespace darkroom

#endif  // DARKROOM_TESTS_SUPPORT_STATUS_MATCHERS_H_
