# SPDX-License-Identifier: MIT
# Each peer in a network namespace of its own, on a bridge in one more: the machine's network is not touched.
# shellcheck shell=bash disable=SC2154  # group and names are of peer_helpers
net=ct$$

# Status 1: it is not allowed here.
make_network() {
  ip netns add "$net-net" 2>/dev/null || return 1
  ip -n "$net-net" link add bridge type bridge || return 1
  ip -n "$net-net" link set bridge up
  local i=0 name
  for name in "${names[@]}"; do
    i=$((i + 1))
    ip netns add "$net-$name"
    ip -n "$net-$name" link add eth0 type veth peer name "to-$name" netns "$net-net"
    ip -n "$net-net" link set "to-$name" master bridge up
    ip -n "$net-$name" addr add "10.7.0.$i/24" dev eth0
    ip -n "$net-$name" link set eth0 up
    ip -n "$net-$name" link set lo up
  done
  ip netns exec "$net-${names[0]}" iptables -L -n >/dev/null 2>&1
}

remove_network() {
  local name
  for name in "${names[@]}" net; do ip netns del "$net-$name" 2>/dev/null || true; done
}

address_of() { ip -n "$net-$1" -4 -o addr show eth0 | sed 's/.*inet \([0-9.]*\).*/\1/'; }

start_peer() { # as in peer_helpers, in its namespace
  COORD_SOCKET='' ip netns exec "$net-$1" coordd --name "$1" --peers "$(cat "$group/peers")" --key-file "$group/key" \
    --state-dir "$group/$1" --socket "$group/$1.sock" </dev/null >>"$group/$1.log" 2>&1 3>&- &
  echo $! >"$group/$1.pid"
  disown
}

unplug() { ip -n "$net-net" link set "to-$1" down; }
plug() { ip -n "$net-net" link set "to-$1" up; }
deafen() { ip netns exec "$net-$1" iptables -A INPUT -s "$(address_of "$2")" -j DROP; } # $1 hears nothing of $2 any more
heal() { ip netns exec "$net-$1" iptables -F INPUT; }
