#!/usr/bin/env bash
# The code is in clang-format's shape.
set -eu
cd "$1"
git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-14 --dry-run --Werror
