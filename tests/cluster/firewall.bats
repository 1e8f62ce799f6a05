#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A firewall closed in one direction, for TCP and for UDP: dpeers says which, and what to open.
bats_require_minimum_version 1.5.0
load load

net=cf$$

# Two hosts, a and b, with a wire between them.
make_network() {
  ip netns add "$net-a" 2>/dev/null || skip "network namespaces are not allowed here"
  ip netns add "$net-b"
  ip -n "$net-a" link add eth0 type veth peer name eth0 netns "$net-b"
  local i=0 name
  for name in a b; do
    i=$((i + 1))
    ip -n "$net-$name" addr add "10.7.0.$i/24" dev eth0
    ip -n "$net-$name" link set eth0 up
    ip -n "$net-$name" link set lo up
  done
  ip netns exec "$net-a" iptables -L -n >/dev/null 2>&1 || skip "iptables does not work here"
}

start_peer() { # as in peer_helpers, in its namespace
  ip netns exec "$net-$1" coordd --config "$group/$1.toml" </dev/null >>"$group/$1.log" 2>&1 3>&- &
  echo $! >"$group/$1.pid"
  disown
}

setup() {
  cd "$BATS_TEST_TMPDIR"
  unset COORD_SOCKET COORD_CONFIG
  export COORD_AUTOSTART=no
  new_group "$BATS_TEST_TMPDIR/g" a b
  local name
  for name in a b; do
    chmod 700 "g/$name"
    printf 'name = "%s"\npeers = ["a=10.7.0.1:7411", "b=10.7.0.2:7411"]\nkey_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' \
      "$name" "$group/key" "$group/$name" "$group/$name.sock" >"g/$name.toml"
  done
  make_network
}

teardown() {
  stop_group
  local name
  for name in a b; do ip netns del "$net-$name" 2>/dev/null || true; done
}

doctor() { ip netns exec "$net-$1" dpeers doctor --config "$group/$1.toml"; }
says() { output=$(doctor "$1" | tr -s ' \n' ' ') || true; grep -qF -- "$2" <<<"$output"; }
state_of() { on "$1" dpeers --json | jq -r 'select(.local | not) | .state'; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
close_on() { ip netns exec "$net-$1" iptables -A INPUT -p "$2" --dport 7411 -j DROP; } # HOST tcp|udp

@test "TCP closed on one host: both say in which direction, and where to open it" {
  start_group
  eventually is_state a alive
  eventually is_state b alive
  close_on b tcp
  eventually is_state a suspect
  eventually says a "it reaches us, we do not reach it -> open TCP 7411 on b"
  run -1 doctor a
  eventually says b "we reach it, it does not reach us -> open TCP 7411 on this host"
}

@test "UDP closed: the group works as ever, and doctor names it" {
  close_on b udp
  start_group
  run -0 on a dlock job true
  run -0 on b dlock job true
  eventually says a "it reaches us, we do not reach it -> open UDP 7411 on b"
  eventually says b "none heard from a -> open UDP 7411 on a and on this host"
  run -0 doctor a
  run -0 doctor b
}
