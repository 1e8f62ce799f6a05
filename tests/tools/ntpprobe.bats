#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ntpprobe against the test server: its offsets, its faults, its outputs.
bats_require_minimum_version 1.5.0
load ntp_helpers

@test "the injected offset is found within the bound, over delays and jitter, in either direction" {
  for offset in 0.123456789 -0.5 -3600 86400.000001 -900000000; do
    start_server --offset $offset --delay 0.002 --back-delay 0.001 --jitter 0.0005
    ntpprobe --burst -n 8 --json "127.0.0.1:$port" | tee "$BATS_TEST_TMPDIR/out"
    jq -se --argjson truth $offset 'map(select(.type == "combined"))[0] | .majority and .used == 1 and
      (((.offset_s - $truth) | fabs) <= .bound_s) and .bound_s < 0.01' "$BATS_TEST_TMPDIR/out"
  done
}

@test "the era after 2036 is no era to it" {
  start_server --offset 630720000 # 20 years on
  offset=$(ntpprobe -q --burst "127.0.0.1:$port")
  [[ $offset == +63071999[89].9* || $offset == +630720000.0000* ]]
}

@test "JSON: every field of the contract" {
  start_server --stratum 1 --reference GPS --root-delay 0.25 --root-dispersion 0.125 --leap 1 --precision -20
  ntpprobe --json --burst "127.0.0.1:$port" >"$BATS_TEST_TMPDIR/out"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 2 ]
  jq -se '.[0] | .schema == 1 and .type == "server" and .server == "127.0.0.1:'"$port"'" and .address == "127.0.0.1" and
    .stratum == 1 and .refid == "GPS" and .leap == "insert" and (.precision_s > 9e-7 and .precision_s < 1e-6) and
    .sent == 4 and .received == 4 and .rejected == 0 and .reasons == {} and .stamp == "kernel" and .verdict == "truechimer" and
    (.bound_s > 0.25 and .bound_s < 0.26) and (.root_distance_s > .bound_s) and .delay_s > 0 and .jitter_s > 0 and
    .dispersion_s > 0 and (.offset_mean_s | type) == "number" and (.offset_s | type) == "number"' "$BATS_TEST_TMPDIR/out"
  jq -se '.[1] | .type == "combined" and .used == 1 and .majority == true and (.bound_s > 0)' "$BATS_TEST_TMPDIR/out"
}

@test "-q is a signed number with nine decimals, and nothing on failure" {
  start_server --offset 0.25
  run -0 --separate-stderr ntpprobe -q --burst "127.0.0.1:$port"
  [[ $output =~ ^\+0\.2[45][0-9]{7}$ ]]
  stop_servers
  run -1 --separate-stderr ntpprobe -q --burst -w 0.2 "127.0.0.1:$port"
  [ -z "$output" ]
  [[ ${stderr_lines[0]} == "ntpprobe: no usable reply (unreachable 3): "* ]]
}

@test "CSV: as many cells in every row as in the title" {
  start_server
  start_server --fault drop
  ntpprobe --csv --list-samples --burst -n 2 -w 0.05 "127.0.0.1:$port" "127.0.0.1:${ports[0]}" >"$BATS_TEST_TMPDIR/out"
  python3 - "$BATS_TEST_TMPDIR/out" <<'PY'
import csv, sys
rows = list(csv.reader(open(sys.argv[1])))
assert len(rows) == 6, rows
assert all(len(row) == len(rows[0]) for row in rows), rows
assert [row[0] for row in rows[1:]] == ["server", "sample", "sample", "server", "combined"], rows
kinds = dict(zip(rows[0], rows[1]))
assert kinds["verdict"] == "unusable" and kinds["reasons"] == "no reply 2" and kinds["offset_s"] == "", kinds
assert abs(float(dict(zip(rows[0], rows[-1]))["offset_s"])) < 0.001
PY
}

@test "each sample says where its stamps are from" {
  start_server
  run -0 ntpprobe --burst --list-samples -n 2 "127.0.0.1:$port"
  [ "$(grep -c 'kernel *basic' <<<"$output")" -eq 2 ]
  run -0 ntpprobe --burst --list-samples --user-stamps -n 2 "127.0.0.1:$port"
  [ "$(grep -c 'user *basic' <<<"$output")" -eq 2 ]
}

@test "text: a narrow terminal gets fewer columns, verbose everything" {
  start_server
  run -0 script -qec "stty cols 80; ntpprobe --burst 127.0.0.1:$port" /dev/null
  [ "$(wc -L <<<"${output//$'\r'/}")" -le 80 ]
  [[ $output == *SERVER* && $output == *"OFFSET s"* && $output != *JITTER* ]]
  run -0 ntpprobe --burst --verbose "127.0.0.1:$port"
  for fact in offset bound "mean offset" "least-delay offset" delay jitter dispersion "root distance" stratum reference leap precision \
    stamps packets; do
    grep -q "^  $fact " <<<"$output"
  done
}

@test "several servers: the liar is marked, the truth is combined" {
  for offset in 0.1 0.1 7 0.1; do start_server --offset $offset; done
  run -0 ntpprobe --burst --json "${ports[@]/#/127.0.0.1:}"
  [ "$(jq -r .verdict <<<"$output" | tr '\n' ' ')" = "truechimer truechimer falseticker truechimer null " ]
  jq -se '.[-1] | .used == 3 and ((.offset_s - 0.1) | fabs) <= .bound_s' <<<"$output"
}

@test "no majority: no offset, status 1, said so" {
  start_server --offset 1
  start_server --offset 2
  run -1 ntpprobe --burst -q "${ports[@]/#/127.0.0.1:}"
  [[ $output == "ntpprobe: no majority: 2 servers answered and fewer than half agree: "* ]]
  run -1 --separate-stderr ntpprobe --burst --json "${ports[@]/#/127.0.0.1:}"
  jq -se '.[-1] | .majority == false and .offset_s == null' <<<"$output"
}

@test "a name's addresses are all asked, once each" {
  start_server
  run -0 ntpprobe --burst -4 -n 1 --json "localhost:$port" "127.0.0.1:$port"
  [ "$(jq -r 'select(.type == "server") | .server' <<<"$output")" = "localhost:$port" ]
  run -1 ntpprobe --burst no-such-host.invalid
  [[ $output == *"no-such-host.invalid"*"name "* ]]
}

@test "a server without a reference, or with one of yesterday, is measured, and that is said" {
  start_server --offset 0.25 --stratum 6 --fault no-reference
  start_server --offset 0.25 --stratum 2 --fault stale-reference
  run -0 ntpprobe --burst -n 2 "${ports[@]/#/127.0.0.1:}"
  [[ ${lines[1]} == *"truechimer, no reference time" ]]
  [[ ${lines[2]} == *"truechimer, reference 25 h old" ]]
  [[ ${lines[3]} == "offset +0.2"*" from 2 of 2 servers" ]]
  run -0 ntpprobe --burst -n 2 --json "${ports[@]/#/127.0.0.1:}"
  jq -se '.[0].reference_age_s == null and .[0].stratum == 6 and .[1].reference_age_s == 90000 and .[2].used == 2' <<<"$output"
}

@test "IPv6" {
  start_server --address ::1 --offset 0.5
  run -0 ntpprobe --burst -q "[::1]:$port"
  [[ $output =~ ^\+0\.(5|49)[0-9]+$ ]]
}

@test "interleaved mode where the server knows it, basic mode where it does not" {
  start_server --interleaved --offset 0.25
  run -0 ntpprobe --burst --interleaved --json --list-samples -n 4 "127.0.0.1:$port"
  jq -se 'map(select(.type == "sample")) | length == 4 and all(.interleaved)' <<<"$output"
  jq -se 'map(select(.type == "server"))[0] | .sent == 5 and ((.offset_s - 0.25) | fabs) <= .bound_s' <<<"$output"
  start_server --offset 0.25
  run -0 ntpprobe --burst --interleaved --json --list-samples -n 4 "127.0.0.1:$port"
  jq -se 'map(select(.type == "sample")) | length == 5 and all(.interleaved | not)' <<<"$output"
}

@test "keys: chrony's and ntpsec's files, every type; the wrong key is no time" {
  for id in 1 2 3 4 5 6 7 8 9; do
    start_server --keys "$keys" --key $id
    run -0 ntpprobe -q --burst -n 1 --keys "$keys" --key $id "127.0.0.1:$port"
  done
  run -1 ntpprobe -q -n 1 -w 0.1 --keys "$keys" --key 1 "127.0.0.1:$port"
  run -65 ntpprobe -q --keys "$keys" --key 99 "127.0.0.1:$port"
  [[ $output == "ntpprobe: $keys: there is no key 99: "* ]]
  run -65 ntpprobe -q --keys /no/such/file --key 1 "127.0.0.1:$port"
  run -65 ntpprobe -q --keys /dev/zero --key 1 "127.0.0.1:$port"
  run -64 ntpprobe -q --key 1 "127.0.0.1:$port"
}

@test "a key asked for: replies without it are refused" {
  start_server
  run -1 --separate-stderr ntpprobe --burst -n 1 --keys "$keys" --key 3 --json "127.0.0.1:$port"
  [ "$(jq -c .reasons <<<"${lines[0]}")" = '{"not authenticated":1}' ]
}

@test "--chain follows the references up to stratum 1" {
  port=$(free_port)
  start_server --address 127.0.0.3 --port "$port" --stratum 1 --reference GPS
  start_server --address 127.0.0.2 --port "$port" --stratum 2 --reference 127.0.0.3
  start_server --address 127.0.0.1 --port "$port" --stratum 3 --reference 127.0.0.2
  run -0 ntpprobe --chain "127.0.0.1:$port"
  [ "${#lines[@]}" -eq 5 ]
  [ "${lines[4]}" = "ends at reference clock GPS" ]
  run -0 ntpprobe --chain --json "127.0.0.1:$port"
  [ "$(jq -s -c 'map(.stratum)' <<<"$output")" = "[3,2,1,null]" ]
  jq -se '.[-1].complete and .[-1].hops == 3' <<<"$output"
}

@test "--chain ends well at a dead end, a loop and a reference that is no address" {
  port=$(free_port)
  start_server --address 127.0.0.2 --port "$port" --stratum 2 --reference 127.0.0.1
  start_server --address 127.0.0.1 --port "$port" --stratum 3 --reference 127.0.0.2
  run -0 ntpprobe --chain "127.0.0.1:$port"
  [[ $output == *"leads back into this chain" ]]
  start_server --address 127.0.0.4 --port "$port" --reference 224.0.1.1
  run -0 ntpprobe --chain "127.0.0.4:$port"
  [[ $output == *"no address that can be asked" ]]
  start_server --address 127.0.0.5 --port "$port" --reference 127.0.0.77
  run -0 ntpprobe --chain -w 0.2 "127.0.0.5:$port"
  [[ $output == *"ends here: 127.0.0.77:$port: no usable reply"* ]]
  run -1 ntpprobe --chain -w 0.2 "127.0.0.88:$port"
}

@test "no SERVER: those of the system's configuration, or an error that says so" {
  root=$BATS_TEST_TMPDIR/root
  mkdir -p "$root/etc/chrony/sources.d" "$root/etc/systemd"
  run -64 ntpprobe --root "$root"
  [[ $output == "ntpprobe: SERVER: none is named, and none is configured "* ]]
  start_server
  echo "NTP=127.0.0.1:$port" >"$root/etc/systemd/timesyncd.conf"
  run -0 ntpprobe --burst --verbose --root "$root"
  [[ ${lines[0]} == "ntpprobe: 1 servers from $root/etc/systemd/timesyncd.conf" ]]
  echo "sourcedir /etc/chrony/sources.d" >"$root/etc/chrony/chrony.conf"
  echo "server 127.0.0.1 port $port iburst" >"$root/etc/chrony/sources.d/local.sources"
  run -0 ntpprobe --burst --verbose --root "$root"
  [[ ${lines[0]} == *"from $root/etc/chrony/sources.d/local.sources" ]]
}

@test "usage errors are 64" {
  for wrong in "-n 0 x" "-n 1001 x" "-4 -6 x" "--json --csv x" "-q --json x" "x:0" "x:99999" "x: " "[::1 " "--warn 1 x" "--chain a b" \
    "--check --warn 2 --crit 1 x" "--burst -i 1 x" "--watch 0 x" "--key 1 x"; do
    echo "$wrong"
    # shellcheck disable=SC2086
    run -64 ntpprobe $wrong
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "an error names its object and what to do" {
  run -64 ntpprobe ""
  [ "$output" = "ntpprobe: SERVER: is no host name or address: write SERVER or SERVER:PORT" ]
  run -65 ntpprobe --keys /nonexistent --key 1 127.0.0.1
  [ "$output" = "ntpprobe: /nonexistent: cannot be opened: No such file or directory: name a file that you may read" ]
}

@test "two seconds between requests unless told otherwise" {
  start_server
  begin=$(date +%s%N)
  ntpprobe -n 2 -q "127.0.0.1:$port"
  [ $((($(date +%s%N) - begin) / 1000000)) -ge 1990 ]
}
