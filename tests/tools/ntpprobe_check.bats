#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ntpprobe as a Nagios plugin: one line, performance data, statuses 0 to 3.
# labels: release
bats_require_minimum_version 1.5.0
load ntp_helpers

# By the plugin guidelines: 'label'=value[UOM];[warn];[crit];[min];[max], separated by blanks, behind the only |.
well_formed() {
  [ "$(wc -l <<<"$output")" -eq 1 ]
  [[ $output =~ ^NTP\ (OK|WARNING|CRITICAL|UNKNOWN):\ [^\|]+(\ \|\ (.*))?$ ]]
  for item in ${BASH_REMATCH[3]}; do
    [[ $item =~ ^[a-z]+=-?[0-9.]+s?(\;(-?[0-9.]*:?-?[0-9.]*)?){0,2}(\;[0-9.]*){0,2}$ ]] || return 1
  done
}

@test "OK, WARNING, CRITICAL by the offset, in both directions" {
  for offset in 0.2 -0.2; do
    start_server --offset $offset
    run -0 ntpprobe --check --burst --warn 0.3 --crit 0.5 "127.0.0.1:$port"
    well_formed
    [[ $output == "NTP OK: offset "?"0."[12]*" s, bound 0.0000"*" s, stratum 2, 1 of 1 servers used | offset="*"s;-0.300000000:0.300000000;-0.500000000:0.500000000 bound="*"s;;;0 jitter="*"s;;;0 stratum=2;;;0;16 servers=1;;;0;1" ]]
    run -1 ntpprobe --check --burst --warn 0.1 --crit 0.5 "127.0.0.1:$port"
    well_formed
    [[ $output == "NTP WARNING: offset "*" s exceeds 0.100000000 s, "* ]]
    run -2 ntpprobe --check --burst --warn 0.05 --crit 0.1 "127.0.0.1:$port"
    well_formed
    [[ $output == "NTP CRITICAL: offset "*" s exceeds 0.100000000 s, "* ]]
    run -0 ntpprobe --check --burst "127.0.0.1:$port"
    well_formed
  done
}

@test "stratum above the limit is CRITICAL" {
  start_server --stratum 4
  run -0 ntpprobe --check --burst --max-stratum 4 "127.0.0.1:$port"
  well_formed
  run -2 ntpprobe --check --burst --max-stratum 3 "127.0.0.1:$port"
  well_formed
  [[ $output == *"stratum 4 exceeds 3"*"stratum=4;;1:3;0;16"* ]]
}

@test "what check_ntp_time lets through is CRITICAL: stratum 16, wrong mode, a short packet, silence" {
  for fault in stratum-16 client-mode short drop; do
    start_server --fault $fault
    run -2 ntpprobe --check --burst -n 2 -w 0.1 --warn 1 --crit 2 "127.0.0.1:$port"
    well_formed
    [[ $output == "NTP CRITICAL: no usable reply ("* ]]
  done
  run -2 ntpprobe --check --burst -w 0.1 no-such-host.invalid
  well_formed
}

@test "UNKNOWN: contradicting servers, no key file, no server" {
  start_server --offset 1
  start_server --offset 2
  run -3 ntpprobe --check --burst --warn 10 --crit 20 "${ports[@]/#/127.0.0.1:}"
  well_formed
  run -3 ntpprobe --check --keys /no/such/file --key 1 "127.0.0.1:$port"
  well_formed
  run -3 ntpprobe --check --root "$BATS_TEST_TMPDIR"
  well_formed
}

@test "a wrong option is 64, as everywhere" {
  run -64 ntpprobe --check --warn x "127.0.0.1:1"
  run -64 ntpprobe --check --json "127.0.0.1:1"
}
