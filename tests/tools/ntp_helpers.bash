# SPDX-License-Identifier: MIT
# Starts and stops test servers; sets port (of the last one) and ports (of all).

. "${BASH_SOURCE[0]%/*}/traps.bash"

setup() {
  ports=()
  server_pids=()
  servers_started=0
  keys=$BATS_TEST_TMPDIR/keys
  cat >"$keys" <<'KEYS'
# both daemons' ways to write keys
1 tulip
2 SHA1 HEX:933F62BE1D604E68A81B557F18CFA200483F5B70
3 AES128 HEX:7EA62AE64D190114D46D5A082F948EC1
4 AES256 HEX:37DDCBC67BB902BCB8E995977FAB4D2B5642F5B32EBCEEE421921D97E5CBFE39
5 SHA256 ASCII:hyacinth
6 SHA512 933F62BE1D604E68A81B557F18CFA200483F5B70
7 AES 7ea62ae64d190114d46d5a082f948ec1   # ntpsec
8 AES crocus
9 MD5 ASCII:crocus
KEYS
}

teardown() { stop_servers; }

start_server() {
  servers_started=$((servers_started + 1))
  local out=$BATS_TEST_TMPDIR/server.$servers_started
  ntp_server "$@" >"$out" 3>&- &
  server_pids+=($!)
  for _ in $(seq 100); do
    [ -s "$out" ] && break
    sleep 0.02
  done
  port=$(cat "$out")
  [ -n "$port" ]
  ports+=("$port")
}

stop_servers() {
  for pid in "${server_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${server_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  server_pids=()
}

free_port() {
  python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("0.0.0.0", 0)); print(s.getsockname()[1])'
}
