#ifndef DARKROOM_SERVER_LOGGING_H_
#define DARKROOM_SERVER_LOGGING_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace darkroom {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  bool json = false;  // One JSON object a line, else text for people.
  LogLevel level = LogLevel::kInfo;
  bool prompts = false;  // Whether prompts, which are the callers' own, may be logged.
};

// A JSON object: names and values of what happened.
using LogFields = nlohmann::json;

// Starts logging to standard error from a thread of its own, so that nobody waits for a slow
// terminal: when its queue is full, the oldest lines are dropped. Lines end before StopLogging
// returns; nothing may be logged afterwards.
void StartLogging(const LogOptions& options);
void StopLogging();

// One line. User text in the fields is escaped, so that it can neither end the line nor forge
// another.
void LogEvent(LogLevel level, std::string_view event,
              const LogFields& fields = LogFields::object());

// Lines that were dropped since StartLogging, for nobody had read fast enough.
int64_t DroppedLines();

}  // namespace darkroom

#endif  // DARKROOM_SERVER_LOGGING_H_
