#!/bin/sh
# SPDX-License-Identifier: MIT
# A teller of a bank, as a process of `dsnapshot run`: begins with 100, and hands money on, so often, to the teller
# whose turn it is. Reads FROM<TAB>pay=AMOUNT, writes TO<TAB>pay=AMOUNT, and tells its state when it is asked.
#   dsnapshot run bank --id P1 -n 3 -- ./teller.sh PAYMENTS ID...
has=100 left=$1
shift
others=$*
tab=$(printf '\t')

pay() { # to the first of the others, who is the last one from now on
  # shellcheck disable=SC2086 # they are words
  set -- $others
  to=$1
  shift
  others="$* $to"
  left=$((left - 1)) has=$((has - 3))
  printf '%s\tpay=3\n' "$to"
}

pay
while IFS= read -r line; do
  case $line in
    '!snapshot '*)
      [ "$left" -gt 0 ] && doing=busy || doing=idle
      echo "!state ${line#!snapshot } $doing has=$has"
      ;;
    *"${tab}pay="*)
      has=$((has + ${line##*pay=}))
      [ "$left" -le 0 ] || pay
      ;;
  esac
done
