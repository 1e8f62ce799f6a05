#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The limits of a peer, reached through its tools: one clear line and 69, those who are in go on, and room is used again.
# labels: slow
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  mkdir "$BATS_TEST_TMPDIR/state"
  cd "$BATS_TEST_TMPDIR"
  export COORD_SOCKET=$PWD/s
  pids=
}

teardown() {
  kill -9 $pids 2>/dev/null || true
  end_jobs KILL
}

# A peer alone at ./s, after the shell's limits.
serve() {
  coordd --name one --state-dir "$PWD/state" --socket "$PWD/s" "$@" </dev/null >>log 2>&1 3>&- &
  peer=$!
  pids+=" $peer"
  eventually dlock --list
}

# Somebody to hold what --acquire takes. Sets owner.
somebody() {
  sleep 1000 3>&- >/dev/null &
  owner=$!
  pids+=" $owner"
}

say_again() { timeout 60 python3 "$COORD_SOURCE/tests/tools/say_again.py" "$COORD_SOCKET" "$@"; }

# refused PATTERN COMMAND...: 69 and one line.
refused() {
  run -69 "${@:2}"
  echo "$output"
  [ "${#lines[@]}" -eq 1 ]
  # shellcheck disable=SC2254
  case $output in $1) ;; *) return 1 ;; esac
}

free() { dlock -n "$1" true; }

@test "sessions of a user: the 5,001st is refused, for locks as for leaderships; their end makes room" {
  serve
  somebody
  run -0 say_again 6000 dlock -s --acquire --pid $owner crowd
  [ "$output" = "4999 this user has too many sessions on this peer: end some, or wait" ]
  refused 'dlock: other: this user has too many sessions on this peer: *' dlock other true
  refused 'delect: other: this user has too many sessions on this peer: *' delect other true
  refused 'dbarrier: other: *: *' dbarrier --count 1 other
  run -0 dlock --list --json crowd
  [ "$(jq '.holders | length' <<<"$output" | awk '{ n += $1 } END { print n }')" -ge 5000 ]
  kill $owner
  eventually free other
}

@test "names and holds: 40,000 of the group, and no more" {
  serve
  somebody
  local i
  for ((i = 0; i < 625; i++)); do
    dlock --acquire --pid $owner "$(printf "n$i.%d," {1..63})n$i.64" >/dev/null
  done
  refused 'dlock: one-more: the group has too many names in use: *' dlock one-more true
  [ "$(dlock --list --json | wc -l)" -eq 40000 ]
  dlock --release --pid $owner "$(printf "n7.%d," {1..63})n7.64"
  run -0 dlock one-more true
  kill $owner
  eventually free n0.1
}

@test "names of a request: 64; a name: 255 bytes; depth of nesting: any" {
  serve
  run -0 dlock "$(printf '%d,' {1..63})64" true
  run -64 dlock "$(printf '%d,' {1..64})65" true
  run -0 dlock "$(printf 'x%.0s' {1..255})" true
  run -64 dlock "$(printf 'x%.0s' {1..256})" true
  cat >deeper <<'SH'
[ "$1" -gt 0 ] || exit 0
exec dlock "level.$1" -- sh ./deeper $(($1 - 1))
SH
  run -0 sh deeper 32
  run -0 sh deeper 40 # of more than 32 the innermost are looked at
}

@test "tools of a user whom only the group admits: 1,024; others are served" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  place=$(mktemp -d /tmp/coordutils-limits.XXXXXX) # where other users may look, too
  chmod 755 "$place"
  cp "$(command -v dlock)" "$place"
  COORD_SOCKET=$place/s
  serve --admit games --socket "$place/s"
  cat >"$place/crowd.py" <<'PY'
import grp, os, socket, subprocess, sys
os.setgroups([grp.getgrnam("games").gr_gid])
os.setgid(60011)
os.setuid(60011)
crowd = []
for i in range(1024):
    crowd.append(socket.socket(socket.AF_UNIX))
    crowd[-1].connect(sys.argv[1] + "/s")
done = subprocess.run([sys.argv[1] + "/dlock", "-n", "late", "true"], capture_output=True, text=True, timeout=20)
print(done.returncode, done.stderr, end="", flush=True)
sys.stdin.read()
PY
  mkfifo go
  python3 "$place/crowd.py" "$place" <go >said 3>&- &
  exec 9>go
  eventually is_file said
  [[ "$(cat said)" == "69 dlock: $place/s: this user has 1024 tools at this peer already, which is the limit: "* ]]
  run -0 dlock job true
  exec 9>&-
  wait $!
  rm -rf "$place"
}

@test "descriptors: the soft limit is raised to the hard one" {
  hard=$(ulimit -Hn)
  [ "$hard" -gt 300 ] || skip "too few descriptors allowed"
  ulimit -Sn 64
  serve
  ulimit -Sn "$hard"
  somebody
  run -0 say_again 150 dlock -s --acquire --pid $owner crowd
  [ "$output" = "150 all" ]
  soft=$(awk '/Max open files/ { print $4 }' "/proc/$peer/limits")
  [ "$soft" -gt 64 ]
}

@test "descriptors: who has few refuses in words, keeps what is held, and its log goes on" {
  [ "$(ulimit -Hn)" -gt 300 ] || skip "too few descriptors allowed"
  (
    ulimit -n 128
    exec coordd --name one --state-dir "$PWD/state" --socket "$PWD/s" </dev/null >>log 2>&1 3>&-
  ) &
  peer=$!
  pids+=" $peer"
  eventually dlock --list
  somebody
  run -0 say_again 200 dlock -s --acquire --pid $owner crowd
  [[ $output == *" the peer has no descriptors left for another"* ]]
  taken=${output%% *}
  [ "$taken" -gt 20 ]
  [ "$(grep -c 'descriptors' log)" -le 3 ]
  kill -0 $peer
  refused 'dlock: *: the peer has no descriptors left for another *: *' dlock other true
  kill $owner
  eventually free crowd # by taking it: from then on the peer has a hold's descriptors in stock
  somebody
  run -0 say_again $((taken - 2)) dlock -s --acquire --pid $owner crowd
  [[ $output == *" all" ]]
}

@test "frames: longer than allowed, of another version, none at all: closed, and nobody else notices" {
  serve
  python3 - "$COORD_SOCKET" <<'PY'
import socket, sys
for data in (b"CD\x01\x10\xff\xff\xff\xff", b"CD\x01\x10\x00\x00\x20\x00" + bytes(0x200000), b"CD\x7f\x10\x01\x00\x00\x00x", b"DC\x01\x10\x01\x00\x00\x00x", b"CD\x01\x10\x04\x00\x00\x00\xff\xff\xff\xff"):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(sys.argv[1])
    try:
        peer.sendall(data)
        while peer.recv(65536):
            pass
    except TimeoutError:
        sys.exit(f"not closed after {data[:12]}")
    except (BrokenPipeError, ConnectionResetError):
        pass
PY
  run -0 dlock job true
}
