#!/usr/bin/env bats
# What dlock shows of the group: the graph of waits, long listings; and the limits as a user meets them.
bats_require_minimum_version 1.5.0
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  start_group "${calm[@]}"
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/g"
  stop_group
}

setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown() {
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
}

@test "--waits: who waits for whom, as a table, as JSON and as a drawing" {
  run -0 dlock --waits
  [ "$output" = "" ]
  mkfifo go
  hold b w2
  dlock w1 -- sh -c 'echo >in; dlock w2 true' 3>&- &
  outer=$!
  eventually waits_for a w2
  on c dlock -s w2 true 3>&- &
  eventually waits_for a w2 2
  run -0 on c dlock --waits
  [ "${#lines[@]}" -eq 4 ]
  [[ ${lines[0]} == NAME\ * ]]
  grep -Eq '^w2 .* held by .* sh -c echo \$\$' <<<"$output"
  grep -Eq '^w2 .* behind .* true$' <<<"$output"
  run -0 dlock --waits --json
  [ "${#lines[@]}" -eq 3 ]
  jq -se 'all(.schema == 1 and .name == "w2" and (.as_of | startswith("20")))' <<<"$output"
  jq -se '[.[] | .blocker.kind] == ["holds", "holds", "before"]' <<<"$output"
  jq -se '.[0].blocker.token > "1" and .[2].blocker.token == null' <<<"$output"
  jq -se '.[0].waiter.outer | length == 1' <<<"$output"
  [ "$(jq -r '.waiter.outer[0] // empty' <<<"$output" | sort -u)" = "$(dlock --list --json w1 | jq -r '.holders[0].session')" ]
  run -0 dlock --waits --dot
  [ "${lines[0]}" = "digraph waits {" ]
  [ "${lines[-1]}" = "}" ]
  [ "$(grep -c ' -> ' <<<"$output")" -eq 4 ]
  [ "$(grep -c 'style=dashed' <<<"$output")" -eq 1 ]
  release w2
  wait $outer
  run -0 dlock --waits --json --stale
  run -64 dlock --waits --json --dot
  run -64 dlock --waits name
  run -64 dlock --dot w1 true
}

@test "a name is drawn as it is shown: no quote or line in it leaves its label" {
  name=$(printf 'a"b\nc\\"')
  hold b "$name"
  dlock "$name" true 3>&- &
  eventually waits_for a "$name"
  run -0 dlock --waits --dot
  [[ $output == *'label="a\"b\nc\\\""'* ]]
  release "$name"
}

@test "a peer that takes no more tools says so" {
  [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 9000 ] || skip "too few descriptors allowed"
  ulimit -n 9000
  new_group "$BATS_TEST_TMPDIR/h" x
  start_group
  cat >crowd.py <<'PY'
import resource, socket, subprocess, sys
crowd = []
for i in range(4096):
    crowd.append(socket.socket(socket.AF_UNIX))
    crowd[-1].connect(sys.argv[1])
done = subprocess.run(["dlock", "-n", "late", "true"], capture_output=True, text=True, timeout=20)
print(done.returncode, done.stderr, end="")
PY
  COORD_SOCKET=$group/x.sock run -0 python3 crowd.py "$group/x.sock"
  stop_group
  [[ $output == "69 dlock: $group/x.sock: too many tools are connected to this peer: end some, or try again later"* ]]
  [ "${#lines[@]}" -eq 1 ]
}
