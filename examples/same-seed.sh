#!/usr/bin/env bash
# The seed that you liked in several-seeds.sh, say 2, with other and more detailed prompts: the
# noise is the same, so what the prompts share stays much the same too.
# Usage: examples/same-seed.sh [FOLDER]
set -eu
PATH=$PATH:$(dirname "$0")/../build/release/bin
darkroom generate --output "${1:-pictures}" --grid=same-seed.png --seed 2 \
  'mushroom' \
  'mushroom, blue background' \
  'a mushroom on a blue background' \
  'a mushroom on a green background'
