#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dclock as a shell user runs it.
bats_require_minimum_version 1.5.0
load traps

setup() {
  cd "$BATS_TEST_TMPDIR"
  export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
  unset COORD_CLOCK
  export LC_ALL=C.UTF-8
}

# The three hosts of the README, their logs in the current folder.
three_hosts() { "$COORD_SOURCE/tests/tools/dclock/three_hosts.sh" .; }

@test "event, send and recv count one event each and print it" {
  [ "$(dclock event --host a job started)" = 'a {"a":1} job started' ]
  token=$(dclock send --host a)
  [ "$token" = 'a:{"a":2}' ]
  [ "$(dclock recv --host b "$token" is asked)" = 'b {"a":2,"b":1} is asked' ]
  [ "$(dclock recv --host c 'a {"a":2} the text of the line')" = 'c {"a":2,"c":1} the text of the line' ]
  [ "$(cat state/coordutils/clocks/a)" = 'a {"a":2}' ]
}

@test "each kind of clock, by its token" {
  for kind in vector lamport matrix; do
    token=$(dclock send --kind $kind --clock $kind.a --host a)
    dclock recv --kind $kind --clock $kind.b --host b "$token" x >>lines
  done
  [ "$(cat lines)" = 'b {"a":1,"b":1} x
b {"@lamport":2} x
b {"a":{"a":1},"b":{"a":1,"b":1}} x' ]
  token=$(dclock send --kind hlc --clock hlc.a --host a)
  [[ $token =~ ^a:\{\"@hlc\":\"20[0-9T:.-]{21}Z\.[0-9a-f]{4}\"\}$ ]]
  dclock recv --clock hlc.b --host b --kind hlc "$token"
}

@test "lines carry the wall time, or the hybrid one, where that is asked for" {
  [[ "$(dclock event --host a --wall x)" =~ ^a\ \{\"a\":1\}\ @20[0-9T:-]{17}\.[0-9]{9}Z\ x$ ]]
  [[ "$(dclock event --host a --hlc x)" =~ ^a\ \{\"a\":2\}\ @20[0-9T:-]{17}\.[0-9]{3}Z\.[0-9a-f]{4}\ x$ ]]
  [[ "$(dclock send --host a)" =~ ^a:\{\"a\":3\}@20 ]]
}

@test "a clock file tells whose it is and of what kind" {
  dclock event --clock f --host a >/dev/null
  run dclock event --clock f --host b
  [ "$status" -eq 64 ]
  [[ $output == "dclock: $PWD/f: is the clock of host a: "* ]]
  run dclock event --clock f --kind lamport
  [ "$status" -eq 64 ]
  [ "$(dclock event --clock f)" = 'a {"a":2} ' ]
}

@test "a damaged clock file is refused, not begun anew" {
  for text in 'a {"a":3}' 'a {"a"' $'nonsense\n' $'a {"a":3} x y\n' $'7\n'; do
    printf '%s' "$text" >f
    run dclock event --clock f --host a
    [ "$status" -eq 65 ]
    [ "$(cat f)" = "$(printf '%s' "$text")" ]
  done
  : >f
  [ "$(dclock event --clock f --host a x)" = 'a {"a":1} x' ]
}

@test "a symbolic link stays one, and so do the file's permissions" {
  dclock event --clock real --host a >/dev/null
  chmod 640 real
  ln -s real link
  dclock event --clock link >/dev/null
  [ -L link ]
  [ "$(cat real)" = 'a {"a":2}' ]
  [ "$(stat -c %a real)" = 640 ]
}

@test "ten shells share a clock: every number once, and the log in order" {
  for shell in 1 2 3 4 5 6 7 8 9 10; do
    (for i in 1 2 3 4 5 6 7 8 9 10; do dclock event --clock f --host a --log a.log "$shell $i" || exit 1; done) &
  done
  wait
  [ "$(cat f)" = 'a {"a":100}' ]
  [ "$(wc -l <a.log)" -eq 100 ]
  dclock validate a.log
}

@test "a shared file as standard output is in order as well" {
  for shell in 1 2 3 4 5; do
    (for i in 1 2 3 4 5 6 7 8; do dclock event --clock f --host a "$shell $i"; done >>a.log) &
  done
  seq 200 | dclock stamp --clock f --host a >>a.log
  wait
  dclock validate a.log
  [ "$(cat f)" = 'a {"a":240}' ]
}

@test "kill -9 at any point: never the same stamp twice, never a broken clock" {
  for round in $(seq 25); do
    (yes | dclock stamp --clock f --host a >>a.log) &
    shell=$!
    (while dclock event --clock f --host a --log b.log x 2>/dev/null; do :; done) &
    other=$!
    sleep "0.0$((round % 10))"
    kill -9 $(ps -o pid= --ppid "$shell") $(ps -o pid= --ppid "$other") "$shell" "$other" 2>/dev/null || true
    wait || true
    dclock event --clock f --host a --log b.log survived
  done
  # A killed writer may leave half a line; whole ones are numbered once each, and none beyond the clock.
  grep -hoE '^a \{"a":[0-9]+\} [xy]$|^a \{"a":[0-9]+\} survived$' a.log b.log | grep -oE '[0-9]+' | sort -n >numbers
  [ -z "$(uniq -d numbers)" ]
  [ "$(tail -n 1 numbers)" -le "$(grep -oE '[0-9]+' f)" ]
}

@test "stamp: lines become events, also the last without a newline, and other shells take part" {
  [ "$(printf 'one\n\ntwo' | dclock stamp --host a)" = 'a {"a":1} one
a {"a":2} 
a {"a":3} two' ]
  mkfifo pipe
  dclock stamp --host a <pipe >out &
  exec 5>pipe
  echo early >&5
  until grep -q early out; do sleep 0.02; done
  dclock event --host a between >between
  echo late >&5
  exec 5>&-
  wait
  [ "$(sort -t : -k 2 out between | sed 's/.*} //' | tr '\n' ' ')" = 'early between late ' ]
}

@test "stamp --tokens: a line that begins with a token is a receipt" {
  printf '%s\n' 'plain' 'b:{"b":7} hello' 'c {"c":1} no token' | dclock stamp --tokens --host a >out
  [ "$(cat out)" = 'a {"a":1} plain
a {"a":2,"b":7} hello
a {"a":3,"b":7} c {"c":1} no token' ]
  run dclock stamp --tokens --host a <<<$'fine\nb:{"b":x} broken\nnever'
  [ "$status" -eq 65 ]
  [ "${lines[0]}" = 'a {"a":4,"b":7} fine' ]
  [[ ${lines[1]} == 'dclock: standard input:2: '* ]]
  [ "${#lines[@]}" -eq 2 ]
  run dclock stamp --tokens --skip-bad --host a <<<$'b:{"b":x} broken\nfine'
  [ "$status" -eq 0 ]
  [ "${lines[0]}" = 'a {"a":5,"b":7} fine' ]
  [ "${lines[1]}" = 'dclock: 1 line skipped' ]
}

@test "a pipeline from host to host" {
  seq 3 | dclock stamp --host a | tee a.log | dclock recv --host b >b.log
  [ "$(tail -n 1 b.log)" = 'b {"a":3,"b":3} 3' ]
  dclock validate a.log b.log
}

@test "recv refuses what cannot be, and the clock is as before" {
  dclock event --host a >/dev/null
  for token in '' 'x' 'a:{' 'b:{"b":1}x' '{"b":1}' 'b:{"a":9,"b":1}' 'b:{"@lamport":3}' 'b:{"b":9007199254740992}'; do
    run dclock recv --host a -- "$token"
    echo "token: $token: $output"
    [ "$status" -eq 65 ]
    [ "${#lines[@]}" -eq 1 ]
  done
  [ "$(cat state/coordutils/clocks/a)" = 'a {"a":1}' ]
}

@test "hlc: a wild clock is refused, a step back does not show" {
  far=$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%S.000Z.0000)
  run dclock recv --kind hlc --host a "b:{\"@hlc\":\"$far\"}"
  [ "$status" -eq 65 ]
  [[ $output == *'--max-offset' ]]
  dclock recv --kind hlc --host a --max-offset 8000 "b:{\"@hlc\":\"$far\"}" >/dev/null
  # The clock is now two hours ahead of the wall, as after a step back: it counts on from there.
  first=$(dclock event --host a)
  second=$(dclock event --host a)
  [[ $first > "a {\"@hlc\":\"$far" ]]
  [[ $second > $first ]]
}

@test "compare: words and statuses" {
  check() {
    run dclock compare "$1" "$2"
    echo "$1 $2: $output ($status)"
    [ "$output" = "$3" ] && [ "$status" -eq "$4" ]
  }
  check 'a:{"a":1}' 'b:{"a":1,"b":1}' before 10
  check 'b:{"a":1,"b":1}' 'a:{"a":1}' after 11
  check 'a:{"a":1}' '{"a":1}' equal 0
  check 'a:{"a":1}' 'b:{"b":1}' concurrent 12
  check 'a:{"@lamport":1}' 'b:{"@lamport":2}' 'before or concurrent' 13
  check 'b:{"@lamport":2}' 'a:{"@lamport":1}' 'after or concurrent' 13
  check 3 5 'before or concurrent' 13
  check 2026-11-22T01:27:15.123Z.0001 2026-11-22T01:27:15.123Z.0002 'before or concurrent' 13
  run dclock compare --json 'a:{"a":1}' 'b:{"b":1}'
  [ "$output" = '{"schema":1,"relation":"concurrent"}' ]
  run dclock compare -q 'a:{"a":1}' 'b:{"b":1}'
  [ "$status$output" = 12 ]
  run dclock compare 5 'a:{"a":1}'
  [ "$status" -eq 65 ]
  run dclock compare x y
  [ "$status" -eq 65 ]
  run dclock compare 5
  [ "$status" -eq 64 ]
}

@test "merge: causes first, from files and standard input, in any order of the logs" {
  three_hosts
  dclock merge web.log stock.log mail.log >all
  dclock merge mail.log - web.log <stock.log | cmp - all
  dclock merge all | cmp - all
  dclock validate all
  [ "$(head -n 1 all)" = 'mail {"mail":1} newsletter goes out' ]
  awk '{ if ($1 == "stock" && !asked) exit 1; if (/ask the stock/) asked = 1 }' all
}

@test "merge --cut: logs of two runs are no one log (65), and what follows a hole is left out" {
  cd "$BATS_TEST_TMPDIR"
  printf 'a {"a":1} x\na {"a":2} x\n' >one
  printf 'a {"a":1} y\na {"a":2,"b":9} y\n' >two
  printf 'b {"b":1} x\nb {"b":2} y\nb {"b":4} z\n' >three
  run -65 --separate-stderr timeout 20 dclock merge --cut one two three
  [[ $stderr == *"a=1"*"more than one run"* ]]
  run -0 --separate-stderr dclock merge --cut one three
  [ "${#lines[@]}" -eq 4 ]
  [[ $stderr == *"1 left out"* ]]
}

@test "merge --by wall and --by hlc break ties, never causality" {
  printf '%s\n' 'a {"a":1} @2026-01-01T00:00:09Z asks' >a.log
  printf '%s\n' 'b {"b":1} @2026-01-01T00:00:01Z idles' 'b {"a":1,"b":2} @2026-01-01T00:00:02Z is asked' >b.log
  [ "$(dclock merge --by wall a.log b.log | sed 's/.*Z //' | tr '\n' ' ')" = 'idles asks is asked ' ]
  [ "$(dclock merge a.log b.log | sed 's/.*Z //' | tr '\n' ' ')" = 'asks idles is asked ' ]
  run dclock merge --by hlc a.log b.log
  [ "$status" -eq 65 ]
  for host in a b; do for i in 1 2 3; do dclock event --hlc --host $host --clock $host --log $host.hlc $i; done; done
  dclock merge --by hlc b.hlc a.hlc >all
  [ "$(sed 's/.*@//' all)" = "$(sed 's/.*@//' all | sort)" ]
}

@test "broken lines are reported by file and line, or skipped and counted" {
  printf '%s\n' 'a {"a":1} x' 'nonsense' 'a {"a":2} y' >a.log
  for verb in merge validate 'concurrent --count' draw gc 'convert --to jsonl'; do
    run dclock $verb a.log
    echo "$verb: $output"
    [ "$status" -eq 65 ]
    [[ ${lines[-1]} == 'dclock: a.log:2: '* ]]
    run dclock $verb --skip-bad a.log
    [ "$status" -eq 0 ]
    [[ $output == *'dclock: 1 line skipped'* ]]
  done
  run dclock validate nowhere.log
  [ "$status" -eq 65 ]
  [[ $output == 'dclock: nowhere.log: No such file or directory: '* ]]
}

@test "--skip-bad: what is skipped takes nothing from what is good" {
  seq 70000 | sed 's/.*/w& noise of a program/' >noise.log
  for host in a b c d e; do
    for i in $(seq 100); do echo "$host {\"$host\":$i} x"; done
  done >good.log
  cat noise.log good.log >mixed.log
  [ "$(dclock merge --skip-bad mixed.log 2>err | sort)" = "$(sort good.log)" ]
  [ "$(cat err)" = 'dclock: 70000 lines skipped' ]
  [ "$(dclock validate --skip-bad mixed.log 2>/dev/null)" = 'valid: 500 events of 5 hosts' ]
  [ "$(dclock merge --skip-bad - <mixed.log 2>/dev/null | wc -l)" -eq 500 ]
  [ "$(dclock gc --skip-bad --json mixed.log 2>/dev/null | wc -l)" -eq 5 ]
  sed 's/^\(w[0-9]*\).*/b:{"\1":1,"b":x} broken/' noise.log >tokens
  echo 'b:{"b":1} hello' >>tokens
  dclock recv --skip-bad --host z <tokens >out 2>err
  [ "$(cat out)" = 'z {"b":1,"z":1} hello' ]
  [ "$(cat err)" = 'dclock: 70000 lines skipped' ]
}

@test "lines may end in CR LF, everywhere" {
  printf '%s\r\n' 'a {"a":1} x' 'a {"a":2}' >a.log
  [ "$(dclock merge a.log)" = $'a {"a":1} x\na {"a":2}' ]
  dclock validate a.log
  [ "$(dclock convert --to jsonl a.log | head -n 1 | jq -r .text)" = x ]
  [ "$(printf 'one\r\n\r\n' | dclock stamp --host b)" = $'b {"b":1} one\nb {"b":2} ' ]
  [ "$(printf 'a:{"a":1}\r\na:{"a":2} hi\r\na {"a":3} ho\r\n' | dclock recv --host c)" = $'c {"a":1,"c":1} \nc {"a":2,"c":2} hi\nc {"a":3,"c":3} ho' ]
  [ "$(dclock recv --host d $'a:{"a":1}\r')" = 'd {"a":1,"d":1} ' ]
  [ "$(dclock event --host d $'x\r')" = 'd {"a":1,"d":2} x' ]
  [ "$(dclock compare $'a:{"a":1}\r' 'a:{"a":1}')" = equal ]
}

@test "hostile lines end in one clear error" {
  head -c 3000000 /dev/zero | tr '\0' x >long.log
  { printf 'a {'; for i in $(seq 70000); do printf '"h%d":1,' "$i"; done; printf '"a":1} x\n'; } >hosts.log
  printf 'a {"a":1} \xff\xfe\x00\n\x1b[31m {"a":1} x\n' >bytes.log
  head -c 100000 /dev/urandom >noise.log
  for log in long hosts bytes noise; do
    run dclock validate $log.log
    echo "$log: $output"
    [ "$status" -eq 65 ]
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "validate: violations as text and JSON, statuses 0, 1 and 65" {
  three_hosts
  [ "$(dclock validate *.log)" = 'valid: 14 events of 3 hosts' ]
  printf '%s\n' 'a {"a":1,"b":9} x' 'a {"a":3} y' >a.log
  printf '%s\n' 'b {"b":1} x' >b.log
  run dclock validate a.log b.log
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = 'a.log:1: unknown-event: a: knows b=9, the last logged is b=1' ]
  [ "${lines[1]}" = 'a.log:2: gap: a: a=3 follows a=1' ]
  [ "${lines[2]}" = 'a.log:2: regression: a: b=0 after b=9 at a=1' ]
  [ "$(dclock validate --json a.log b.log | jq -r '.violation | "\(.file) \(.line) \(.rule) \(.host)"' | tail -n 1)" = 'a.log 2 regression a' ]
  run dclock validate -q a.log b.log
  [ "$status$output" = 1 ]
}

@test "cut: names the message received and not sent" {
  three_hosts
  run dclock cut *.log web=2,stock=1
  [ "$status" -eq 0 ]
  [ "$output" = 'consistent: 0 messages in flight' ]
  run dclock cut *.log web=5,stock=3
  [ "$output" = 'consistent: 2 messages in flight' ]
  run dclock cut *.log web=1,stock=1
  [ "$status" -eq 1 ]
  [ "$output" = 'not consistent: stock.log:1: stock=1 received a message that web=2 sends only after the cut (web.log:2)' ]
  [ "$(dclock cut --json *.log web=1,stock=1 | jq -rs '.[0].violation | "\(.file) \(.line) \(.host) \(.sent)"')" = 'stock.log 1 stock web=2' ]
  run dclock cut *.log web=9
  [ "$status" -eq 65 ]
  run dclock cut *.log web
  [ "$status" -eq 64 ]
}

@test "concurrent, slice, skew and gc" {
  three_hosts
  [ "$(dclock concurrent --count *.log)" = "$(dclock concurrent *.log | wc -l)" ]
  dclock concurrent --with stock=3 *.log | grep -qx 'stock=3 web=5'
  dclock concurrent --json *.log | jq -re '.pair.a, .pair.b' >pairs
  while read -r a && read -r b; do
    run dclock compare "$a" "$b"
    [ "$output" = concurrent ]
  done < <(head -n 20 pairs)
  [ "$(dclock slice --past *.log web=3 | sed 's/.*} //' | tail -n 1)" = 'lamps are ours' ]
  [ "$(dclock slice --future *.log stock=5 | wc -l)" -eq 3 ]
  dclock slice *.log stock=2 | dclock draw >/dev/null
  [ "$(dclock gc --json *.log | jq -r '.discard | select(.origin == "web") | .up_to')" = 5 ]
  [ "$(dclock gc --json --group web,stock,mail,new *.log | jq -s 'map(.discard.up_to) | add')" = 0 ]
  printf '%s\n' 'a {"a":1} @2026-01-01T00:00:10Z s' 'a {"a":2,"b":2} @2026-01-01T00:00:13Z r' >a.wall
  printf '%s\n' 'b {"a":1,"b":1} @2026-01-01T00:00:14Z r' 'b {"a":1,"b":2} @2026-01-01T00:00:14Z s' >b.wall
  [ "$(dclock skew --json a.wall b.wall 2>err | jq -r '.skew | "\(.from) \(.to) \(.lower_s) \(.upper_s)"')" = 'a b 1 4' ]
  grep -q 'received before they were sent' err
  run dclock skew web.log
  [ "$status" -eq 65 ]
}

@test "skew: a host's own clock that went back is named" {
  printf '%s\n' 'a {"a":1} @2026-01-01T00:00:10Z x' 'a {"a":2} @2026-01-01T00:00:03.5Z y' >a.log
  run -65 --separate-stderr dclock skew a.log
  [ "${stderr_lines[0]}" = "dclock: a host's own wall clock went back 1 time; first a.log:2: a=2 is 6.5 s before a=1" ]
  [[ ${stderr_lines[1]} == "dclock: skew: no constant offset explains the log"* ]]
}

@test "convert --to shiviz: the file says how to read it, and ShiViz's rules accept it" {
  three_hosts
  dclock event --clock web.clock --log web.log
  dclock convert --to shiviz *.log >run.shiviz
  [ "$(head -n 1 run.shiviz)" = '(?<host>\S+) (?<clock>{[^}]*}) (?<event>.*)' ]
  [ -z "$(sed -n 2p run.shiviz)" ]
  [ "$("$COORD_SOURCE/tests/tools/dclock/viewer_rules.py" run.shiviz)" = 15 ]
  for host in a b; do dclock event --clock $host --host $host --wall --log wall.log x; done
  dclock convert --to tsviz wall.log >run.tsviz
  [ "$("$COORD_SOURCE/tests/tools/dclock/viewer_rules.py" run.tsviz)" = 2 ]
  run dclock convert --to tsviz web.log
  [ "$status" -eq 65 ]
  dclock convert --to jsonl *.log | jq -e '.schema == 1 and (.clock[.host] > 0)' >/dev/null
  printf 'a {"a":2} x\n' | dclock convert --to shiviz 2>&1 >/dev/null | grep -q 'ShiViz will refuse'
}

@test "draw: the README's picture, in every format" {
  three_hosts
  dclock draw web.log stock.log mail.log >drawn
  sed -n '/^<!-- drawn by dclock -->$/,/^<!-- end -->$/p' "$COORD_SOURCE/README.md" | grep -v '^<!--\|^```\|^!\[' | sed '/^$/d' | diff - drawn
  dclock draw --to svg web.log stock.log mail.log | diff - "$COORD_SOURCE/docs/dclock-three-hosts.svg"
  [ "$(dclock draw *.log | wc -L)" -le 80 ]
  [ "$(dclock draw --width 60 *.log | wc -L)" -le 60 ]
  [ -z "$(dclock draw --ascii *.log | tr -d '\n\40-\176')" ]
  [ "$(LC_ALL=C dclock draw *.log)" = "$(dclock draw --ascii *.log)" ]
  python3 -c 'import sys, xml.etree.ElementTree as t; t.parse(sys.stdin)' < <(dclock draw --to svg *.log)
  dclock draw --to mermaid *.log | head -n 2 | tail -n 1 | grep -qx '  participant h0 as mail'
  [ "$(dclock draw --to dot *.log | grep -c 'color="#0072b2"')" -eq 5 ]
}

@test "draw: what is hostile in a text stays text" {
  printf '%s\n' 'a<b {"a<b":1} <script>&"; end %%{init}%% # \033[31m' $'c {"c":1} \x1b[31mred\x7f "quoted\\"' >odd.log
  for format in text svg dot mermaid; do dclock draw --to $format odd.log >odd.$format; done
  ! grep -q '<script>' odd.svg
  ! grep -q $'\x1b' odd.text odd.svg odd.dot odd.mermaid
  python3 -c 'import sys, xml.etree.ElementTree as t; t.parse("odd.svg")'
  ! grep -qE '(^|[^#0-9]);|\bend\b|%%' odd.mermaid
}

@test "draw: many hosts, long names, wide texts and no events" {
  for i in $(seq 30); do printf 'a-rather-long-host-name-%d {"a-rather-long-host-name-%d":1} 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字\n' $i $i; done >many.log
  dclock draw many.log >/dev/null
  head -n 3 many.log | dclock draw >few
  [ "$(wc -L <few)" -le 80 ]
  run dclock draw </dev/null
  [ "$status$output" = 0 ]
  dclock draw --to svg </dev/null | python3 -c 'import sys, xml.etree.ElementTree as t; t.parse(sys.stdin)'
  printf '{"a":1} x\n' | (! dclock draw 2>/dev/null)
}

@test "scalar clocks: merged and validated, but never asked for causes" {
  for host in a b; do for i in 1 2; do dclock event --kind lamport --clock $host --host $host --log $host.log $i; done; done
  [ "$(dclock merge b.log a.log | cut -d ' ' -f 1 | tr -d '\n')" = abab ]
  dclock validate a.log b.log
  for verb in concurrent draw skew gc convert; do
    run dclock $verb a.log b.log
    echo "$verb: $output"
    [ "$status" -eq 65 ]
  done
}

@test "closed, full and abandoned outputs" {
  three_hosts
  for verb in merge validate 'concurrent --count' skew\ --json draw convert; do
    [ "$(dclock $verb web.log >/dev/full 2>/dev/null; echo $?)" -ne 0 ]
  done
  [ "$(dclock merge web.log >&- 2>/dev/null; echo $?)" -eq 74 ]
  [ "$(dclock event --clock web.clock >/dev/full 2>/dev/null; echo $?)" -eq 74 ]
  [ "$(yes | dclock stamp --host z >/dev/full 2>/dev/null; echo ${PIPESTATUS[1]})" -eq 74 ]
  yes | dclock stamp --host y | head -n 3 >three
  [ "$(wc -l <three)" -eq 3 ]
  [ "$(dclock event --clock /nowhere/clock --host a 2>/dev/null; echo $?)" -eq 74 ]
  [ "$(dclock event --clock web.clock --log /nowhere/log 2>/dev/null; echo $?)" -eq 74 ]
}

@test "usage errors are 64" {
  for arguments in '' 'nonsense' 'event --kind sundial' 'event --host a{b' 'merge --by luck' 'draw --to canvas' 'cut' 'slice' 'slice x' 'concurrent --with x'; do
    run dclock $arguments </dev/null
    echo "$arguments: $status $output"
    [ "$status" -eq 64 ]
    [ "${#lines[@]}" -eq 1 ]
  done
  run dclock event --host a $'two\nlines'
  [ "$status" -eq 64 ]
}
