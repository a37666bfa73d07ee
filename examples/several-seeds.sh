#!/usr/bin/env bash
# Four images of one prompt, from seeds 50 to 53. Look at the sheet and note the seed of the one you
# like: a file's name ends with it.
# Usage: examples/several-seeds.sh [FOLDER]
set -eu
darkroom=$(dirname "$0")/../build/release/bin/darkroom
"$darkroom" generate --output "${1:-pictures}" --grid=several-seeds.png --seed 50 --num-images 4 \
  'a mushroom on a blue background'
