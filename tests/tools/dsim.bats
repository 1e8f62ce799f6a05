#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dsim as a shell user runs it.

load traps

@test "list names each protocol with a line, and the rules of each" {
  [[ "$(dsim list)" == *"ricart-agrawala "*"(Ricart, Agrawala 1981)"* ]]
  [[ "$(dsim list --rules)" == *"ra_tie_by_site"*"ricart-agrawala"* ]]
}

@test "list and count fit 80 columns, and each formula is there" {
  [ "$({ dsim list; dsim list --rules; dsim count; } | LC_ALL=C.UTF-8 wc -L)" -le 80 ]
  shown=$(dsim count)
  dsim count --json | jq -r .formula | sort -u | while read -r formula; do
    grep -qF -- "$formula" <<<"$shown"
  done
}

@test "count: what cannot be counted is said" {
  run dsim count pbft -n 5,9
  [ "$status" -eq 64 ]
  [ "$output" = "dsim: -n: pbft cannot have so many nodes: give 4,7,10, for instance" ]
  run dsim count heartbeat
  [ "$status" -eq 64 ]
}

@test "run: what came of it, as text and as JSON" {
  run dsim run ricart-agrawala -n 4 --ops 10
  [ "$status" -eq 0 ]
  [[ $output == *"messages     60, 6.00 an operation"* ]]
  dsim run ricart-agrawala -n 4 --ops 10 --json | jq -e '.schema == 1 and .protocol == "ricart-agrawala" and .nodes == 4
    and .seed == "1" and .operations == 10 and .messages == {reply: 30, request: 30} and .messages_per_operation == 6
    and .delay_s.p50 > 0 and .delay_s.p99 >= .delay_s.p50 and .violations == []'
}

@test "count: every protocol costs what its paper says" {
  run dsim count --json
  [ "$status" -eq 0 ]
  jq -es 'length > 0 and all(.agrees)' <<<"$output"
}

@test "sweep: a mistake is caught, and the line printed replays it" {
  run dsim sweep ricart-agrawala --mutant ra_tie_by_site
  [ "$status" -eq 0 ]
  [[ $output == *"mutual_exclusion violated"* ]]
  replay=$(sed -n 's/^replay  *//p' <<<"$output")
  violation=$(sed -n 's/^VIOLATION  *//p' <<<"$output")
  run $replay
  [ "$status" -eq 1 ]
  [[ $output == *"$violation"* ]]
}

@test "sweep: the shortest trace can be read, in full on request; rare mistakes are found too" {
  run dsim sweep ghs --mutant ghs_absorbed_while_searching_reports
  [ "$status" -eq 0 ]
  [[ $output == *"shortest     5 nodes, 1 operations, 0 faults: progress violated"* ]]
  run dsim sweep multi-paxos --mutant mp_gaps_are_filled
  [ "$status" -eq 0 ]
  [ "${#lines[@]}" -lt 200 ]
  [[ $output == *" lines more: --trace prints them"*" * violates progress"* ]]
  [ "$(dsim sweep multi-paxos --mutant mp_gaps_are_filled --trace | wc -l)" -gt 1000 ]
  dsim sweep 2pc --mutant tpc_vote_durable_before_yes
}

@test "a crashed site and a cut: nobody is let in past them, the survivors go on in a new epoch" {
  run dsim run ricart-agrawala --crash 2@30 --trace
  [ "$status" -eq 0 ]
  [[ $output == *"* epoch 1 of 4 sites"* ]]
  run dsim run ricart-agrawala --crash 2@50 # inside: answered, not lost
  [[ $output == *"operations   17, 3 lost with their nodes"* ]]
  dsim run ricart-agrawala --cut 1,2/3,4@10-500
}

@test "failure detectors: a crash is no mistake, whether the process comes back or not" {
  for protocol in heartbeat phi-normal phi-exponential; do
    for crash in 2@3000 3@500-4000; do # one that has gone silent before, one that has not
      echo "$protocol $crash"
      run dsim run "$protocol" --crash "$crash"
      [ "$status" -eq 0 ]
      [[ $output == *"class P; 6 detections"*"; 0 mistakes"* ]]
    done
  done
}

@test "a lease's holder crashes: the lease runs out, and the next leads under a larger token" {
  for protocol in lease-race lease-herd; do
    for crash in 2@50 4@13 5@170; do # one that waits for users of its own and of the store's, two that lead
      echo "$protocol $crash"
      run dsim run "$protocol" --crash "$crash" --trace
      [ "$status" -eq 0 ]
      [[ $output != *" epoch "* ]]
    done
  done
}

@test "usage: what is wrong is named" {
  for arguments in "run nothing" "run ricart-agrawala --cut 1,2@3" \
    "run ricart-agrawala --cut 1,2/2,3@1-2" "run ricart-agrawala --crash 9@1" \
    "run ricart-agrawala --byzantine 1:lies" "run ricart-agrawala --loss 2" "run ricart-agrawala --delay 5:3" \
    "sweep ricart-agrawala --mutant none" "count --nodes 0"; do
    echo "arguments: $arguments"
    run dsim $arguments
    [ "$status" -eq 64 ]
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "check: a history is linearizable, or the operations that do not fit are named" {
  cd "$BATS_TEST_TMPDIR"
  cat >good <<'END'
{"client":1,"op":"acquire","name":"disk","start_ns":0,"end_ns":10,"ok":true,"token":1}
{"client":2,"op":"acquire","name":"disk","start_ns":5,"end_ns":12,"ok":false}
{"client":1,"op":"release","name":"disk","start_ns":20,"end_ns":30,"ok":true,"token":1}
{"client":"web","op":"acquire","name":"disk","start_ns":25,"end_ns":40,"ok":true,"token":2}
END
  [ "$(dsim check good --model lock)" = "4 operations: linearizable" ]
  dsim check - --model lock --json <good | jq -e '.linearizable == "yes" and .operations == 4'
  sed 's/"start_ns":20,"end_ns":30/"start_ns":50,"end_ns":60/' good >bad
  run dsim check bad --model lock
  [ "$status" -eq 1 ]
  [[ $output == *"bad:4: client web acquire disk [0.000025, 0.000040] ms"* ]]
  [[ $output == *"held by client 1 (token 1)"* ]]
  dsim check bad --model lock --json | jq -e '.linearizable == "no" and .lines[0] == 4 and .name == "disk"' || [ "$status" -eq 1 ]
}

@test "check: stale reads are sequentially consistent; --limit says undecided" {
  cd "$BATS_TEST_TMPDIR"
  printf '%s\n' '{"client":1,"op":"write","start_ns":0,"end_ns":1,"ok":true,"value":5}' \
    '{"client":2,"op":"read","start_ns":2,"end_ns":3,"ok":true,"value":0}' >stale
  run dsim check stale --model register
  [ "$status" -eq 1 ]
  [ "$(dsim check stale --model register --weak)" = "2 operations: sequentially consistent" ]
  printf '%s\n' '{"client":"a","op":"write","start_ns":0,"end_ns":9,"ok":true,"value":5}' \
    '{"client":"a","op":"read","start_ns":2,"end_ns":3,"ok":true,"value":0}' >both_at_once
  dsim check both_at_once --model register
  run dsim check both_at_once --model register --weak
  [ "$status" -eq 65 ]
  [[ $output == "dsim: both_at_once:2: begins before the same client's operation of line 1 has ended: "* ]]
  for i in {1..40}; do
    echo "{\"client\":$i,\"op\":\"write\",\"start_ns\":0,\"end_ns\":9,\"ok\":true,\"value\":$((i / 2))}"
  done >hard
  echo '{"client":41,"op":"read","start_ns":10,"end_ns":11,"ok":true,"value":77}' >>hard
  run dsim check hard --model register --limit 1000
  [ "$status" -eq 3 ]
  [[ $output == *undecided* ]]
}

@test "check --level: what each level allows, and the operations that break it" {
  cd "$BATS_TEST_TMPDIR"
  # Two write at once: both values are there, until a third write has superseded both.
  cat >siblings <<'END'
{"client":"a","op":"write","name":"k","start_ns":0,"end_ns":10,"ok":true,"value":1}
{"client":"b","op":"write","name":"k","start_ns":5,"end_ns":12,"ok":true,"value":2}
{"client":"c","op":"read","name":"k","start_ns":20,"end_ns":25,"ok":true,"values":[1,2]}
{"client":"c","op":"write","name":"k","start_ns":30,"end_ns":40,"ok":true,"value":3,"supersedes":[1,2]}
{"client":"a","op":"read","name":"k","start_ns":50,"end_ns":60,"ok":true,"values":[3],"final":true}
END
  for level in eventual causal regular; do
    [ "$(dsim check siblings --level $level)" = "5 operations: $level" ]
  done
  sed '5s/\[3\]/[2]/' siblings >stale
  run dsim check stale --level regular
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = "5 operations: not regular" ]
  [[ ${lines[2]} == "stale:5: client a read k "*", 2" ]]
  run dsim check stale --level eventual
  [ "$status" -eq 1 ]
  dsim check stale --level causal # a has not seen it
  sed '5s/"client":"a"/"client":"c"/' stale >seen
  run dsim check seen --level causal --json
  [ "$status" -eq 1 ]
  jq -e '.level == "causal" and .kept == false and .lines == [5,4,2] and .name == "k"' <<<"$output"
  run dsim check siblings --level regular --model register
  [ "$status" -eq 64 ]
  for bad in '{"client":1,"op":"cas","start_ns":0}' '{"client":1,"op":"write","start_ns":0,"value":0}' \
    '{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true,"values":["x"]}' \
    '{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true,"values":[[1]]}' \
    '{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true,"values":7}' \
    '{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true}' '{"client":1,"op":"write","start_ns":0,"value":2,"name":"k"}'; do
    { cat siblings; echo "$bad"; } >broken
    echo "line: $bad"
    run dsim check broken --level regular
    [ "$status" -eq 65 ]
    [[ $output == "dsim: broken:6: "* ]]
  done
  sed 's/,"final":true//' siblings >restless
  run dsim check restless --level eventual
  [ "$status" -eq 65 ]
}

@test "check: broken input is 65 and names the line" {
  cd "$BATS_TEST_TMPDIR"
  good='{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true,"value":0}'
  for bad in '{' '[]' '7' '{"client":1}' '{"client":1,"op":"fly","start_ns":0}' '{"client":1,"op":"read","start_ns":-1}' \
    '{"client":1,"op":"read","start_ns":1e3}' '{"client":1,"op":"read","start_ns":5,"end_ns":4,"ok":true}' \
    '{"client":{},"op":"read","start_ns":0}' '{"client":1,"op":"write","start_ns":0}' \
    '{"client":1,"op":"read","start_ns":0,"end_ns":1,"ok":true}' $'{"client":1,"op":"\xff","start_ns":0}' \
    '{"client":1,"op":"read","start_ns":99999999999999999999}' "$good x"; do
    printf '%s\n%s\n' "$good" "$bad" >broken
    echo "line: $bad"
    run dsim check broken --model register
    [ "$status" -eq 65 ]
    [[ $output == "dsim: broken:2: "* ]]
  done
  run dsim check - --model register </
  [ "$status" -eq 65 ]
  run dsim check . --model register
  [ "$status" -eq 65 ]
  [[ $output == *"is it a file?"* ]]
  run dsim check nowhere --model register
  [ "$status" -eq 65 ]
  head -c 100000 /dev/zero | tr '\0' '[' >deep
  run dsim check deep --model lock
  [ "$status" -eq 65 ]
}
