#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A peer for all users of a host: who may use it, whom its tools believe, and the units that start it.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  unset COORD_SOCKET COORD_CONFIG
  export COORD_AUTOSTART=no
  place=$(mktemp -d /tmp/coordutils-systempeer.XXXXXX)  # where other users may look, too
  mkdir "$place/bin"
  cp "$(command -v coordd)" "$(command -v dlock)" "$(command -v delect)" "$place/bin"
  chmod 755 "$place" "$place/bin"
  PATH=$place/bin:$PATH
  cd "$place"
}

teardown() {
  [ -z "${pids-}" ] || kill -KILL $pids 2>/dev/null || true
  wait 2>/dev/null || true
  cd /
  rm -rf "$place"
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# as USER GROUPS COMMAND...: with that user id and these supplementary groups only
as() {
  local user=$1 groups=$2
  shift 2
  setpriv --reuid "$user" --regid "$user" --groups "$groups" -- "$@"
}

# serve [OPTION...]: a peer in this directory; waits until it answers root
serve() {
  mkdir -p state
  coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" "$@" </dev/null >>log 2>&1 3>&- &
  peer=$!
  pids="${pids-} $peer"
  eventually dlock --socket "$PWD/sock" --list
}

gid_of() { getent group "$1" | cut -d: -f3; }

@test "--admit: members may use the peer, whichever of their groups it is; others are told why" {
  need_root
  serve --admit games
  [ "$(stat -c '%a %G' sock)" = "660 games" ]
  run -0 as 65534 "$(gid_of games)" dlock --socket "$PWD/sock" job -- sh -c 'echo ran'
  [ "$output" = ran ]
  run -0 as 60001 "$(gid_of games),$(gid_of mail)" dlock --socket "$PWD/sock" job true
  run -0 setpriv --reuid 60002 --regid "$(gid_of games)" --clear-groups dlock --socket "$PWD/sock" job true
  run -69 as 65534 "$(gid_of mail)" dlock --socket "$PWD/sock" job true
  [[ "$output" == *"this user may not use this peer"*"group"* ]]
  chmod 666 sock  # whatever the mode: the peer looks itself
  run -69 as 65534 "$(gid_of mail)" dlock --socket "$PWD/sock" job true
  [[ "$output" == *"not in the group"* ]]
  [ "${#lines[@]}" -eq 1 ]
}

@test "an enrolment belongs to who made it: other users may neither withdraw nor change it" {
  need_root
  serve --admit games
  local games
  games=$(gid_of games)
  run -0 as 60001 "$games" delect --socket "$PWD/sock" --enroll job
  eventually as 60002 "$games" delect --socket "$PWD/sock" --is-leader job
  run -1 as 60002 "$games" delect --socket "$PWD/sock" --withdraw job
  [[ $output == "delect: job: enrolled here by another user: only that user and root may change it"* ]]
  run -1 as 60002 "$games" delect --socket "$PWD/sock" --enroll job --priority 9
  run -0 as 60001 "$games" delect --socket "$PWD/sock" --withdraw job
  run -0 as 60001 "$games" delect --socket "$PWD/sock" --enroll job
  run -0 delect --socket "$PWD/sock" --withdraw job
}

@test "without --admit it is its own user's and root's" {
  need_root
  serve
  [ "$(stat -c %a sock)" = 600 ]
  chmod 666 sock
  run -69 as 65534 "$(gid_of games)" dlock --socket "$PWD/sock" job true
  [[ "$output" == *"another user's"* ]]
}

@test "--admit with a group that is not there: 69 in one line" {
  mkdir state
  run -69 coordd --name one --state-dir state --socket sock --admit no-such-group-anywhere
  [ "${#lines[@]}" -eq 1 ]
  [[ "$output" == "coordd: --admit: "* ]]
}

@test "a member's word does not make the peer kill what is not the member's" {
  need_root
  serve --admit games
  cat >liar.py <<'PY'
# Between a tool and its peer: names another process as the tool's command, or a child of its own, for whose parent the peer takes the
# tool. usage: liar.py PEER_SOCKET OWN_SOCKET PID|child
import os, select, socket, struct, subprocess, sys
started = 2  # the request's number; then the number of what was asked for, and the pid
pid = subprocess.Popen(["sleep", "300"]).pid if sys.argv[3] == "child" else int(sys.argv[3])
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[2])
listening.listen()
tool, _ = listening.accept()
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
while True:
    ready, _, _ = select.select([tool, peer], [], [])
    for source in ready:
        data, passed, _, _ = socket.recv_fds(source, 65536, 1)
        if not data:
            sys.exit()
        if source is tool and data[8] == started:
            data = data[:17] + struct.pack("<I", pid) + data[21:]
            passed = [os.pidfd_open(pid)]
            print("named", pid, flush=True)
        socket.send_fds(peer if source is tool else tool, [data], passed)
PY
  lies() {  # NAME PID: a member's dlock whose command is said to be PID; its status goes to NAME/status
    install -d -o 65534 "$1"
    as 65534 "$(gid_of games)" "$(PATH=/usr/bin:/bin command -v python3)" "$PWD/liar.py" "$PWD/sock" "$PWD/$1/sock" "$2" >"$1/said" 2>&1 3>&- &
    pids="$pids $!"
    eventually test -S "$1/sock"
    (as 65534 "$(gid_of games)" dlock -q --ttl 1 --socket "$PWD/$1/sock" "$1" sleep 60 2>"$1/err" || echo $? >"$1/status") 3>&- &
    pids="$pids $!"
    eventually grep -q named "$1/said" || { cat "$1/said" log; false; }
  }
  sleep 300 3>&- &
  victim=$!
  setpriv --reuid 65534 --regid 65534 --clear-groups sleep 300 3>&- &
  own=$!
  pids="$pids $victim $own"
  lies lie "$victim"
  lies half "$own"
  for name in lie half; do
    eventually test -s "$name/status"
    [ "$(cat "$name/status")" -eq 69 ]
    grep -q "^dlock: $name: process [0-9]* cannot be guarded: this tool has not started it$" "$name/err"
  done
  lies truth child
  child=$(sed -n 's/^named //p' truth/said)
  pids="$pids $child"
  kill -STOP "$peer"
  sleep 1.5  # longer than the lease: there is nothing to wait for
  kill -CONT "$peer"
  eventually sh -c "! kill -0 $child 2>/dev/null"
  kill -0 "$own"
  kill -0 "$victim"
}

@test "a system peer of its own user is believed only where root made its directory" {
  need_root
  command -v unshare >/dev/null || skip "no unshare"
  mkdir -p state && chown 60007 state
  cat >inside <<'SH'
set -e
mount -t tmpfs -o mode=755 none /run
mkdir /run/coordutils && chown 60007 /run/coordutils
setpriv --reuid 60007 --regid 60007 --clear-groups coordd --name one --state-dir "$1/state" --socket /run/coordutils/coordd.sock </dev/null >>log 2>&1 3>&- &
for i in $(seq 500); do dlock --socket /run/coordutils/coordd.sock --list 2>/dev/null && break; sleep 0.02; done
dlock --socket /run/coordutils/coordd.sock job echo believed
mkdir /run/other && chown 60007 /run/other
ln /run/coordutils/coordd.sock /run/other/coordd.sock
dlock --socket /run/other/coordd.sock job echo wrong 2>&1 || echo "status $?"
chmod 777 /run/coordutils
dlock --socket /run/coordutils/coordd.sock job echo wrong 2>&1 || echo "status $?"
kill %1
SH
  run -0 unshare -m --propagation private bash inside "$PWD"
  echo "$output"
  [ "${lines[0]}" = believed ]
  [[ "${lines[1]}" == *"runs as another user"* ]]
  [ "${lines[2]}" = "status 69" ]
  [[ "${lines[3]}" == *"runs as another user"* ]]
  [ "${lines[4]}" = "status 69" ]
}

@test "with a configuration in /etc no tool starts a peer: it says how to start the service" {
  need_root
  command -v unshare >/dev/null || skip "no unshare"
  mkdir -p etc
  cp "$COORD_SOURCE/scripts/systemd/coordd.toml.example" etc/coordd.toml
  cat >inside <<'SH'
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc || exit 99
mkdir -p /etc/coordutils && cp "$1/etc/coordd.toml" /etc/coordutils/
unset COORD_AUTOSTART
export HOME=$1
status=0
dlock job true || status=$?
! pgrep -f -- "--config /etc/coordutils/coordd.toml" || exit 1
exit $status
SH
  run unshare -m -p -f --mount-proc --kill-child --propagation private bash inside "$PWD" # its own processes only
  [ "$status" -ne 99 ] || skip "no overlay mounts here"
  [ "$status" -eq 69 ]
  [[ "$output" == "dlock: /run/coordutils/coordd.sock: "*": start its service: systemctl start coordd" ]]
}

@test "it takes the socket that it is handed, tells when it is ready and when it stops" {
  command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
  cat >heard.py <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("notify")
s.settimeout(20)
print("listening", flush=True)
while (word := s.recv(500).decode()) != "STOPPING=1":
    print(word, flush=True)
print(word, flush=True)
PY
  python3 heard.py >heard 3>&- &
  pids="${pids-} $!"
  eventually grep -q listening heard
  mkdir state
  systemd-socket-activate -l "$PWD/sock" -E "NOTIFY_SOCKET=$PWD/notify" -E "PATH=$PATH" \
    coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" >>log 2>&1 3>&- &
  peer=$!
  pids="$pids $peer"
  eventually test -S sock
  run -0 dlock --socket "$PWD/sock" job echo served
  [[ "$output" == *served ]]
  eventually grep -q READY=1 heard
  eventually grep -qx 'STATUS=one: term [0-9]*: leader one' heard
  kill "$peer"
  eventually grep -q STOPPING=1 heard
  eventually sh -c "! kill -0 $peer 2>/dev/null"
  [ -S sock ]  # systemd's, not ours to remove
}

@test "started through its socket and of no use: whoever waits there is told so, and the socket is empty when it ends" {
  command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
  mkdir state kept
  echo "no log" >state/segment-0000000000000001
  for wrong in '' --nonsense; do
    rm -f sock
    systemd-socket-activate -l "$PWD/sock" -E "RUNTIME_DIRECTORY=$PWD/kept" -E "PATH=$PATH" \
      coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" $wrong >>log 2>&1 3>&- &
    peer=$!
    pids="${pids-} $peer"
    eventually test -S sock
    # The first one's connection has started it, and so would start it again.
    dlock --socket "$PWD/sock" job true >first 2>&1 3>&- && status=0 || status=$?
    [ "$status" = 69 ]
    [[ $(cat first) == *"the peer cannot start, and only a person can mend that"* ]]
    status=0
    wait "$peer" || status=$?
    [ "$status" = $([ -z "$wrong" ] && echo 65 || echo 64) ]
  done
  # Elsewhere than under systemd nobody starts it again: it ends at once, and takes nobody's connection.
  rm sock
  run -65 coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock"
}

@test "the units are right" {
  command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
  mkdir units
  for unit in coordd.service coordd.socket coordd-host.service coordd-host.socket; do
    sed "s,/usr/bin/coordd,$(command -v coordd)," "$COORD_SOURCE/scripts/systemd/$unit" >units/$unit
  done
  for unit in coordd coordd-host; do # what was said of a failed start is kept over the next one
    grep -qx RuntimeDirectoryPreserve=yes units/$unit.service
    grep -q ^RuntimeDirectory= units/$unit.service
  done
  run -0 systemd-analyze verify --man=no --recursive-errors=no "$PWD"/units/*
  echo "$output"
  ! grep -E 'units/coordd|coordd(-host)?\.(service|socket):' <<<"$output"
}

@test "the example of a configuration is one" {
  mkdir state
  coordd --keygen >key
  chmod 600 key
  read -r port < <(free_ports 1)
  sed -e "s,/etc/coordutils/key,$PWD/key," -e "s,/var/lib/coordutils,$PWD/state," -e "s,/run/coordutils,$PWD," \
    -e "s/^admit.*/admit = \"$(id -gn)\"/" -e "s/192.0.2.1:7411/127.0.0.1:$port/" \
    "$COORD_SOURCE/scripts/systemd/coordd.toml.example" >coordd.toml
  coordd --config coordd.toml </dev/null >>log 2>&1 3>&- &
  pids="${pids-} $!"
  eventually dpeers --socket "$PWD/coordd.sock"
  [ "$(dpeers --socket "$PWD/coordd.sock" --json | jq -r 'select(.local).name')" = alpha ]
}
