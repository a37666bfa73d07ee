#!/usr/bin/env bash
# The direction of dependencies, read from the include lines: batcher/ and model/ know neither each
# other nor the server; torch stays in model/; gRPC and protobuf stay out of both.
set -u
cd "$1" || exit 2
failures=0

forbid() {  # forbid WHY PATTERN FOLDER...
  local why=$1 pattern=$2 found
  shift 2
  if found=$(grep -rnE --include='*.h' --include='*.cc' "^ *# *include *[<\"]($pattern)" "$@"); then
    printf '%s:\n%s\n' "$why" "$found"
    failures=$((failures + 1))
  fi
}

forbid 'batcher/ includes abseil and itself alone' \
  'torch/|ATen/|c10/|grpc|google/|darkroom/|prometheus/|spdlog/|nlohmann/|model/|server/|client/' batcher
forbid 'model/ knows no wire, batcher or server' \
  'grpc|google/|darkroom/|prometheus/|spdlog/|batcher/|server/|client/' model
forbid "model/'s port knows no torch" 'torch/|ATen/|c10/' model/image_generator.h model/sdxl_pipeline.h
forbid 'torch stays in model/' 'torch/|ATen/|c10/' server client batcher
forbid 'client/ knows the wire alone' 'batcher/|model/|server/' client
forbid 'torch/torch.h costs half a minute a file: use ATen' 'torch/torch.h' model tests bench

mains=$(grep -rlE --include='*.h' --include='*.cc' 'include "model/sdxl_pipeline.h"' server)
if [ "$mains" != server/main.cc ]; then
  printf 'only server/main.cc names the SDXL pipeline, not:\n%s\n' "$mains"
  failures=$((failures + 1))
fi

while read -r lines file; do
  [ "$file" = total ] && continue
  [ "$lines" -le 500 ] || { echo "$file has $lines lines, more than 500"; failures=$((failures + 1)); }
done < <(find batcher model models server client tests bench cmake \
           \( -name '*.h' -o -name '*.cc' -o -name '*.py' -o -name '*.sh' \) -exec wc -l {} +)

exit $((failures > 0))
