#!/usr/bin/env bash
# A prompt and an image for each request, in one batch: the image gives the layout, the prompt the
# subject, and the strength says who wins.
# Usage: examples/image-to-image.sh [FOLDER]
set -eu
PATH=$PATH:$(dirname "$0")/../build/release/bin
folder=${1:-pictures}
# The images to begin from are two of our own; any PNG, JPEG or WebP file will do.
mkdir -p "$folder"
begin=$(mktemp -d "$folder/begin-XXXXXX")
darkroom generate --output "$begin" --seed 31,32 \
  'a banana on a purple background' \
  'a panda on a pink background'
darkroom generate --output "$folder" --grid=image-to-image.png --seed 41,42 --strength 0.7 \
  --init-image "$begin"/*-31.png --init-image "$begin"/*-32.png \
  'a fish on a purple background' \
  'a fox on a pink background'
