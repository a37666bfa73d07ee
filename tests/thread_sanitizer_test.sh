#!/usr/bin/env bash
# Builds batcher/ and its tests, and the abseil and GoogleTest below them, under ThreadSanitizer,
# and runs them. A report of a data race, or of locks in two orders, fails its test.
set -eu
cd "$1"
cmake -S tests/thread_sanitizer -B build/tsan -G Ninja > /dev/null
cmake --build build/tsan
# Where the kernel spreads addresses further than Debian 12's does, GCC 12's sanitizer does not
# start; in a container that forbids this, it has to do without.
run=()
if setarch --addr-no-randomize true 2> /dev/null; then run=(setarch --addr-no-randomize); fi
${run[@]+"${run[@]}"} ctest --test-dir build/tsan --no-tests=error --output-on-failure
