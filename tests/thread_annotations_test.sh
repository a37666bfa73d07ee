#!/usr/bin/env bash
# Compiles the code that owns threads with clang's thread safety analysis, warnings being errors.
set -eu
cd "$1"
cmake --preset clang-lint > /dev/null
cmake --build --preset clang-lint --target batcher server client client_cli
