#!/usr/bin/env bats
# dsim as a shell user runs it.

@test "list names each protocol with a line, and the rules of each" {
  [[ "$(dsim list)" == *"ricart-agrawala "*"(Ricart and Agrawala 1981)"* ]]
  [[ "$(dsim list --rules)" == *"ra_tie_by_site"*"ricart-agrawala"* ]]
}

@test "the same seed gives the same bytes, another seed others" {
  for protocol in $(dsim list | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    [ "$(dsim run "$protocol" --seed 3 --trace)" = "$(dsim run "$protocol" --seed 3 --trace)" ]
    [ "$(dsim run "$protocol" --seed 3 --trace)" != "$(dsim run "$protocol" --seed 4 --trace)" ]
  done
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

@test "sweep: every protocol stands what it promises" {
  for protocol in $(dsim list | awk 'NR > 1 { print $1 }'); do
    echo "protocol: $protocol"
    dsim sweep "$protocol" --seeds 300
  done
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

@test "a crashed site and a cut: nobody is let in past them, the survivors go on in a new epoch" {
  run dsim run ricart-agrawala --crash 2@30 --trace
  [ "$status" -eq 0 ]
  [[ $output == *"* epoch 1 of 4 sites"* ]]
  dsim run ricart-agrawala --cut 1,2/3,4@10-500
}

@test "usage: what is wrong is named" {
  for arguments in "run nothing" "run ricart-agrawala --cut 1,2@3" "run ricart-agrawala --crash 9@1" \
    "run ricart-agrawala --byzantine 1:lies" "run ricart-agrawala --loss 2" "run ricart-agrawala --delay 5:3" \
    "sweep ricart-agrawala --mutant none" "count --nodes 0"; do
    echo "arguments: $arguments"
    run dsim $arguments
    [ "$status" -eq 64 ]
    [ "${#lines[@]}" -eq 1 ]
  done
}
