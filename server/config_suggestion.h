#ifndef DARKROOM_SERVER_CONFIG_SUGGESTION_H_
#define DARKROOM_SERVER_CONFIG_SUGGESTION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

// The name that was probably meant by `given`: the one that the fewest typing errors lead to
// (a letter too many, too few, wrong, or swapped with the next), the first of equals; nothing where
// that takes more than three, or more than a third of the name.
std::optional<std::string> SuggestName(std::string_view given,
                                       const std::vector<std::string>& names);

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONFIG_SUGGESTION_H_
