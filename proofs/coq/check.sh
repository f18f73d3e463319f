#!/bin/sh
# check.sh FOLDER: check every module compiled in FOLDER again with coqchk, Coq's small independent checker, and compare what all proofs
# rest on with assumptions.txt: the four that Coq's own real numbers rest on, no more and no fewer. (coqchk reports on standard error.)
set -eu
cd "$1"
expected=$(cat "$OLDPWD/$(dirname "$0")/assumptions.txt")
modules=$(sed -n 's/^\(.*\)\.v$/Compresslab.\1/p' _CoqProject)
# shellcheck disable=SC2086 # one word for each module
report=$(coqchk -silent -o -Q . Compresslab $modules 2>&1) || { echo "$report"; exit 1; }
found=$(echo "$report" | sed -n '/^\* A[x]ioms/,/^\* Const/s/^    *//p' | LC_ALL=C sort)
odd=$(echo "$report" | grep -E '^\* (Constants|Inductives)' | grep -v '<none>$' || true)
if [ -n "$odd" ] || [ "$found" != "$expected" ]; then
  echo "$report"
  echo "coqchk: the proofs must rest on exactly these, and on nothing unsafe:"
  echo "$expected"
  exit 1
fi
echo "coqchk: $(echo "$modules" | wc -w) modules rest on the four assumptions of Coq's reals, and on nothing else"
