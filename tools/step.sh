# Sourced by the tools: runs a command as a named step, with its time, so that a failure names itself.
# Usage: step NAME COMMAND...

step() {
  local name=$1 start=$SECONDS
  shift
  printf '==> %s\n' "$name"
  if ! "$@"; then
    printf '\nFAILED: %s\n' "$name" >&2
    exit 1
  fi
  printf '    %s: done in %d s\n' "$name" "$((SECONDS - start))"
}
