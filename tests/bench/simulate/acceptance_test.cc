#include "bench/simulate/acceptance.h"

#include <gtest/gtest.h>

namespace darkroom::sim {
namespace {

// In virtual time, from fixed seeds: the figures are the same on every machine.
TEST(AcceptanceTest, EveryFigureIsReached) {
  int lines = 0;
  RunAcceptance(20'000, [&](const AcceptanceLine& line) {
    EXPECT_TRUE(line.holds()) << line.name << " is " << line.figure << ", not "
                              << (line.at_most ? "at most " : "at least ") << line.bound;
    ++lines;
  });
  EXPECT_GT(lines, 90);
}

}  // namespace
}  // namespace darkroom::sim
