#ifndef DARKROOM_CLIENT_CLI_BENCH_REPORT_H_
#define DARKROOM_CLIENT_CLI_BENCH_REPORT_H_

#include <string>

#include "client/cli/bench/summary.h"

namespace darkroom {

// A table for people.
std::string ToText(const BenchRun& run, const BenchSummary& summary);

// One JSON object for programs: what was asked of which server, and every figure. docs/api.md has
// its keys.
std::string ToJson(const BenchRun& run, const BenchSummary& summary);

// The run in a few words, as for a title.
std::string Title(const BenchRun& run);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_REPORT_H_
