#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# coordd while it runs: HUP reads keys and log level again, and a log that nobody reads holds up nobody.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  cd "$BATS_TEST_TMPDIR"
  unset COORD_SOCKET COORD_CONFIG
}

teardown() {
  end_jobs KILL
  stop_group
}

# Each peer with a configuration and a key file of its own: $group/NAME.toml, $group/NAME.key
configured_group() {
  for name in "${names[@]}"; do
    cp "$group/key" "$group/$name.key"
    {
      printf 'name = "%s"\npeers = ["%s"]\nlog_level = "%s"\n' "$name" "$(sed 's/,/","/g' "$group/peers")" "${1:-info}"
      printf 'key_file = "%s"\nstate_dir = "%s"\nsocket = "%s"\n' "$group/$name.key" "$group/$name" "$group/$name.sock"
      printf 'heartbeat = 0.1\nelection_low = 0.5\nelection_high = 1\n'
    } >"$group/$name.toml"
    setsid coordd --config "$group/$name.toml" </dev/null >>"$group/$name.log" 2>&1 3>&- &
    echo $! >"$group/$name.pid"
    disown
  done
  eventually group_has_leader
}

logged() { grep -q -- "$2" "$group/$1.log"; } # NAME TEXT
times_logged() { grep -c -- "$2" "$group/$1.log" || true; }
has_reloaded() { [ "$(times_logged "$1" ' reload: ')" -ge "$2" ]; } # NAME TIMES
reload() { # TIMES: the keys of all; waits until each has read them that often
  for name in "${names[@]}"; do signal_peer HUP "$name"; done
  for name in "${names[@]}"; do eventually has_reloaded "$name" "$1"; done
}
connected_again() { # every peer is up to both others
  for name in "${names[@]}"; do
    [ "$(on "$name" dpeers --json | jq -r 'select(.state == "alive") | .name' | wc -l)" -eq 3 ] || return 1
  done
}

@test "a key is rotated by HUP alone: a lock is held all the while, and links with the old key end" {
  configured_group
  hold a job
  coordd --keygen >new
  for name in a b c; do cat "$group/key" new >"$group/$name.key"; done
  reload 1
  for name in a b c; do cat new "$group/key" >"$group/$name.key"; done
  reload 2
  ! logged a 'no longer in the key file'  # all keys are there: no link ended
  for name in a b c; do cp new "$group/$name.key"; done
  reload 3
  eventually connected_again
  old=$(cut -d: -f1 "$group/key")
  # Whichever end is first says so; the other one sees it close.
  cat "$group"/?.log | grep -q "its key $old is no longer in the key file"
  ! cat "$group"/?.log | grep -q 'need a restart'
  kill -0 "$holder"
  is_held b job
  release job
  wait "$holder"
  # Whoever has the old one only is out.
  kill -KILL "$(pid_of c)"
  eventually peer_gone c
  cp "$group/key" "$group/c.key"
  : >"$group/c.log"
  setsid coordd --config "$group/c.toml" </dev/null >>"$group/c.log" 2>&1 3>&- &
  echo $! >"$group/c.pid"
  eventually logged c 'not connected'
  sees_none c
}

@test "a key file or a configuration that is wrong or gone changes nothing and is one error line" {
  configured_group warning
  cp "$group/a.key" good
  cp "$group/a.toml" good.toml
  : >"$group/a.log"
  wrong() { # TEXT: one HUP, one line
    before=$(wc -l <"$group/a.log")
    signal_peer HUP a
    more_lines() { [ "$(wc -l <"$group/a.log")" -gt "$before" ]; }
    eventually more_lines
    [ "$(wc -l <"$group/a.log")" -eq $((before + 1)) ]
    tail -n 1 "$group/a.log"
    tail -n 1 "$group/a.log" | grep -q " error reload: nothing is changed: .*$1"
  }
  echo 'rubbish' >"$group/a.key"
  wrong "$group/a.key:1: not a line id:base64"
  rm "$group/a.key"
  wrong "$group/a.key: no such file"
  install -m 644 good "$group/a.key"
  wrong "$group/a.key: others may read or write it"
  rm "$group/a.key"
  install -m 600 good "$group/a.key"
  printf '%s\nlog_level = "debug"\nno_such_key = 1\n' "$(grep -v log_level good.toml)" >"$group/a.toml"
  wrong 'no_such_key: unknown key'
  echo 'name = ' >"$group/a.toml"
  wrong "$group/a.toml:1"
  rm "$group/a.toml"
  wrong "$group/a.toml: No such file"
  mkfifo "$group/a.toml"
  wrong "$group/a.toml: it is a pipe"
  rm "$group/a.toml"
  # The level is what it was, the links stand.
  ! grep -q ' \(debug\|info\) ' "$group/a.log"
  connected_again
  ! logged b 'connection lost'
}

@test "the log level changes by HUP; what else has changed needs a restart, by name" {
  configured_group warning
  ! logged a ' info '
  sed -i 's/^log_level.*/log_level = "info"/; s/^heartbeat.*/heartbeat = 0.2/' "$group/a.toml"
  printf 'admit = "%s"\n' "$(id -gn)" >>"$group/a.toml"
  signal_peer HUP a
  eventually logged a 'warning reload: need a restart: admit, heartbeat$'
  logged a 'info reload: keys and log level read again'
  sed -i 's/^log_level.*/log_level = "debug"/' "$group/a.toml"
  signal_peer HUP a
  eventually has_reloaded a 4
  ! logged a ' debug .*job'
  on a dlock job true
  eventually logged a " debug a - applies [0-9]* granted .* 'job'$"
}

@test "HUP ends a coordd that has a terminal, as it does any program" {
  cat >at_terminal.py <<'PY'
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
text = b""
while b"serves" not in text:
    text += os.read(terminal, 4096)
os.kill(child, signal.SIGHUP)
_, status = os.waitpid(child, 0)
print(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP)
PY
  mkdir state
  run -0 timeout 60 python3 at_terminal.py coordd --name one --state-dir state --socket sock
  [ "$output" = True ]
}

@test "a reader of stderr that hangs: locks go on, lines are dropped and counted" {
  mkfifo log go
  # Keeps the pipe open and reads nothing until it is told to.
  bash -c 'exec 4<>log; echo ready >opened; read line <go; exec 5<log 4>&-; cat <&5 >read' 3>&- &
  eventually is_file opened
  cat >reloads.py <<'PY'
# Asks for so many reloads, each once the one before is over. usage: reloads.py NOTIFY_SOCKET PID_FILE TIMES
import os, signal, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(30)
ready = lambda: any(iter(lambda: s.recv(100) == b"READY=1", True)) or True
print("listening", flush=True)
ready()
print("started", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    os.kill(int(open(sys.argv[2]).read()), signal.SIGHUP)
    ready()
print("reloaded", flush=True)
PY
  mkfifo begin
  python3 reloads.py notify pid 400 <begin >told 3>&- &
  exec 7>begin
  eventually grep -q listening told
  # Long lines: each names a file that is not there.
  part=$(printf 'x%.0s' $(seq 250))
  long=$part/$part/$part/$part/$part/$part/$part/$part/$part/$part/$part/$part
  mkdir -p state "$long"
  printf 'name = "one"\nstate_dir = "state"\nsocket = "sock"\n' >"$long/c.toml"
  NOTIFY_SOCKET=$PWD/notify setsid coordd --config "$long/c.toml" </dev/null >/dev/null 2>log 3>&- 7>&- &
  peer=$!
  echo $peer >pid
  eventually grep -q started told
  rm "$long/c.toml"
  echo >&7
  eventually grep -q reloaded told # 1.2 MB of lines
  run -0 timeout 20 dlock --socket sock --ttl 1 job sleep 2
  kill -0 "$peer"
  echo >go
  eventually grep -aq ' warning [0-9]* log lines were dropped' read
  kill "$peer"
  wait "$peer"
}

@test "it ends at TERM though nobody reads its log" {
  mkdir state
  mkfifo log
  exec 6<>log
  head -c 65536 /dev/zero >&6 # full
  coordd --name one --state-dir state --socket sock </dev/null >/dev/null 2>log 3>&- 6>&- &
  peer=$!
  eventually dlock --socket sock --list
  kill "$peer"
  eventually gone "$peer"
  wait "$peer"
  exec 6>&-
}

@test "the memory of a peer that has the key is nobody's to read, and leaves no core file" {
  [ "$(id -u)" = 0 ] || skip "needs root"
  grep -q '^LimitCORE=0' "$COORD_SOURCE/scripts/systemd/coordd.service"
  place=$(mktemp -d /tmp/coordutils-memory.XXXXXX)
  cp "$(command -v coordd)" "$group/key" "$place"
  chown -R 60012 "$place"
  read -r port < <(free_ports 1)
  cd "$place"
  serve() {
    setpriv --reuid 60012 --regid 60012 --clear-groups ./coordd --name a --state-dir "$1" --socket "$1.sock" "${@:2}" </dev/null >"$BATS_TEST_TMPDIR/$1.log" 2>&1 3>&- &
    peer=$!
    eventually test -S "$1.sock"
  }
  serve with --peers "a=127.0.0.1:$port" --key-file key
  [ "$(stat -c %u "/proc/$peer/mem")" = 0 ]
  ! setpriv --reuid 60012 --regid 60012 --clear-groups cat "/proc/$peer/environ"
  kill -KILL "$peer"
  serve without
  [ "$(stat -c %u "/proc/$peer/mem")" = 60012 ]
  kill -KILL "$peer"
  cd "$BATS_TEST_TMPDIR"
  rm -rf "$place"
}
