#!/usr/bin/env bash
# Four images of one prompt, from seeds 0 to 3. Look at the sheet and note the seed of the one you
# like: a file's name ends with it.
# Usage: examples/several-seeds.sh [FOLDER]
set -eu
PATH=$PATH:$(dirname "$0")/../build/release/bin
darkroom generate --output "${1:-pictures}" --grid=several-seeds.png --seed 0 --num-images 4 \
  'a mushroom on a blue background'
