#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# chordctl lookup --trace and fingers over four peers: the hosts on a key's way, and what they know.
bats_require_minimum_version 1.5.0
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c d
  start_group "${calm[@]}" --ring-user-keys 3
  for peer in a b c d; do on "$peer" chordctl join -w 60 --replicas 2; done
}
teardown_file() {
  group=$BATS_FILE_TMPDIR/g
  names=(a b c d)
  stop_group
}
setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  cd "$BATS_TEST_TMPDIR"
}
address_of() { tr , '\n' <"$group/peers" | sed -n "s/^$1=//p"; }

@test "a lookup's steps end at the host before the owner, each with its host, address and time" {
  for key in $(seq 30); do
    on a chordctl lookup --trace "$key" >text
    grep -q "^owner	$(on c chordctl lookup "$key" | sed -n 's/^owner\t//p')$" text
    on a chordctl lookup --trace --json "$key" >hops
    jq -se 'first | .hop == 0 and .host == "a" and .via == "start"' hops
    jq -se 'map(.answered and .rtt_s >= 0 and (.id | length == 40)) | all' hops
    jq -se 'map(select(.hop > 0).via | test("^(finger [0-9]+|successor)$")) | all' hops
    last=$(jq -r .host <<<"$(tail -1 hops)")
    [ "$(jq -r .address <<<"$(tail -1 hops)")" = "$(address_of "$last")" ]
    cat hops >>all
  done
  # Some of so many keys are not next to a place of the host that asks.
  [ "$(jq -r 'select(.hop > 0) | .host' all | sort -u | wc -l)" -ge 1 ]
}

@test "fingers of a host are told by that host, and are those of the ring" {
  on a chordctl fingers b --json >fingers
  [ "$(jq -r .host fingers | sort -u)" = b ]
  [ "$(jq -r .place fingers | sort -u)" = "$(on c chordctl ring --json | jq -r 'select(.host == "b").id' | sort)" ]
  # All fingers of a place, 0 to 159.
  [ "$(jq -s 'map(.last - .first + 1) | add' fingers)" = $((8 * 160)) ]
  on c chordctl ring --json | jq -r .id | sort >ids
  [ -z "$(jq -r .finger.id fingers | sort -u | comm -23 - ids)" ]
  [ "$(on a chordctl fingers b | sed 1d | cut -c1-12 | grep -vc '^ ')" -eq 8 ]
  diff <(on b chordctl fingers) <(on a chordctl fingers b)
  run -64 --separate-stderr on a chordctl fingers nobody
  [[ $stderr == *"nobody: is not in the ring"* ]]
}

@test "a check asks all hosts, and they are one ring" {
  for peer in a b c d; do on "$peer" chordctl ring --check -w 10; done
}

@test "get --json names version, owner and replicas" {
  on a chordctl put k 'v "quoted"'
  on b chordctl get --json k >got
  [ "$(jq -r .value got)" = 'v "quoted"' ]
  [ "$(jq -r .version got)" = "$(on a chordctl get --all k | cut -f 1)" ]
  [ "$(jq -r .owner got)" = "$(on a chordctl lookup k | sed -n 's/^owner\t//p')" ]
  [ "$(jq -r '.replicas[]' got)" = "$(on a chordctl lookup k | cut -f 2)" ]
  printf 'a\0\377' | on a chordctl put bytes -
  on b chordctl get --json bytes | jq -r .value_b64 | base64 -d | cmp - <(printf 'a\0\377')
  version=$(jq -r .version got)
  on b chordctl put --resolve "$version" k one
  on c chordctl put --resolve "$version" k two
  [ "$(on d chordctl get --all k | cut -f 3 | sort | tr -d '\n')" = bc ]
  on d chordctl get --all --json k | jq -se 'map(.host) | sort == ["b", "c"]'
  run -3 --separate-stderr on a chordctl get --json k
  [ "$(jq '.siblings | length' <<<"$output")" -eq 2 ]
  [ "$(jq .value <<<"$output")" = null ]
  run -1 on a chordctl get --json none
}

copies() { for peer in a b c d; do on "$peer" chordctl keys --local; done | wc -l; }
has_copies() { [ "$(copies)" -eq "$1" ]; }

@test "a user's keys beyond the quota of this host are refused (3), and gets and other keys go on" {
  [ "$(id -u)" = 0 ] || skip "needs root, which may write another user's keys"
  for i in 1 2 3; do on a chordctl --ring own put "@nobody/k$i" "$i"; done
  run -3 on a chordctl --ring own put @nobody/k4 4
  [[ $output == *"the quota of the key's user is used up"* ]]
  [ "$(on a chordctl --ring own get @nobody/k3)" = 3 ]
  on a chordctl --ring own put @nobody/k3 new
  on a chordctl --ring own put k4 4
  on a chordctl --ring own rm @nobody/k1
  on a chordctl --ring own put @nobody/k4 4
}

@test "a host leaves and comes again: others drop what they kept in its place, and nothing is lost" {
  for i in $(seq 50); do echo "{\"key\":\"n$i\",\"value\":\"v$i\"}"; done | on b chordctl load -w 20
  on b chordctl leave -w 60
  on b chordctl join -w 60 --replicas 2
  count=$(on a chordctl keys -w 20 | wc -l)
  eventually has_copies $((2 * count))
  for i in $(seq 50); do [ "$(on b chordctl get -w 20 "n$i")" = "v$i" ]; done
}

@test "a host that is gone is passed over and named, and its fingers are not guessed" {
  signal_peer KILL d
  eventually peer_gone d
  for key in $(seq 40); do
    on a chordctl lookup --trace --json "$key" >>hops
  done
  [ "$(jq -r 'select(.answered | not) | .host' hops | sort -u)" = d ]
  jq -se 'map(select(.answered | not).rtt_s == null) | all' hops
  run -3 --separate-stderr on a chordctl ring --check -w 10
  [[ $stderr == *"d does not report its view of the ring"* ]]
  run -69 --separate-stderr on a chordctl fingers -w 1 d
  [[ $stderr == *"d does not answer"* ]]
  # Without a majority of the group it is told all the same who answers.
  for key in $(seq 60); do
    [[ $(on a chordctl lookup "$key" | cut -f 2 | sort | tr -d '\n') != a[bc] ]] || break
  done
  on a chordctl put -w 20 "$key" value
  for peer in b c; do
    signal_peer KILL "$peer"
    eventually peer_gone "$peer"
  done
  eventually sees_none a
  on a chordctl fingers -w 10
  run on a chordctl lookup --trace -w 10 "$key"
  [[ $output == *HOP*no\ answer* || $output == *HOP*start* ]]
  [ "$(on a chordctl get --json --level one -w 10 "$key" | jq -r '.value + " " + .level')" = "value one" ]
  [ "$(on a chordctl get --all --level one -w 10 "$key" | cut -f 3)" = a ]
}
