#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What dlock shows of the group: the graph of waits, long listings; and the limits as a user meets them.
# labels: release
bats_require_minimum_version 1.5.0
load shared_group

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
  [[ $output == "69 dlock: $group/x.sock: the peer serves 4096 tools already, which is its limit: "* ]]
  [ "${#lines[@]}" -eq 1 ]
}

@test "--history: who held it, for how long, how it ended, also on another host" {
  run -1 dlock --history h1
  [ "$output" = "" ]
  on b dlock h1 -- sh -c 'exit 5' || true
  on c dlock -s h1 true
  hold a h1
  kill -9 "$holder" "$command"
  eventually is_free a h1
  hold b h1
  run -0 on c dlock --history --json h1
  [ "$(jq -r .outcome <<<"$output" | tr '\n' ' ')" = "released released lost holds " ]
  [ "$(jq -r .exit_status <<<"$output" | tr '\n' ' ')" = "5 0 null null " ]
  [ "$(jq -r .mode <<<"$output" | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = " 3 exclusive; 1 shared;" ]
  jq -se 'all(.schema == 1 and .name == "h1" and .wait_s >= 0 and .hold_s >= 0 and .user != "" and .peer != "")' <<<"$output"
  jq -se '[.[].token | tonumber] | . == sort' <<<"$output"
  [ "$(jq -sr 'last | .ended' <<<"$output")" = null ]
  run -0 dlock --history h1
  [ "${#lines[@]}" -eq 5 ]
  [[ ${lines[0]} == HOST*AGO*OUTCOME*COMMAND*TOKEN ]]
  [[ ${lines[1]} == *' '[0-9]*' s '*released*5*"sh -c exit 5 "*[0-9] ]]
  release h1
  run -64 dlock --history
  run -64 dlock --history a b
  run -0 dlock --history --stale h1
}

@test "--history keeps the last 32" {
  for i in $(seq 34); do dlock h2 -- sh -c "exit $i" || true; done
  run -0 dlock --history --json h2
  [ "${#lines[@]}" -eq 32 ]
  [ "$(jq -s 'first | .exit_status' <<<"$output")" -eq 3 ]
  [ "$(jq -s 'last | .exit_status' <<<"$output")" -eq 34 ]
}

two_wait() { [ "$(dlock --waits --json | wc -l)" -eq 2 ]; }

# joiner PEER STATUS-FILE [OPTION...]: the same command as the others, in the background.
joiner() {
  local peer=$1 file=$2
  shift 2
  (
    status=0
    on "$peer" dlock --join "$@" j1 -- sh -c 'echo run >>runs; echo $$ >pid; read line <go; exit 9' || status=$?
    echo $status >"$file"
  ) 3>&- &
}

@test "--join: the same command runs once, and all get its status, on every host" {
  mkfifo go
  joiner a s1
  eventually is_file pid
  joiner b s2 --report report
  joiner c s3
  eventually two_wait
  run -1 dlock -n --join j1 -- sh -c 'echo run >>runs; echo $$ >pid; read line <go; exit 9'
  run -1 dlock -w 0.2 --join j1 -- sh -c 'echo run >>runs; echo $$ >pid; read line <go; exit 9'
  run -1 dlock -n j1 true
  echo >go
  for i in 1 2 3; do eventually is_file s$i; done
  [ "$(cat s1 s2 s3 | tr '\n' ' ')" = "9 9 9 " ]
  [ "$(wc -l <runs)" -eq 1 ]
  jq -e '.outcome == "joined" and .exit_status == 9 and .token == null' report
  eventually is_free a j1
}

@test "--join: of a lost holder nobody knows the end: one of those who joined runs, the other joins that" {
  mkfifo go
  joiner a s1
  eventually is_file pid
  first=$(cat pid)
  joiner b s2
  joiner c s3
  eventually two_wait
  wrapper=$(dlock --list --json j1 | jq '.holders[0].pid')
  rm pid
  kill -9 "$wrapper" "$first"
  eventually is_file pid
  echo >go
  for i in 2 3; do eventually is_file s$i; done
  [ "$(cat s2 s3 | tr '\n' ' ')" = "9 9 " ]
  [ "$(wc -l <runs)" -eq 2 ]
}

@test "--join: 128+n of a signal; another command waits its turn and runs" {
  mkfifo go
  dlock j2 -- sh -c 'echo >in; read line <go; kill -USR2 $$' 3>&- &
  first=$!
  eventually is_file in
  dlock --join j2 -- sh -c 'echo >in; read line <go; kill -USR2 $$' 3>&- &
  second=$!
  dlock --join j2 echo other >other 3>&- &
  third=$!
  eventually waits_for a j2
  eventually two_wait
  echo >go
  for job in $first $second; do
    status=0
    wait $job || status=$?
    [ $status -eq 140 ]
  done
  wait $third
  [ "$(cat other)" = other ]
}

@test "--rate: so many a period over all hosts, the others wait or are refused" {
  run -0 dlock --rate 2/3600 r1 -- printenv DLOCK_NAME
  [ "$output" = r1 ]
  run -4 on b dlock --rate 2/3600 r1 -- sh -c 'exit 4'
  run -1 on c dlock -n --rate 2/3600 r1 true
  run -1 dlock -w 0.2 --rate 2/3600 r1 true
  run -77 dlock -n -E 77 --rate 2/3600 r1 true
  run -64 dlock -n --rate 2/60 r1 true
  [[ $output == "dlock: r1: in use with another rate, or as a lock: "* ]]
  run -64 dlock -n --slots 2 r1 true
  for bad in 0/1 1/0 1 /1 1/ x/1 1/x 10001/1 1/9999999 -1/5 1/-5; do run -64 dlock --rate "$bad" r1 true; done
  run -64 dlock --rate 1/1 -s r1 true
  run -64 dlock --rate 1/1 --join r1 true
}

@test "--rate: in the order of asking; the command may run longer than its period and holds nothing" {
  mkfifo end
  asked() { [ "$(wc -l <order)" -ge "$1" ]; }
  begin=$(now_us)
  for i in 1 2 3; do
    dlock --rate 1/0.5 r2 -- sh -c "echo $i >>order; read line <end" 3>&- &
    eventually is_file order
    eventually asked $i
  done
  took=$(($(now_us) - begin))
  [ "$(tr '\n' ' ' <order)" = "1 2 3 " ]
  [ $took -ge 1000000 ]
  eventually is_free a r2
  [ "$(jobs -p | wc -l)" -eq 3 ]
}

@test "on a terminal it says once who holds the lock, and on request anywhere; -q and a pipe say nothing" {
  hold b t1
  run -0 python3 "$COORD_SOURCE/tests/tools/terminal.py" dlock t1 true <<SCRIPT
expect dlock: t1: waiting: t1 is held by $(hostname) pid $(dlock --list --json t1 | jq '.holders[0].pid') ($(id -un)) since 20
expect  s): sh -c echo
pause 0.3
key C
end
SCRIPT
  [ "$(grep -c waiting <<<"$output")" -eq 1 ]
  run -1 dlock -w 0.2 t1 true
  [ "$output" = "" ]
  run -1 dlock --verbose -w 0.2 -s t1 true
  [[ ${lines[0]} == "dlock: t1: waiting: t1 is held by "* ]]
  release t1
}

@test "without a quorum it says which peers do not answer" {
  new_group "$BATS_TEST_TMPDIR/q" x y z
  start_group "${calm[@]}"
  signal_peer KILL y
  signal_peer KILL z
  eventually sees_none x
  run -69 on x dlock --verbose -w 0.5 n1 true
  stop_group || true # two are gone already
  grep -q '^dlock: n1: waiting for a majority of the peers: no answer from y, z$' <<<"$output"
}
