#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# coordd's log under systemd: datagrams to the journal with priority and fields; elsewhere lines with a time.
# labels: release
bats_require_minimum_version 1.5.0
load host_helpers

setup() {
  host_setup
  cat >>"$place/prelude" <<'SH'
cat >"$place/journal.py" <<'PY'
# The journal's socket: each entry as a line of JSON.
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
print(json.dumps({"MESSAGE": "listening"}), flush=True)
while True:
    data, entry = s.recv(1 << 20), {}
    while data:
        line, _, data = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[8 + size + 1 :]
        entry[key.decode()] = value.decode("latin1")
    print(json.dumps(entry), flush=True)
PY
listen() {
  mkdir -p /run/systemd/journal
  python3 "$place/journal.py" >journal &
  eventually grep -q listening journal
}
# serve OPTION...: with standard error as the journal's stream
serve() {
  : >stream
  mkdir -p state
  JOURNAL_STREAM=$(stat -c %d:%i stream) coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" "$@" </dev/null 2>stream &
  peer=$!
  eventually dlock --socket "$PWD/sock" --list
}
entry() { jq -es "map(select($1)) | length > 0" journal >/dev/null; }
SH
}
teardown() { host_teardown; }

@test "grants, losses, breaks and changes of leader are entries with fields, at info, without a second time" {
  on_host <<'SH'
listen
serve
dlock --socket "$PWD/sock" job true
dlock --socket "$PWD/sock" $'a\nb' true
eventually entry '.COORD_EVENT == "grant" and .COORD_NAME == "job"'
jq -es 'map(select(.COORD_EVENT == "grant" and .COORD_NAME == "job"))[0] | .PRIORITY == "6" and .SYSLOG_IDENTIFIER == "coordd" and (.COORD_TOKEN | tonumber > 0) and (.MESSAGE | startswith("granted '"'job'"' to root (pid "))' journal
eventually entry '.COORD_NAME == "a\nb"'
eventually entry '.COORD_EVENT == "leader"'
dlock --socket "$PWD/sock" broken sleep 60 2>/dev/null &
held() { dlock --socket "$PWD/sock" --list broken >/dev/null; }
eventually held
dlock --socket "$PWD/sock" --break --yes broken
eventually entry '.COORD_EVENT == "break" and .COORD_NAME == "broken" and (.MESSAGE | contains("broken by root"))'
jq -es 'all(.MESSAGE | test("^20[0-9][0-9]-") | not)' journal
[ ! -s stream ]
kill $peer
SH
}

@test "a leadership that a host has by enrolment is an entry, once, whatever restarts" {
  on_host <<'SH'
listen
serve
delect --socket "$PWD/sock" --enroll queue
granted() { jq -s 'map(select(.COORD_EVENT == "grant" and .COORD_NAME == "queue"))' journal; }
eventually entry '.COORD_EVENT == "grant" and .COORD_NAME == "queue"'
granted | jq -e '.[0] | .PRIORITY == "6" and .COORD_USER == "root" and (.COORD_TOKEN | tonumber > 0) and .MESSAGE == "granted leadership of '"'queue'"' to root (enrolled), token " + .COORD_TOKEN'
kill -9 $peer
wait $peer || true
serve
eventually delect --socket "$PWD/sock" --is-leader -q queue
delect --socket "$PWD/sock" --enroll after
eventually entry '.COORD_EVENT == "grant" and .COORD_NAME == "after"'
granted | jq -e 'length == 1'
delect --socket "$PWD/sock" --resign queue
eventually entry '.COORD_EVENT == "loss" and .COORD_NAME == "queue" and (.MESSAGE | startswith("lost leadership of '"'queue'"' of root (enrolled): it was told to step down, token "))'
grants() { granted | jq -e "length == $1"; }
eventually grants 2
delect --socket "$PWD/sock" --withdraw queue
delect --socket "$PWD/sock" --enroll last
eventually entry '.COORD_NAME == "last"'
jq -es 'map(select(.COORD_EVENT == "loss")) | length == 1' journal
kill $peer
SH
}

@test "priorities: a warning is 4, an error is 3, also of a start that fails" {
  on_host <<'SH'
listen
: >stream
s=0
JOURNAL_STREAM=$(stat -c %d:%i stream) coordd --name one --state-dir "$PWD/state" --socket /nowhere/sock </dev/null 2>stream || s=$?
is "$s" 69
eventually entry '.PRIORITY == "3" and .COORD_EVENT == "failed" and (.MESSAGE | startswith("/nowhere"))'
[ ! -s stream ]
serve
rm sock
eventually entry '.PRIORITY == "4" and (.MESSAGE | contains("its socket was gone"))'
kill $peer
SH
}

@test "a journal that is gone: standard error has the lines, with their priority" {
  on_host <<'SH'
serve
eventually grep -q '^<6>peer one serves' stream
! grep -q '^20' stream
kill $peer
SH
}

@test "standard error that is not the journal's, though a journal runs: lines with time and level" {
  on_host <<'SH'
listen
mkdir -p state
JOURNAL_STREAM=1:2 coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" </dev/null 2>plain &
eventually grep -qE '^20[0-9-]*T[0-9:.]*Z info peer one serves' plain
dlock --socket "$PWD/sock" job true
eventually grep -qE "Z info granted 'job' to root \(pid [0-9]*\), token [0-9]*" plain
[ "$(wc -l <journal)" = 1 ]
kill $!
SH
}
