#!/usr/bin/env bash
# Several prompts, one batch: sent at once, they share the model's passes, and each has its own
# seed.
# Usage: examples/text-to-image.sh [FOLDER]
set -eu
PATH=$PATH:$(dirname "$0")/../build/release/bin
darkroom generate --output "${1:-pictures}" --grid=text-to-image.png --seed 21,22,23,24 \
  'a penguin on a white background' \
  'a hamburger on a green background' \
  'a rocket on a blue background' \
  'a sunflower on a blue background'
