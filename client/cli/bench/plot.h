#ifndef DARKROOM_CLIENT_CLI_BENCH_PLOT_H_
#define DARKROOM_CLIENT_CLI_BENCH_PLOT_H_

#include <string>

#include "client/cli/bench/summary.h"

namespace darkroom {

// The run as an SVG file: above, each request's latency by its arrival, so that a queue that grows
// or a server that stalls is seen; below, the share of OK answers within each latency. Every kind
// of request has its colour; failures and drops are red.
std::string Plot(const BenchRun& run, const BenchSummary& summary);

}  // namespace darkroom

#endif  // DARKROOM_CLIENT_CLI_BENCH_PLOT_H_
