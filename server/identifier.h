#ifndef DARKROOM_SERVER_IDENTIFIER_H_
#define DARKROOM_SERVER_IDENTIFIER_H_

#include <string_view>

namespace darkroom {

// 1 to 64 of [A-Za-z0-9._-]: what callers may call their requests, and tokens their owners.
bool IsIdentifier(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_IDENTIFIER_H_
