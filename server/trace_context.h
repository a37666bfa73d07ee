#ifndef DARKROOM_SERVER_TRACE_CONTEXT_H_
#define DARKROOM_SERVER_TRACE_CONTEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace darkroom {

inline constexpr size_t kTraceparentSize = 55;  // Of level 1, and of what later ones begin with.

// The trace id in a `traceparent` header of W3C Trace Context, level 1: 32 lower-case hexadecimal
// digits. Empty when the header breaks its format, for then it is to be ignored.
std::string TraceIdOf(std::string_view traceparent);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_TRACE_CONTEXT_H_
