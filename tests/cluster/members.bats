#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the members hold of each other while the network between them is cut, lossy, or takes no TCP.
bats_require_minimum_version 1.5.0
load load
load network

setup() {
  cd "$BATS_TEST_TMPDIR"
  new_group "$BATS_TEST_TMPDIR/g" a b c d e
  local i=0 list='' name
  for name in "${names[@]}"; do
    i=$((i + 1))
    list+="${list:+,}$name=10.7.0.$i:7411"
  done
  echo "$list" >"$group/peers"
  make_network || skip "network namespaces are not allowed here"
  start_group
  eventually all_watch
}

teardown() {
  stop_group
  remove_network
}

all_watch() {
  local name
  for name in "${names[@]}"; do
    on "$name" dpeers --json |
      jq -se 'length == 5 and all(.state == "alive" and (.local or .phi != null))' >/dev/null || return 1
  done
}
state() { on "$1" dpeers --json | jq -r --arg name "$2" 'select(.name == $name) | .state'; } # SEEN_BY NAME
said() { grep -c "member $2: $3" "$group/$1.log"; }                                           # BY NAME STATE
all_hold_dead() {
  local by
  for by in $(others_than "$1"); do [ "$(said "$by" "$1" dead)" -ge 1 ] || return 1; done
}

@test "cut off without a word (no RST, no ICMP): dead for all others in seconds; healed: all alive" {
  unplug c
  from=$(now_us)
  eventually all_hold_dead c
  took=$((($(now_us) - from) / 1000))
  echo "the last one knew after $took ms"
  [ $took -lt 10000 ]
  [ "$(state a c)" = dead ]
  run -0 on a dpeers wait -n 4 -w 0
  plug c
  eventually all_watch
}

@test "a fifth of all packets is lost: nobody is held dead" {
  for name in "${names[@]}"; do
    ip netns exec "$net-$name" iptables -A INPUT -p udp -m statistic --mode random --probability 0.2 -j DROP
  done
  sleep 10
  run grep -h 'member [a-e]: dead' "$group"/*.log
  [ -z "$output" ]
  for name in "${names[@]}"; do heal $name; done
  eventually all_watch
}

@test "no datagram gets through to one: the ping by stream keeps it alive" {
  ip netns exec "$net-b" iptables -A INPUT -p udp -j DROP
  sleep 5
  run grep -h 'member [a-e]: dead' "$group"/*.log
  [ -z "$output" ]
  [ "$(state a b)" != dead ]
}
