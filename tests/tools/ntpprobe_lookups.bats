#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Names whose name server is silent: in namespaces of their own, with a resolv.conf of their own.
# labels: release
bats_require_minimum_version 1.5.0
load traps

# Runs the script on standard input as root of new namespaces in which 127.0.0.1:53 takes questions and
# answers none, "quick.example" is in /etc/hosts, and test servers can be started with start_server.
with_silent_dns() {
  unshare -rnmpf --mount-proc true 2>/dev/null || skip "no namespaces"
  echo "nameserver 127.0.0.1" >resolv.conf
  echo "hosts: files dns" >nsswitch.conf
  echo "127.0.0.1 localhost quick.example" >hosts
  cat >silent.py <<'PY'
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("silent", flush=True)
while True:
    s.recv(512)
PY
  {
    cat <<'INSIDE'
set -e
for file in resolv.conf nsswitch.conf hosts; do mount --bind $file "$(realpath /etc/$file)"; done
ip link set lo up
python3 silent.py >silent 3>&- &
until [ -s silent ]; do sleep 0.02; done
start_server() {
  ntp_server "$@" >server 3>&- &
  until [ -s server ]; do sleep 0.02; done
  port=$(cat server)
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
INSIDE
    cat
  } >inside
  run timeout -k 5 120 unshare -rnmpf --mount-proc --kill-child bash inside 3>&-
}

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "a silent name server holds nobody up, and its name has the time-out" {
  with_silent_dns <<'INSIDE'
start_server --offset 0.25
begin=$(milliseconds)
ntpprobe --burst -n 2 -w 0.5 --json a.silent.example "127.0.0.1:$port" b.silent.example "quick.example:$port" >out
took=$(($(milliseconds) - begin))
echo "took $took ms"
[ $took -ge 500 ]
[ $took -lt 4000 ]
INSIDE
  [ "$status" -eq 0 ]
  jq -se 'map(select(.type == "server") | .server) ==
    ["a.silent.example", "127.0.0.1:'"$(cat server)"'", "b.silent.example"]' out
  jq -se 'map(select(.server | strings | test("silent"))) | all(.reasons == {"name server does not answer": 1} and .sent == 0)' out
  jq -se '.[1].verdict == "truechimer" and .[1].sent == 2 and .[-1].used == 1 and .[-1].majority' out
}

@test "who has an address is measured before the silent name is given up" {
  with_silent_dns <<'INSIDE'
start_server
begin=$(milliseconds)
ntpprobe --burst -n 2 -w 3 --list-samples --json silent.example "127.0.0.1:$port" >out
jq -rs 'map(select(.type == "sample")) | length' out >samples
INSIDE
  [ "$status" -eq 0 ]
  [ "$(cat samples)" -eq 2 ]
  # Its last sample is more than two seconds older than the report.
  python3 - <<'PY'
import datetime, json
lines = [json.loads(line) for line in open("out")]
time = lambda o: datetime.datetime.fromisoformat(o["as_of"][:23] + "+00:00").timestamp()
last = max(time(o) for o in lines if o["type"] == "sample")
report = max(time(o) for o in lines if o["type"] == "server")
assert report - last > 2, (report, last)
PY
}

@test "a silent name server alone: one time-out, then its reason; a check is CRITICAL" {
  with_silent_dns <<'INSIDE'
begin=$(milliseconds)
ntpprobe -w 0.3 silent.example && exit 9 || [ $? -eq 1 ]
ntpprobe -w 0.3 --check silent.example && exit 9 || [ $? -eq 2 ]
ntpprobe -w 0.3 --chain silent.example && exit 9 || [ $? -eq 1 ]
[ $(($(milliseconds) - begin)) -lt 5000 ]
INSIDE
  [ "$status" -eq 0 ]
  [[ $output == *"no usable reply (name server does not answer 1)"* ]]
  [[ $output == *"NTP CRITICAL: "*"name server does not answer"* ]]
}

@test "sixty silent names are as quick as one" {
  with_silent_dns <<'INSIDE'
start_server
begin=$(milliseconds)
ntpprobe --burst -n 1 -w 0.5 --json $(printf 's%d.example ' $(seq 60)) "127.0.0.1:$port" quick.example:$port >out
[ $(($(milliseconds) - begin)) -lt 5000 ]
INSIDE
  [ "$status" -eq 0 ]
  jq -se 'map(select(.type == "server")) | length == 61 and (map(select(.verdict == "truechimer")) | length == 1)' out
}

@test "nothing is left behind, however the program ends" {
  with_silent_dns <<'INSIDE'
left() { ps -eo comm= | grep -c '^ntpprobe$' || true; }
ntpprobe -w 0.2 silent.example || true
[ "$(left)" -eq 0 ]
for signal in INT TERM HUP KILL; do
  ntpprobe -w 30 silent.example &
  until [ "$(left)" -eq 2 ]; do sleep 0.02; done
  kill -$signal $!
  wait $! || true
  until [ "$(left)" -eq 0 ]; do sleep 0.02; done
done
ntpprobe --watch 0.1 silent.example >out &
until [ -s out ]; do sleep 0.02; done
kill -TERM $!
wait $! || [ $? -eq 1 ]
[ "$(left)" -eq 0 ]
INSIDE
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "--watch: a lookup goes on beside the rounds, and its answer comes in" {
  with_silent_dns <<'INSIDE'
start_server
cat >answering.py <<'PY'
import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("127.0.0.2", 53))
print("ready", flush=True)
while True:
    question, who = s.recvfrom(512)
    end = question.index(b"\0", 12) + 5
    is_a = question[end - 3] == 1
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01" if is_a else b""
    s.sendto(question[:2] + b"\x81\x80\0\x01\0" + bytes([is_a]) + b"\0\0\0\0" + question[12:end] + answer, who)
PY
python3 answering.py >ready 3>&- &
until [ -s ready ]; do sleep 0.02; done
# The silent one is asked first and given up after a second: ten rounds later.
printf 'nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1\n' >resolv.conf
ntpprobe --watch 0.1 --json late.example:$port >out &
until grep -q '"verdict":"truechimer"' out; do sleep 0.05; done
kill -TERM $!
wait $!
INSIDE
  echo "$output"
  [ "$status" -eq 0 ]
  jq -se 'map(select(.type == "server")) | .[0].reasons == {"name server does not answer": 1} and .[0].address == null' out
  jq -se 'map(select(.verdict == "truechimer")) | .[-1].address == "127.0.0.1" and .[-1].reasons == {}' out
}
