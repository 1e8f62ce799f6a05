#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpeers --openmetrics and coordd --metrics: what a monitoring system is told, and that nobody who asks holds up the peer.
# labels: release
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  unset COORD_SOCKET COORD_CONFIG
  export COORD_AUTOSTART=no
  cd "$BATS_TEST_TMPDIR"
  new_group "$PWD/g" a b c
}
teardown() {
  end_jobs TERM
  stop_group
}

checked() { python3 "$COORD_SOURCE/tests/tools/openmetrics.py"; }
# value NAME[{LABELS}]: of that sample in $page
value() { NAME="$1 " awk 'index($0, ENVIRON["NAME"]) == 1 { print $NF }' <<<"$page"; }
fetch() { python3 -c '
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    print(answer.headers["Content-Type"], file=sys.stderr)
    sys.stdout.write(answer.read().decode())' "$@"; }
lost() { [ -s lost.status ]; }

@test "the checker itself finds what is wrong" {
  good=$'# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# HELP a_seconds H.\na_seconds_bucket{le="1.0"} 1\na_seconds_bucket{le="+Inf"} 2\na_seconds_count 2\na_seconds_sum 3.5\n# EOF\n'
  printf '%s' "$good" | checked
  for script in 's/# EOF//' 's/"1.0"} 1/"1.0"} 3/' 's/count 2/count 3/' 's/+Inf/2.0/' 's/ 3.5/ x/' 's/_sum/_total/' '/HELP/d' \
    's/# UNIT a_seconds seconds/# UNIT a_seconds bytes/' '/_sum/p' 's/histogram/counter/' 's/le="1.0"/le=1.0/'; do
    ! sed "$script" <<<"${good%$'\n'}" | checked || { echo "$script"; false; }
  done
}

@test "grants, waits and holds, losses, terms, disk and links; only names that are listed are labels" {
  for name in a b c; do start_peer "$name" "${calm[@]}" --metrics-names job --metrics-names 'we"ird\x'; done
  eventually group_has_leader
  on a dlock job true
  on a dlock 'we"ird\x' true
  on a dlock secret-name true
  hold a secret-name
  (on a dlock -w 20 secret-name true) 3>&- &
  waiter=$!
  eventually waits_for a secret-name
  release secret-name
  wait "$waiter"
  on a dlock job -- sleep 60 2>lost.err 3>&- &
  eventually is_held a job
  on a dlock --break --yes job
  wait $! || true
  page=$(on a dpeers --openmetrics)
  checked <<<"$page"
  [ "$(value coordutils_grants_total)" -eq 6 ]
  [ "$(value coordutils_losses_total)" -eq 1 ]
  [ "$(value coordutils_wait_seconds_count)" -eq 6 ]
  [ "$(value coordutils_hold_seconds_count)" -eq 6 ]
  [ "$(value 'coordutils_named_grants_total{name="job"}')" -eq 2 ]
  [ "$(value 'coordutils_named_losses_total{name="job"}')" -eq 1 ]
  [ "$(value 'coordutils_named_hold_seconds_count{name="job"}')" -eq 2 ]
  [ "$(value 'coordutils_named_grants_total{name="we\"ird\\x"}')" -eq 1 ]
  ! grep -q secret-name <<<"$page"
  ! grep -q "$(id -un)" <<<"$page"
  [ "$(value coordutils_term)" -ge 1 ]
  [ "$(value coordutils_has_leader)" -eq 1 ]
  [ "$(value coordutils_log_size_bytes | cut -d. -f1)" -gt 0 ]
  [ "$(value coordutils_disk_sync_seconds_count)" -gt 0 ]
  for peer in b c; do [ "$(value "coordutils_link_up{peer=\"$peer\"}")" -eq 1 ]; done
  leader=$(leader_seen_by a)
  page=$(on "$leader" dpeers --openmetrics)
  checked <<<"$page"
  [ "$(value coordutils_leads)" -eq 1 ]
  [ "$(value coordutils_commit_seconds_count)" -gt 0 ]
  run -64 on a dpeers --openmetrics doctor
  run -69 on z dpeers --openmetrics
}

@test "coordd --metrics answers GET /metrics, and nothing else; off loopback only where that is said" {
  read -r port < <(free_ports 1)
  for address in 0.0.0.0:$port ":$port" "192.0.2.1:$port" "[::]:$port"; do
    run -64 coordd --name a --state-dir g/a --socket g/a.sock --metrics "$address"
    [[ $output == *"can be reached from other hosts"*"--metrics-insecure"* ]]
  done
  run -64 coordd --name a --state-dir g/a --socket g/a.sock --metrics "monitor:$port"
  run -64 coordd --name a --state-dir g/a --socket g/a.sock --metrics "127.0.0.1"
  start_peer a "${calm[@]}" --metrics "127.0.0.1:$port"
  answers() { fetch "http://127.0.0.1:$port/metrics" >page 2>type; }
  eventually answers
  checked <page
  grep -qx 'application/openmetrics-text; version=1.0.0; charset=utf-8' type
  cat >ask.py <<'PY'
import socket, sys
for request in sys.argv[2:]:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(20)
    s.sendall(request.encode().decode("unicode_escape").encode())
    data = b""
    while part := s.recv(65536):
        data += part
    print(data.split(b"\r\n")[0].decode())
PY
  run -0 python3 ask.py "$port" 'GET / HTTP/1.1\r\n\r\n' 'POST /metrics HTTP/1.1\r\n\r\n' 'rubbish\r\n\r\n' 'GET /metrics HTTP/1.0\n\n' "GET /metrics HTTP/1.1\r\nX: $(head -c 9000 /dev/zero | tr '\0' x)\r\n\r\n"
  [ "${lines[0]}" = 'HTTP/1.1 404 Not Found' ]
  [ "${lines[1]}" = 'HTTP/1.1 405 Method Not Allowed' ]
  [ "${lines[2]}" = 'HTTP/1.1 400 Bad Request' ]
  [ "${lines[3]}" = 'HTTP/1.1 200 OK' ]
  [ "${lines[4]}" = 'HTTP/1.1 431 Request Header Fields Too Large' ]
}

@test "slow and rude clients of --metrics hold up neither the peer nor each other" {
  read -r port < <(free_ports 1)
  coordd --name alone --state-dir g/a --socket g/a.sock --metrics "127.0.0.1:$port" </dev/null >>g/a.log 2>&1 3>&- &
  echo $! >g/a.pid
  disown
  eventually on a dlock --list
  python3 - "$port" <<'PY' >slow 2>&1 3>&- &
import socket, sys, time
port = int(sys.argv[1])
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
for s in held:
    try:
        s.sendall(b"GET /met")
    except OSError:
        pass
print("open", flush=True)
# Those that are still there are closed after a few seconds, without having said anything more.
end = time.monotonic() + 20
left = held
while left and time.monotonic() < end:
    again = []
    for s in left:
        s.settimeout(0.05)
        try:
            if s.recv(100):
                again.append(s)
        except TimeoutError:
            again.append(s)
        except OSError:
            pass
    left = again
print("left", len(left), flush=True)
PY
  slow=$!
  eventually grep -q open slow
  run -0 on a dlock job echo served
  fetch "http://127.0.0.1:$port/metrics" 2>type | checked
  [ "$(ls "/proc/$(pid_of a)/fd" | wc -l)" -lt 80 ]
  wait "$slow"
  grep -qx 'left 0' slow
}

@test "a name is listed 64 times at most; a port that is taken is 69" {
  list=()
  for i in $(seq 65); do list+=(--metrics-names "n$i"); done
  run -64 coordd --name a --state-dir g/a --socket g/a.sock "${list[@]}"
  [[ $output == *"65 names"* ]]
  read -r port < <(free_ports 1)
  start_peer a --metrics "127.0.0.1:$port"
  eventually on a dpeers
  run -69 coordd --name alone --state-dir g/b --socket g/b.sock --metrics "127.0.0.1:$port"
  [[ $output == "coordd: --metrics 127.0.0.1:$port: cannot listen there: "* ]]
}

@test "the dashboard and the alert rules ask for nothing that no peer tells" {
  start_peer a "${calm[@]}"
  eventually on a dpeers
  on a dpeers --openmetrics >page
  sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' page | sort >told
  [ "$(wc -l <told)" -gt 15 ]
  jq -e '.panels | length > 5' "$COORD_SOURCE/packaging/monitoring/dashboard.json"
  grep -oh 'coordutils_[a-z_]*' "$COORD_SOURCE"/packaging/monitoring/* | sed 's/_\(total\|bucket\|count\|sum\)$//' | sort -u >asked
  grep -q coordutils_losses asked
  [ -z "$(comm -23 asked told)" ]
}

@test "Prometheus takes the alert rules" {
  command -v promtool || skip "no promtool here (Debian: prometheus)"
  run -0 promtool check rules "$COORD_SOURCE/packaging/monitoring/alerts.yml"
  [[ $output == *"SUCCESS: 6 rules found"* ]]
}
