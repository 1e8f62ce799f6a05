#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Everything that the test server can do wrong: none of it ends in an offset, and each has its reason.
bats_require_minimum_version 1.5.0
load ntp_helpers

# fault: the reason under which its replies are counted; - where the exchange is good all the same.
reasons="
drop no reply
duplicate - duplicate
forgeries - bogus origin
replay - bogus origin
other-port no reply
empty short packet
short short packet
odd-length bad length
huge bad length
bad-extension bad extension field
extension -
old-version wrong version
client-mode wrong mode
broadcast-mode wrong mode
control-mode wrong mode
zero-origin bogus origin
wrong-origin bogus origin
kiss-rate kiss code RATE
kiss-deny kiss code DENY
kiss-rstr kiss code RSTR
kiss-unknown kiss code XYZ1
kiss-forged bogus origin
zero-transmit no transmit time
zero-receive no receive time
transmit-before-receive transmit before receive
unsynchronized unsynchronized
stratum-0 bad stratum
stratum-16 bad stratum
root-distance root distance too large
future-reference reference in the future
stale-reference -
no-reference -
negative-delay negative delay
no-mac not authenticated
bad-mac bad MAC
wrong-key wrong key
crypto-nak crypto-NAK
"

# Faults of authentication show only where it is asked for.
probe_with() {
  local fault=$1
  shift
  case $fault in
    *-mac | *-key | crypto-nak)
      start_server --offset 5 --fault "$fault" --keys "$keys" --key 3 "$@"
      auth=(--keys "$keys" --key 3)
      ;;
    *)
      start_server --offset 5 --fault "$fault" "$@"
      auth=()
      ;;
  esac
}

@test "the list above is complete and has more than 20 faults" {
  [ "$(ntp_server --list-faults)" = "$(awk 'NF { print $1 }' <<<"$reasons")" ]
  [ "$(ntp_server --list-faults | wc -l)" -gt 20 ]
}

@test "each fault: no offset from it, and its reason is shown" {
  while read -r fault reason; do
    [ -n "$fault" ] || continue
    echo "fault: $fault"
    probe_with "$fault"
    if [[ $reason == -* ]]; then
      run -0 --separate-stderr ntpprobe --json --burst -n 3 -w 0.15 "${auth[@]}" "127.0.0.1:$port"
      jq -se '.[1] | .majority and (((.offset_s - 5) | fabs) <= .bound_s)' <<<"$output"
    else
      run -1 --separate-stderr ntpprobe --json --burst -n 3 -w 0.15 "${auth[@]}" "127.0.0.1:$port"
      jq -se '.[1].majority == false and .[0].verdict == "unusable" and .[0].offset_s == null' <<<"$output"
    fi
    reason=${reason#-}
    reason=${reason# }
    [ -z "$reason" ] || jq -se --arg reason "$reason" '.[0].reasons[$reason] >= 1' <<<"$output"
    stop_servers
  done <<<"$reasons"
}

@test "a server that is wrong every second time: only its good replies count" {
  while read -r fault reason; do
    case $fault in '' | kiss-deny | kiss-rstr | kiss-rate) continue ;; esac
    echo "fault: $fault"
    probe_with "$fault" --fault-every 2
    run -0 --separate-stderr ntpprobe --json --burst -n 6 -w 0.1 "${auth[@]}" "127.0.0.1:$port"
    jq -se '.[1] | .majority and (((.offset_s - 5) | fabs) <= .bound_s)' <<<"$output"
    stop_servers
  done <<<"$reasons"
}

@test "DENY and RSTR: not one more request" {
  for fault in kiss-deny kiss-rstr; do
    start_server --fault $fault
    run -1 --separate-stderr ntpprobe --json --burst -n 5 "127.0.0.1:$port"
    [ "$(jq -s '.[0].sent' <<<"$output")" -eq 1 ]
    stop_servers
  done
}

@test "RATE: the next request comes later, the second RATE is the last" {
  start_server --fault kiss-rate --fault-count 1
  begin=$(date +%s%N)
  ntpprobe --burst -q -n 2 "127.0.0.1:$port"
  [ $((($(date +%s%N) - begin) / 1000000)) -ge 1990 ]
  start_server --fault kiss-rate
  run -1 --separate-stderr ntpprobe --json --burst -n 5 "127.0.0.1:$port"
  jq -se '.[0] | .sent == 2 and .reasons == {"kiss code RATE": 2}' <<<"$output"
}

@test "a forged kiss code silences nobody" {
  start_server --fault kiss-forged --fault-count 1
  run -0 --separate-stderr ntpprobe --json --burst -n 3 -w 0.1 "127.0.0.1:$port"
  jq -se '.[0].sent == 3 and .[1].majority' <<<"$output"
}

@test "a late reply is no reply" {
  start_server --delay 0.2
  run -1 --separate-stderr ntpprobe --json --burst -n 2 -w 0.1 "127.0.0.1:$port"
  jq -se '.[0].reasons == {"no reply": 2}' <<<"$output"
}

@test "a silent server does not hold up the others, and is given up" {
  start_server --fault drop
  start_server --offset 1
  begin=$(date +%s%N)
  run -0 --separate-stderr ntpprobe --json --burst -n 8 -w 0.2 "${ports[@]/#/127.0.0.1:}"
  [ $((($(date +%s%N) - begin) / 1000000)) -lt 1500 ]
  jq -se '.[0].sent == 3 and .[1].verdict == "truechimer"' <<<"$output"
}
