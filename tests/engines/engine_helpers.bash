# SPDX-License-Identifier: MIT
# For tests beside a real engine of kind $kind: its servers, which scripts/engine-servers unpacks and starts, and gateways to it.
load ../tools/peer_helpers

servers() { "$COORD_SOURCE/scripts/engine-servers" "$@"; }
ctl() { servers ctl "$engine_dir" "$@"; }  # the engine's own client
of_kind() { [[ " $* " == *" $kind "* ]] || skip "not of $kind"; }

# engine_servers start|fetch [ARGUMENT...]: what that says; where there are no servers, no test of this file is run.
engine_servers() {
  local what=$1 why=$BATS_FILE_TMPDIR/why
  shift
  chmod 755 "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true  # PostgreSQL's server is no root
  told=$(servers "$what" "$COORD_BUILD/engines" "$@" "$kind" 2>"$why") ||
    { echo "engines: skipped: $(cat "$why")" >&3; skip "$(cat "$why")"; }
}
# Three servers, for all tests of the file.
begin_servers() {
  export engine_dir=$BATS_FILE_TMPDIR/servers
  engine_servers start "$engine_dir" 3
  export url=$told
}

begin_gateway() { # NAME OPTION...: coordd, as if it was a host of its own
  local name=$1
  shift
  mkdir -p "$name"
  coordd --name "$name" --state-dir "$name" --socket "$name.sock" "$@" </dev/null >>"$name.log" 2>&1 3>&- &
  echo $! >"$name.pid"
  disown
}
# For a command under a lock: it writes its id to `held`, then the time every 10 ms to `writes`.
witness='echo $$ >held; while :; do echo "${EPOCHREALTIME/./}" >>writes; sleep 0.01; done'
# stopped_within TTL SINCE: the last of these came before a lease of TTL seconds that was renewed at SINCE (now_us) at the latest could end.
stopped_within() {
  local after=$(($(tail -n 1 writes) - $2))
  echo "the last write came $after us after the cut, and the lease is $1 s"
  [ "$after" -lt $(($1 * 1000000)) ]
}
answers() { on "$1" dlock --list >/dev/null 2>&1 || [ $? -eq 1 ]; }
