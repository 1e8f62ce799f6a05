#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Against a real server: chronyd on a port of its own, without control of the clock. What two programs by different
# authors agree on is the protocol; our own test server could share our mistakes.
# labels: release
bats_require_minimum_version 1.5.0
load ntp_helpers

start_chronyd() {
  chronyd=$(PATH=$PATH:/usr/sbin:/sbin:$COORD_SOURCE/build/chrony/usr/sbin command -v chronyd) || skip "chronyd is not installed: scripts/install-deps"
  [ "$(id -u)" -eq 0 ] || skip "chronyd takes its user from root only"
  port=$(free_port)
  dir=$(mktemp -d)
  chmod 755 "$dir"
  sed 's/ *# ntpsec$//; s/^6 SHA512 /&HEX:/; s/^7 AES /7 AES128 HEX:/; /^8 /d' "$keys" >"$dir/keys"
  cat >"$dir/chrony.conf" <<CONF
local stratum 3
allow all
port $port
cmdport 0
bindcmdaddress /
pidfile $dir/pid
keyfile $dir/keys
CONF
  "$chronyd" -x -u root -d -f "$dir/chrony.conf" >"$dir/log" 2>&1 3>&- &
  server_pids+=($!)
  for _ in $(seq 50); do
    ntpprobe --burst -q -n 1 -w 0.1 "127.0.0.1:$port" >/dev/null 2>&1 && return
    sleep 0.05
  done
  cat "$dir/log"
  false
}

teardown() {
  stop_servers
  [ -z "${dir-}" ] || rm -rf "$dir"
}

@test "chronyd: this machine's own clock is right, within the bound and within 100 us" {
  start_chronyd
  run -0 ntpprobe --burst -n 8 --json "127.0.0.1:$port"
  jq -se '.[0] | .stratum == 3 and .refid == "127.127.1.1" and .leap == "none" and .rejected == 0' <<<"$output"
  jq -se '.[1] | ((.offset_s | fabs) <= .bound_s) and .bound_s < 0.0001' <<<"$output"
}

@test "chronyd: authenticated with each kind of key, and refused with another's" {
  start_chronyd
  for id in 1 2 3 4 5 6 7 9; do
    echo "key $id"
    run -0 --separate-stderr ntpprobe --burst -n 2 --json --keys "$keys" --key $id "127.0.0.1:$port"
    jq -se '.[0] | .received == 2 and .rejected == 0' <<<"$output"
  done
  sed 's/7EA6/7EA7/' "$keys" >"$BATS_TEST_TMPDIR/other"
  run -1 --separate-stderr ntpprobe --burst -n 2 -w 0.1 --json --keys "$BATS_TEST_TMPDIR/other" --key 3 "127.0.0.1:$port"
}

@test "chronyd: interleaved mode, with a key too" {
  start_chronyd
  run -0 ntpprobe --burst -n 6 --interleaved --list-samples --json "127.0.0.1:$port"
  jq -se 'map(select(.type == "sample" and .interleaved)) | length >= 4' <<<"$output"
  jq -se 'map(select(.type == "server"))[0] | .sent == 7 and .rejected == 0' <<<"$output"
  run -0 ntpprobe --burst -n 6 --interleaved --list-samples --json --keys "$keys" --key 3 "127.0.0.1:$port"
  jq -se 'map(select(.type == "sample" and .interleaved)) | length >= 4' <<<"$output"
  jq -se '.[-1] | (.offset_s | fabs) <= .bound_s' <<<"$output"
}
