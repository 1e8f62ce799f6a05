#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dpeers doctor: a healthy group has no failure; each thing that is broken is found, and told with its remedy.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  unset COORD_SOCKET COORD_CONFIG
  export COORD_AUTOSTART=no
  cd "$BATS_TEST_TMPDIR"
  new_group "$PWD/g" a b c
  chmod 700 g/a g/b g/c
  for name in a b c; do write_config "$name" "$(cat g/peers)"; done
}

teardown() {
  stop_group
}

write_config() {  # NAME PEERS
  printf 'name = "%s"\npeers = ["%s"]\nkey_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' \
    "$1" "${2//,/\", \"}" "$group/key" "$group/$1" "$group/$1.sock" >"$group/$1.toml"
}

# found STATUS CHECK TEXT: the last diagnosis has such a finding
found() {
  [ "$(jq -s --arg s "$1" --arg c "$2" --arg t "$3" \
    'any(.status == $s and .check == $c and ((.object + .what + (.remedy // "")) | contains($t)))' <<<"$output")" = true ] ||
    { echo "$output"; return 1; }
}
doctor() { dpeers doctor --json --config "$group/$1.toml"; }
connected() { [ "$(on "$1" dpeers --json | jq -r 'select(.state != "alive") | .name' | wc -l)" = 0 ]; }

@test "a healthy group: everything is looked at, nothing fails" {
  start_group "${calm[@]}"
  eventually connected a
  run -0 doctor a
  found ok configuration "a, one of 3"
  found ok key "right mode"
  found ok state "used by process $(pid_of a)"
  found ok disk "a synced write takes"
  found ok clock "rate"
  found ok socket "a peer answers"
  for name in a b c; do found ok peer "$name"; done
  [ -z "$(jq -r 'select(.status == "fail")' <<<"$output")" ]
  [ "$(jq -r .schema <<<"$output" | sort -u)" = 1 ]
  [ -z "$(jq -r 'select(.status != "ok" and .remedy == null)' <<<"$output")" ]
  run -0 dpeers doctor --config "$group/a.toml"
  [[ ${lines[0]} == STATUS*CHECK*OBJECT*FOUND* ]]
}

@test "a group whose peers have not all met: it has not begun, and who is missing" {
  start_peer a "${calm[@]}"
  start_peer b "${calm[@]}"
  told() { output=$(doctor a) || true; found fail peer "all three must meet once: c has not been seen" >/dev/null; }
  eventually told
  run -1 doctor a
  [ "$(jq -r 'select(.status == "fail") | .remedy' <<<"$output" | grep -c 'start the peers that are missing')" = 1 ]
}

@test "a peer that is gone, and one with another list of peers" {
  start_group "${calm[@]}"
  signal_peer KILL c
  eventually peer_gone c
  said_so() { output=$(doctor a) || true; found fail peer "does not answer" >/dev/null; }
  eventually said_so
  found fail peer "start that peer"
  sed -i "s/$/,d=127.0.0.1:9/" g/peers
  rm -r g/c
  start_peer c
  told() { output=$(doctor a) || true; found fail peer 'make `peers` the same on both' >/dev/null; }
  eventually told
  run -1 doctor a
}

@test "a member that is stopped: no advice to compare what is right, also when its connections have gone" {
  start_group "${calm[@]}"
  eventually connected a
  signal_peer STOP c
  told() { output=$(doctor a) || true; found fail peer "its port answers" >/dev/null; }
  eventually told
  [ "$(jq -r 'select(.status == "fail" and .object == "c") | .remedy' <<<"$output")" = \
    "look whether that peer is stopped, or its host overloaded; else compare name, peers and key on both, the other's log names the mistake" ]
  signal_peer CONT c
}

@test "lists of peers that differ: which entry, on both hosts and in both logs" {
  start_group "${calm[@]}"
  signal_peer KILL c
  eventually peer_gone c
  rm -r g/c
  mkdir -m 700 g/c
  a_list=$(cat g/peers)
  sed -i 's/b=127.0.0.1:[0-9]*/b=127.0.0.1:9/; s/$/,d=127.0.0.1:19/' g/peers
  start_peer c "${calm[@]}"
  b_port=$(sed 's/.*b=127.0.0.1:\([0-9]*\).*/\1/' <<<"$a_list")
  told_a() { output=$(doctor a) || true; found fail peer "b is 127.0.0.1:$b_port here and 127.0.0.1:9 there, d is only there, at 127.0.0.1:19" >/dev/null; }
  eventually told_a
  write_config c "$(cat g/peers)"
  told_c() { output=$(doctor c) || true; found fail peer "b is 127.0.0.1:9 here and 127.0.0.1:$b_port there, d is only here" >/dev/null; }
  eventually told_c
  grep -q "b is 127.0.0.1:$b_port here and 127.0.0.1:9 there" g/a.log
  grep -q "b is 127.0.0.1:9 here and 127.0.0.1:$b_port there" g/c.log
}

@test "a key that is refused: each host names the id that it was offered and its own, in doctor and log" {
  coordd --keygen >key.b
  chmod 600 key.b
  first=$(cut -d: -f1 g/key)
  second=$(cut -d: -f1 key.b)
  serves() { on "$1" dpeers >/dev/null 2>&1; }
  start_peer a "${calm[@]}"
  eventually serves a
  mv g/key key.a
  cp -p key.b g/key
  start_peer b "${calm[@]}"
  eventually serves b
  cp -p key.a g/key
  told_a() { output=$(doctor a) || true; found fail key "key $second is offered in its name, and refused: ours is $first" >/dev/null; }
  eventually told_a
  found fail key "give both hosts the same keys"
  cp -p key.b g/key
  told_b() { output=$(doctor b) || true; found fail key "key $first is offered in its name, and refused: ours is $second" >/dev/null; }
  eventually told_b
  eventually grep -q "no key here has the id $second that b uses: ours is $first" g/a.log
  eventually grep -q "no key here has the id $first that a uses: ours is $second" g/b.log
  eventually grep -q "it refused our key $first" g/a.log
}

@test "a replaced disk: how to rejoin once; the file is gone when the peer has caught up" {
  start_group "${calm[@]}"
  on a dlock job true
  signal_peer KILL c
  eventually peer_gone c
  rm -rf g/c
  mkdir -m 700 g/c
  start_peer c "${calm[@]}"
  told() { output=$(doctor c) || true; found fail state "touch $group/c/rejoin" >/dev/null; }
  eventually told
  found fail state "its disk was replaced or emptied"
  signal_peer KILL c
  eventually peer_gone c
  touch g/c/rejoin
  start_peer c "${calm[@]}"
  back() { on c dpeers --json | jq -es 'any(.local and .state == "alive")' >/dev/null && [ ! -e g/c/rejoin ]; }
  eventually back
  grep -q 'the file that asked for --rejoin is removed' g/c.log
  on c dlock job true
}

@test "clocks of the hosts beside each other, when they connect" {
  start_group "${calm[@]}"
  eventually connected a
  run -0 doctor a
  found ok clock "this host's clock"
}

@test "what an ordinary member of the group cannot read is no failure; as root it is looked at" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  chmod 755 "$BATS_TEST_TMPDIR" g
  for name in a b c; do
    printf 'admit = "*"\n' >>"g/$name.toml"
    start_peer "$name" "${calm[@]}" --admit '*'
  done
  eventually group_has_leader
  eventually connected a
  chmod 711 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" 2>/dev/null || true
  as_member() { setpriv --reuid mail --regid mail --clear-groups "$@"; }
  as_member test -r g/a.toml || skip "this user cannot reach the place of this test"
  run -0 as_member "$(command -v dpeers)" doctor --json --config "$group/a.toml"
  found ok key "not looked at"
  found ok state "not looked at"
  [ -z "$(jq -r 'select(.status == "fail")' <<<"$output")" ]
}

@test "lines for people are at most 80 columns, and every finding that is not well has one remedy" {
  start_peer a "${calm[@]}"
  told() { output=$(doctor a) || true; found fail peer "must meet once" >/dev/null; }
  eventually told
  run -1 dpeers doctor --config "$group/a.toml"
  [[ ${lines[0]} == 'STATUS  CHECK OBJECT: FOUND' ]]
  # A path alone may be longer.
  [ "$(grep -v "$BATS_TEST_TMPDIR" <<<"$output" | awk 'length > 80' | wc -l)" = 0 ]
  [ "$(grep -c '^FAIL ' <<<"$output")" -ge 1 ]
  run -1 doctor a
  [ -z "$(jq -r 'select(.status != "ok" and ((.remedy // "") == "" or (.remedy | contains("; "))))' <<<"$output")" ]
}

@test "time-outs that are not the same everywhere are found, and are no reason to refuse each other" {
  for name in a b; do start_peer "$name" "${calm[@]}"; done
  start_peer c --heartbeat 0.1 --election-low 0.5 --election-high 1.5
  eventually group_has_leader
  eventually connected a
  run -0 doctor a
  found warn timing "election_high 1500 ms (here 1000 ms)"
  found warn timing "the same on all peers"
  grep -q "warning peer c: its time-outs are not those of this peer: election_high 1500 ms (here 1000 ms)" "$group/a.log"
  [ -z "$(jq -r 'select(.status == "fail")' <<<"$output")" ]
}

@test "nothing runs: the peer, its port, and how to start it" {
  run -1 doctor a
  found fail socket "no peer answers"
  found warn state "no peer uses it"
  found ok address "free to listen"
  found warn address "does not answer"
  port=$(sed 's/a=127.0.0.1:\([0-9]*\).*/\1/' g/peers)
  python3 -c "
import socket, sys
s = socket.create_server(('127.0.0.1', $port))
print('listening', flush=True)
sys.stdin.read()" < <(sleep 60) >busy 2>&1 3>&- &
  eventually grep -q listening busy
  run -1 doctor a
  kill $!
  found fail address "cannot be listened on"
}

@test "key files: mode, length, absence, each by its reason" {
  chmod 644 g/key
  run -1 doctor a
  found fail key "$group/key"
  chmod 600 g/key
  echo 'k1:c2hvcnQ=' >g/key
  run -1 doctor a
  found fail key "$group/key"
  rm g/key
  run -1 doctor a
  found fail key "no such file"
}

@test "configurations and state directories that a peer refuses are failures here" {
  echo 'naem = "a"' >>g/a.toml
  run -1 doctor a
  found fail configuration "a.toml:6"
  sed -i '$d; s/^name.*/name = "x"/' g/a.toml
  run -1 doctor a
  found fail configuration "not among them"
  write_config a "$(cat g/peers)"
  chmod 777 g/a
  run -1 doctor a
  found fail state "others may write"
  rmdir g/a
  run -1 doctor a
  found fail state "no directory"
  echo 'name = ' >g/a.toml
  run -1 doctor a
  found fail configuration "a.toml:1"
}

@test "another operand is 64" {
  run -64 dpeers nurse
  run -64 dpeers doctor twice
}

@test "datagrams that do not get through are named; the group works without" {
  port=$(sed 's/.*c=127.0.0.1:\([0-9]*\).*/\1/' g/peers)
  python3 -c "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', $port))
print('taken', flush=True)
sys.stdin.read()" < <(sleep 60) >busy 2>&1 3>&- &
  eventually grep -q taken busy
  start_group "${calm[@]}"
  run -0 on a dlock job true
  said_so() { output=$(doctor a) || true; found warn datagrams "none heard from c" >/dev/null; }
  eventually said_so
  found warn datagrams "open UDP $port on c"
  ! found warn datagrams "from b" 2>/dev/null || false
  run -0 doctor a
  run -0 doctor c
  found warn datagrams "UDP port $port: cannot listen there"
  [ "$(on a dpeers --json | jq 'select(.local) | .sent["datagram challenge without an answer"]')" -ge 2 ]
  kill %1
}

@test "a host's own name that is 127.0.1.1 there: the peer listens on every address, and doctor says so" {
  unshare -rm true 2>/dev/null || skip "namespaces are not allowed here"
  port=$(sed 's/a=127.0.0.1:\([0-9]*\).*/\1/' g/peers)
  other=$(sed 's/.*b=127.0.0.1:\([0-9]*\).*/\1/' g/peers)
  echo "a=myname:$port,b=127.0.0.1:$other" >g/peers
  names=(a b)
  for name in a b; do write_config "$name" "$(cat g/peers)"; done
  printf '127.0.0.1 localhost\n127.0.1.1 myname\n' >hosts.a  # as Debian's installer writes it
  printf '127.0.0.1 localhost\n127.0.0.1 myname\n' >hosts.b  # a's address as others know it
  in_hosts='mount --bind "$1" /etc/hosts && shift && exec "$@"'
  with_hosts() { unshare -rm bash -c "$in_hosts" _ "$@"; }  # FILE COMMAND...
  for name in a b; do
    # Not the function: in the background that is a shell of its own, whose end coordd would outlive.
    unshare -rm bash -c "$in_hosts" _ "$PWD/hosts.$name" coordd --config "$group/$name.toml" </dev/null >>"g/$name.log" 2>&1 3>&- &
    echo $! >"g/$name.pid"
    disown
  done
  eventually group_has_leader
  grep -q "listen: myname .*listening on every address" g/a.log
  run -0 with_hosts "$PWD/hosts.a" dpeers doctor --json --config "$group/a.toml"
  found ok address "myname is 127.0.1.1 on this host: the peer listens on every address"
  run -1 with_hosts "$PWD/hosts.a" dpeers doctor --json --config "$group/b.toml"
  found fail address "so a is looked for here"
}

@test "a host that waits to be let in is not taken for one that hangs" {
  mkdir -m 700 g/m
  printf 'name = "m"\njoin = ["127.0.0.1:%s"]\nlisten = "127.0.0.1:%s"\nkey_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' \
    "$(sed 's/,.*//; s/.*://' g/peers)" "$(free_ports 1)" "$group/key" "$group/m" "$group/m.sock" >g/m.toml
  coordd --config g/m.toml </dev/null >g/m.log 2>&1 3>&- &
  local waiting=$!
  waits() { output=$(doctor m) || true; found warn state 'waits to be let in: ' >/dev/null; }
  eventually waits
  found warn state 'see to it that the group runs, and that --join names a host of it'
  run ! found fail socket 'it is stopped, or hangs'
  kill -KILL $waiting
}
