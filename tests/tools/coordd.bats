#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# coordd's start, end and refusals, as whoever operates it sees them.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
  unset COORD_CONFIG
  export HOME=$BATS_TEST_TMPDIR/home XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/home/.config
}

teardown() {
  stop_group
  if [ -e mounted ]; then umount "$(cat mounted)"; fi
}

# refused STATUS PATTERN COMMAND...: one line, which matches, and the status
refused() {
  local status_wanted=$1 pattern=$2
  shift 2
  echo "$*"
  run "-$status_wanted" timeout 10 "$@"
  echo "$output"
  [ "${#lines[@]}" -eq 1 ]
  # shellcheck disable=SC2053
  [[ $output == $pattern ]]
}
as_a() { # the arguments of peer a, a line each
  printf '%s\n' --name a --peers "$(cat "$group/peers")" --key-file "$group/key" --state-dir "$group/a" --socket "$group/a.sock"
}

@test "--keygen prints a key line, another one each time" {
  one=$(coordd --keygen)
  [[ $one =~ ^[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=$ ]]
  [ "$one" != "$(coordd --keygen)" ]
}

@test "wrong options: one line and 64" {
  mapfile -t good < <(as_a)
  refused 64 'coordd: --name: missing: *' coordd --state-dir d --socket s
  refused 64 'coordd: --state-dir: missing: *' coordd --name a --socket s
  refused 64 'coordd: --socket: missing: *' env -u COORD_SOCKET coordd --name a --state-dir d
  refused 64 'coordd: --name: *' coordd --name 'a b' --state-dir d --socket s
  refused 64 'coordd: --peers: this peer, *' coordd --name z --peers "$(cat "$group/peers")" --key-file "$group/key" --state-dir d --socket s
  for peers in a a= a=1.2.3.4 a=1.2.3.4:0 a=1.2.3.4:99999 a=:1 'a=x:1,a=y:2' 'a=x:1,,b=y:1' 'a=[::1:7,b=x:1'; do
    refused 64 'coordd: --peers: *' coordd --name a --peers "$peers" --key-file "$group/key" --state-dir d --socket s
  done
  refused 64 'coordd: --peers: is empty: *' coordd --name a --peers '' --state-dir d --socket s
  refused 64 "coordd: --peers: 'a' and 'b' have the same address: *" coordd --name a --peers a=x:1,b=x:1 --key-file "$group/key" --state-dir d --socket s
  refused 64 'coordd: --rejoin: *' coordd --name a --state-dir d --socket s --rejoin
  refused 64 'coordd: --listen: *' coordd --name a --state-dir d --socket s --listen nowhere
  refused 69 'coordd: none: *' coordd --name a --state-dir d --socket s --key-file none
  refused 64 'coordd: --idle-exit: *' coordd "${good[@]}" --idle-exit 5
  [ ! -e d ]
  refused 64 'coordd: --peers: 16 peers: *' coordd --name p1 --peers "$(printf 'p%d=h:%d,' $(seq 30))p31=h:31" --key-file "$group/key" --state-dir d --socket s
  refused 64 'coordd: --key-file: missing: *' coordd --name a --peers a=x:1,b=x:2 --state-dir d --socket s
  refused 64 'coordd: --listen: *' coordd "${good[@]}" --listen nowhere
  refused 64 'coordd: --election-low: *' coordd "${good[@]}" --heartbeat 0.2 --election-low 0.3 --election-high 0.5
  refused 64 'coordd: --election-low: *' coordd "${good[@]}" --election-low 0.5 --election-high 0.3
  refused 64 'coordd: --log-level: *' coordd "${good[@]}" --log-level loud
}

@test "key files: mode, length, content, kind; the key is in no message" {
  mapfile -t good < <(as_a)
  secret=$(cut -d: -f2 "$group/key")
  with_key() { refused 69 "coordd: $1: *" coordd "${good[@]}"; [[ $output != *"${secret:0:10}"* ]]; }
  chmod 644 "$group/key"
  with_key "$group/key"
  chmod 600 "$group/key"
  mv "$group/key" "$group/real"
  with_key "$group/key"
  ln -s real "$group/key"
  with_key "$group/key"
  rm "$group/key"
  mkdir "$group/key"
  with_key "$group/key"
  rmdir "$group/key"
  mkfifo -m 600 "$group/key"
  with_key "$group/key"
  rm "$group/key"
  for content in '' '# only a comment' "k:${secret:0:20}" "k:$secret$secret" "k$secret" "k:${secret:0:42}!=" "$(printf 'k:%s\nk:%s' "$secret" "$secret")"; do
    (umask 077; printf '%s\n' "$content" >"$group/key")
    with_key "$group/key*"
  done
  head -c 2000000 /dev/zero >"$group/key"
  with_key "$group/key"
  if [ "$(id -u)" -eq 0 ]; then
    cp "$group/real" "$group/key"
    chown nobody "$group/key"
    with_key "$group/key"
  fi
}

@test "configuration: the same keys, lists, options win; each wrong line is named" {
  conf() { printf '%s\n' "$@" >c.toml; }
  conf 'name = "a"' "peers = [$(sed 's/[^,]*/"&"/g' "$group/peers")]" "key_file = \"$group/key\"" "state_dir = \"$group/a\"" "socket = \"$group/a.sock\"" 'heartbeat = 0.1' 'election_low = 0.5' 'election_high = 1'
  coordd --config c.toml </dev/null >"$group/a.log" 2>&1 3>&- &
  echo $! >"$group/a.pid"
  disown
  start_peer b "${calm[@]}"
  start_peer c "${calm[@]}"
  eventually group_has_leader
  run -0 dlock job true
  signal_peer TERM a
  eventually peer_gone a
  refused 69 'coordd: none.toml: *' coordd --config none.toml
  conf 'name = "a"' 'peers = []' 'state_dir = "d"' 'socket = "s"'
  refused 69 'coordd: *:2: peers: is an empty list: *' coordd --config c.toml
  conf 'name = "a"' 'wobble = 1'
  refused 69 'coordd: c.toml:2: *' coordd --config c.toml
  conf 'name = "a"' 'state_dir = '
  refused 69 'coordd: c.toml:2: *' coordd --config c.toml
  conf 'name = "a"' 'heartbeat = "soon"'
  refused 69 'coordd: c.toml:2: *' coordd --config c.toml
  conf 'name = "a"' '[peers]' 'a = 1'
  refused 69 'coordd: c.toml:2: *' coordd --config c.toml
  head -c 3000 /dev/urandom >c.toml
  refused 69 'coordd: c.toml*' coordd --config c.toml
}

@test "state directories: in use, not there, no directory, of another peer, of another list" {
  start_group "${calm[@]}"
  mapfile -t good < <(as_a)
  refused 69 "coordd: $group/a*: *" coordd "${good[@]}" --socket "$group/other.sock"
  refused 69 "coordd: *" coordd "${good[@]}" --state-dir "$group/none/deeper"
  touch file
  refused 69 "coordd: *" coordd "${good[@]}" --state-dir "$PWD/file"
  refused 69 "coordd: *" coordd "${good[@]}" --state-dir /proc/self
  signal_peer TERM b
  eventually peer_gone b
  mapfile -t good < <(as_a)
  refused 65 "coordd: $group/b*: *" coordd "${good[@]}" --state-dir "$group/b" --socket "$group/other.sock"
  run -0 dlock job true
}

@test "addresses and sockets: taken, not ours, no socket" {
  start_group "${calm[@]}"
  mapfile -t good < <(as_a)
  mkdir d
  refused 69 "coordd: *: *" coordd "${good[@]}" --state-dir "$PWD/d" --socket "$PWD/s" # its port is taken
  mkdir x
  refused 69 "coordd: $group/a.sock: *" coordd --name x --state-dir "$PWD/x" --socket "$group/a.sock"
  touch file
  refused 69 "coordd: $PWD/file: *" coordd --name x --state-dir "$PWD/x" --socket "$PWD/file"
  refused 69 "coordd: $PWD/none/s*" coordd --name x --state-dir "$PWD/x" --socket "$PWD/none/s"
  run -0 dlock job true
}

@test "a failed start that is tried again is told once a minute, another cause at once" {
  mkdir said
  mapfile -t bad < <(as_a | sed "s,^$group/key$,$PWD/key,")
  export RUNTIME_DIRECTORY=$PWD/said
  refused 69 "coordd: $PWD/key: *" coordd "${bad[@]}"
  for again in 1 2 3; do
    run -69 coordd "${bad[@]}"
    [ -z "$output" ]
  done
  touch -d '-61 seconds' said/*
  refused 69 "coordd: $PWD/key: *" coordd "${bad[@]}"
  touch key
  chmod 644 key
  refused 69 "coordd: $PWD/key: others may read*" coordd "${bad[@]}"
  run -69 coordd "${bad[@]}"
  [ -z "$output" ]
  # What it cannot keep it says each time; a file that is somebody's is not followed.
  rm said/*
  ln -s "$PWD/other" said/failed-start
  refused 69 "coordd: $PWD/key: *" coordd "${bad[@]}"
  refused 69 "coordd: $PWD/key: *" coordd "${bad[@]}"
  [ ! -e other ]
}

@test "--check-config says what a configuration makes of a peer, and starts nothing" {
  cat >c.toml <<TOML
name = "a"
peers = ["a=127.0.0.1:7411", "b=beta.example:7411"]
key_file = "$group/key"
state_dir = "$PWD/state"
socket = "$PWD/s"
TOML
  chmod 600 c.toml
  run -0 coordd --check-config --config c.toml
  [ "${lines[0]}" = "c.toml: right" ]
  grep -qx "  with      b at beta.example:7411" <<<"$output"
  grep -qx "  keys      1 in $group/key" <<<"$output"
  [ ! -e state ] && [ ! -e s ]
  echo 'nme = "b"' >>c.toml
  refused 69 'coordd: c.toml*' coordd --check-config --config c.toml
  refused 64 'coordd: --name: *' coordd --check-config --name 'a b' --state-dir d --socket s
  refused 69 "coordd: none: *" coordd --check-config --name a --state-dir d --socket s --key-file none
}

@test "an address that comes after the start is listened on already" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  cat >inside <<'SH'
set -e
ip link set lo up
coordd --name a --peers a=192.0.2.1:7411,b=192.0.2.2:7411 --key-file "$1" --state-dir "$PWD/late" --socket "$PWD/late.sock" 2>late.log &
for i in $(seq 500); do grep -q 'serves' late.log && break; sleep 0.02; done
grep 'warning.*192.0.2.1 is no address of this host now' late.log
ip address add 192.0.2.1/32 dev lo
python3 -c 'import socket; socket.create_connection(("192.0.2.1", 7411), 5); print("reached")'
ss -Hlun | grep 192.0.2.1:7411
kill $!
wait
SH
  run timeout 30 unshare -n bash inside "$group/key" 3>&-
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *reached* ]]
}

@test "another key, another list: refused, told to the operator, and never a quorum" {
  start_peer a "${calm[@]}"
  coordd --keygen >"$group/other-key"
  chmod 600 "$group/other-key"
  start_peer b "${calm[@]}" --key-file "$group/other-key"
  cp "$group/peers" "$group/real-peers"
  sed -i 's/c=127.0.0.1:\([0-9]*\)/c=127.0.0.1:\1,d=127.0.0.1:9/' "$group/peers"
  start_peer c "${calm[@]}"
  cp "$group/real-peers" "$group/peers"
  eventually grep -q refused "$group/a.log"
  names_it() { grep -iE "$1" "$group/$2.log"; }
  eventually names_it 'group|list' c
  run -69 dlock -n job true
  secret=$(cut -d: -f2 "$group/key")
  ! grep -F "${secret:0:12}" "$group"/*.log
}

@test "SIGTERM: leadership is handed over before the end, status 0; a second one ends it at once" {
  start_group "${calm[@]}"
  leader=$(leader_seen_by a)
  other=$(others_than "$leader" | head -n 1)
  term=$(on "$other" dpeers --json | jq 'select(.local) | .term')
  begin=$(now_us)
  signal_peer TERM "$leader"
  eventually peer_gone "$leader"
  [ $(($(now_us) - begin)) -lt 2500000 ]
  another_leads() { now=$(leader_seen_by "$other") && [ -n "$now" ] && [ "$now" != "$leader" ]; }
  eventually another_leads
  [ "$(on "$other" dpeers --json | jq 'select(.local) | .term')" -eq $((term + 1)) ]
  run -0 on "$other" dlock job true
  # Nobody to hand over to: within its second all the same.
  for name in $(others_than "$leader"); do signal_peer STOP "$name"; done
  for name in $(others_than "$leader"); do signal_peer TERM "$name"; done
  for name in $(others_than "$leader"); do signal_peer CONT "$name"; done
  for name in $(others_than "$leader"); do eventually peer_gone "$name"; done
  mapfile -t good < <(as_a)
  coordd "${good[@]}" </dev/null >>"$group/a.log" 2>&1 3>&- &
  pid=$!
  eventually dpeers >/dev/null 2>&1
  status=0
  kill -TERM $pid
  wait $pid || status=$?
  [ $status -eq 0 ]
}

@test "rubbish on its ports: it goes on, logs little, and its memory stays bounded" {
  start_group "${calm[@]}"
  port=$(sed 's/.*a=127.0.0.1:\([0-9]*\).*/\1/' "$group/peers")
  python3 - "$port" "$group/a.sock" <<'PY'
import random, socket, sys
random.seed(7)
port, path = int(sys.argv[1]), sys.argv[2]
held = []
def shoot(make, data):
    s = make()
    s.settimeout(5)
    try:
        s.sendall(data)
    except OSError:
        pass
    held.append(s)
    if len(held) > 64:
        held.pop(0).close()
def tcp(): return socket.create_connection(("127.0.0.1", port))
def unix():
    s = socket.socket(socket.AF_UNIX); s.connect(path); return s
head = b"CRDU\x01"
for i in range(300):
    for make in (tcp, unix):
        shoot(make, random.choice([b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + random.randbytes(500), random.randbytes(3000),
                                   b"\xff" * 64, head + b"\xff" * 16, random.randbytes(20) + b"\x00" * 2000000]))
PY
  run -0 dlock job true
  [ -n "${COORD_SANITIZE-}" ] || [ "$(awk '/VmRSS/ { print $2 }' "/proc/$(pid_of a)/status")" -lt 40000 ]
  [ "$(wc -l <"$group/a.log")" -lt 400 ]
  run -0 dpeers
}

@test "a full disk: one line says so, and what holds goes on" {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  mkdir small
  mount -t tmpfs -o size=64k none small || skip "tmpfs cannot be mounted here"
  echo "$PWD/small" >mounted
  refused 69 "coordd: *small*: *" coordd --name x --state-dir "$PWD/small" --socket "$PWD/s"
  umount small
  rm mounted
}

@test "its memory: under 15 MB with three peers that are idle, 3 MB of its own" {
  start_group
  run -0 dlock job true
  memory_of() { awk -v what="$1:" '$1 == what { print $2 }' "/proc/$(pid_of "$2")/status"; }
  for name in a b c; do
    echo "$name: $(memory_of VmRSS $name) kB, $(memory_of RssAnon $name) kB its own"
    [ -z "${COORD_SANITIZE-}" ] || continue
    [ "$(memory_of RssAnon $name)" -lt 3000 ]
    # A program that is not optimized is larger by itself.
    grep -q '^CMAKE_BUILD_TYPE.*=Debug' "$COORD_BUILD/CMakeCache.txt" || [ "$(memory_of VmRSS $name)" -lt 15000 ]
  done
}

@test "logs: time, level and event, a line each, no secrets" {
  start_group "${calm[@]}" --log-level debug
  run -0 dlock job true
  secret=$(cut -d: -f2 "$group/key")
  for name in a b c; do
    [ "$(grep -cvE '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (error|warning|info|debug) .' "$group/$name.log")" -eq 0 ]
    ! grep -F "${secret:0:12}" "$group/$name.log"
  done
}

# lines NAME TEXT...: what the debug log of that peer has, without time and level, that begins with this text.
lines() { sed -n 's/^[^ ]* debug //p' "$group/$1.log" | grep -E "^${*:2}"; }

@test "the debug log of three peers reads like a trace: an election with its votes" {
  start_group "${calm[@]}" --log-level debug
  leader=$(leader_seen_by a)
  term=$(lines "$leader" "$leader - leader of term" | tail -n 1 | sed 's/.* term \([0-9]*\),.*/\1/')
  [ -n "$term" ]
  lines "$leader" "$leader - pre-candidate of term "
  lines "$leader" "$leader - candidate of term $term, no leader$"
  lines "$leader" "$leader - writes term $term, vote for $leader$"
  voted=0
  for other in $(others_than "$leader"); do
    lines "$leader" "$leader > $other vote request term $term log [0-9]+@[0-9]+"
    lines "$other" "$other - greeted by $leader, "
    eventually lines "$other" "$other - follower of term $term, leader $leader$"
    # One vote is enough: who was late with its own is not heard.
    if lines "$leader" "$other > $leader vote term $term granted$"; then
      lines "$other" "$leader > $other vote request term $term "
      lines "$other" "$other - writes term $term, vote for $leader$"
      lines "$other" "$other > $leader vote term $term granted$"
      voted=$((voted + 1))
    fi
  done
  [ "$voted" -ge 1 ]
  for name in a b c; do
    ! lines "$name" '.* heartbeat'
    cp "$group/$name.log" so_far  # it grows between two looks
    [ "$(grep -c ' debug ' so_far)" -eq "$(grep -cE ' debug [abc] ([>x] [abc]|-) .' so_far)" ]
  done
}

@test "the debug log of three peers reads like a trace: a lock, from the tool to all peers" {
  start_group "${calm[@]}" --log-level debug
  run -0 dlock --report report 'my job' true
  token=$(jq -r .token report)
  lines a "a - tool [0-9]+ says acquire request 1 'my job'$"
  session=$(lines a "a - applies [0-9]+ granted session [0-9]+ request 1 token $token 'my job'$" | sed 's/.* session \([0-9]*\) .*/\1/')
  lines a "a - keeps session $session token $token of tool [0-9]+$"
  lines a "a - tells tool [0-9]+ granted session $session request 1 token $token"
  leader=$(leader_seen_by a)
  lines "$leader" "$leader - appends $session@[0-9]+ [0-9]+:[0-9]+ acquire request 1 'my job'$"
  for name in a b c; do
    eventually lines "$name" "$name - applies $session granted session $session request 1 token $token 'my job'$"
    eventually lines "$name" "$name - applies [0-9]+ released session $session request 1 token $token 'my job'$"
  done
  eventually lines a "a - forgets session $session$"
}
