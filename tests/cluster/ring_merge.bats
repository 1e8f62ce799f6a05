#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A ring of five hosts is cut in two, both sides go on writing, and it is one ring with all keys soon after the heal.
bats_require_minimum_version 1.5.0
load ../tools/peer_helpers
load network
load ring

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c d e
  echo "a=10.7.0.1:7411,b=10.7.0.2:7411,c=10.7.0.3:7411,d=10.7.0.4:7411,e=10.7.0.5:7411" >"$group/peers"
  make_network || skip "network namespaces are not allowed here"
  start_group
  for name in "${names[@]}"; do on "$name" chordctl join -w 60; done
}

teardown() {
  end_jobs KILL
  stop_group
  remove_network
}

# cut_apart LEFT RIGHT: neither hears the other.
cut_apart() {
  local left right
  for left in $1; do
    for right in $2; do
      deafen "$left" "$right"
      deafen "$right" "$left"
    done
  done
}

# within SECONDS COMMAND...
within() {
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    [ "$SECONDS" -lt "$end" ] || { echo "not within $1 s: ${*:2}" >&2; return 1; }
    sleep 0.1
  done
}

# one SIDE KEY VALUE: it is written down if one copy has taken it.
one() {
  local status=0
  on "$1" chordctl put --level one -w 2 "$2" "$3" 2>>errors || status=$?
  case $status in
    0) echo "$2 $3" >>written ;;
    69) ;; # all its copies are on the other side
    *) return 1 ;;
  esac
}

# key_on PATTERN: the first key whose hosts, in their order, are like that.
key_on() {
  local i
  for i in $(seq 200); do
    [[ $(on a chordctl lookup "key$i" | cut -f 2 | sort | tr -d '\n') =~ $1 ]] && { echo "key$i"; return; }
  done
  return 1
}

all_keys_at() {
  local key value
  while read -r key value; do [ "$(on "$1" chordctl get -w 5 "$key" 2>>errors)" = "$value" ] || return 1; done <written
}
same_versions() {
  local all
  all=$(on a chordctl get --all -w 5 "$both" 2>>errors | cut -f 1)
  [ "$(wc -l <<<"$all")" -eq 2 ] || return 1
  for name in "${names[@]}"; do [ "$(on "$name" chordctl get --all -w 5 "$both" 2>>errors | cut -f 1)" = "$all" ] || return 1; done
}

@test "a partition of two and three hosts that both write: one ring within 30 s of its heal, and all keys everywhere within 60" {
  for i in 1 2 3 4 5 6; do
    on a chordctl put "before$i" "$i"
    echo "before$i $i" >>written
  done
  both=$(key_on '[ab]')
  right=$(key_on '^cde$')
  on a chordctl put "$both" 0
  version=$(on a chordctl get --all "$both" | cut -f 1)
  cut_apart "a b" "c d e"
  for i in 1 2 3 4 5 6; do
    one a "left$i" "$i"
    one c "right$i" "$i"
  done
  [ "$(wc -l <written)" -ge 14 ]
  # Where a majority of a key's copies is, it is written by a majority, and on the other side it is not.
  on c chordctl put -w 10 "$right" majority
  run -69 on a chordctl put -w 1 "$right" refused
  echo "$right majority" >>written
  on a chordctl put --level one -w 5 --resolve "$version" "$both" a
  on c chordctl put --level one -w 5 --resolve "$version" "$both" c
  for name in "${names[@]}"; do heal "$name"; done
  healed=$SECONDS
  within 30 all_check
  for name in "${names[@]}"; do within $((60 - (SECONDS - healed))) all_keys_at "$name"; done
  # What was written to one key on both sides is there twice, and named alike by all.
  within $((60 - (SECONDS - healed))) same_versions
}
