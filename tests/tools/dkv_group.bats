#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dkv over three peers, one of them cut off.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  new_group "$BATS_TEST_TMPDIR/g" a b c
  start_group "${calm[@]}"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  end_jobs TERM
  stop_group
}

end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
there() { on a dkv get "$1" >/dev/null 2>&1; }
last_line_is() { [ "$(tail -n 1 "$1")" = "$2" ]; }

@test "what one host has put every host gets, and of two changes at once one wins" {
  on a dkv put k v
  [ "$(on b dkv get k)" = v ]
  [ "$(on c dkv get k)" = v ]
  version=$(on a dkv --json get k | jq .version)
  for peer in a b c; do
    { on $peer dkv put k "from $peer" --if-version "$version" && echo "$peer" >>winners; } 2>/dev/null 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker" || true; done
  [ "$(wc -l <winners)" -eq 1 ]
  [ "$(on b dkv get k)" = "from $(cat winners)" ]
}

@test "without a majority nothing is changed (69), and --stale still shows what is known" {
  on a dkv put k v
  end_peer b
  end_peer c
  eventually sees_none a
  run -69 on a dkv put k w
  run -69 on a dkv get k
  [ "$(on a dkv get k --stale)" = v ]
  start_peer b "${calm[@]}"
  eventually there k
  [ "$(on a dkv get k)" = v ]
}

@test "a key that lives with a command goes when its peer is cut off, after the command" {
  on c dkv put node up --ttl 2 --session -- sh -c 'echo $$ >pid; exec sleep 600' 2>lost 3>&- &
  dkv=$!
  eventually there node
  on a dkv watch node >seen 3>&- &
  eventually is_file seen
  end_peer a
  end_peer b
  status=0
  wait "$dkv" || status=$?
  [ "$status" -eq 75 ]
  ! kill -0 "$(cat pid)" 2>/dev/null
  start_peer a "${calm[@]}"
  start_peer b "${calm[@]}"
  eventually last_line_is seen 0
}
