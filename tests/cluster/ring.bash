# SPDX-License-Identifier: MIT
# Users of a ring who write down what they have put and got, and the judgement of that history. After ../tools/peer_helpers.
# shellcheck shell=bash disable=SC2154  # group and names are of peer_helpers
ring_keys=20

# Writes values that are each written once, some of them in the place of versions that it names, removes, and reads; a line of JSON for each. A
# session does not name or remove, and who writes at the level one does not name.
write_ring_user() {
  cat >ring_user <<'USER'
#!/usr/bin/env bash
# NUMBER END_SECOND KEYS [causal|one]
now() { echo "${EPOCHREALTIME/./}000"; }
record() { printf '{"client":%d,"op":"%s","name":"%s","start_ns":%s%s}\n' "$user" "$1" "$2" "$begin" "$3" >>"$history.$user"; }
user=$1 history=history keys=key level=()
case ${4-} in
  causal) history=causal keys=seen level=(--level causal --session "session.$1") ;;
  one) history=single keys=one level=(--level one) ;;
esac
for ((n = 1; $(date +%s) < $2; n++)); do
  key=$keys$(printf %02d $((RANDOM % $3)))  # none is the beginning of another one
  [ "$history" = history ] || COORD_SOCKET=$(shuf -n 1 sockets)
  begin=$(now)
  dice=$((RANDOM % 12))
  if ((dice == 0)) && [ "$history" != causal ]; then
    chordctl rm -w 2 "${level[@]}" "$key" 2>>errors
    case $? in
      0) record remove "$key" ",\"end_ns\":$(now),\"ok\":true" ;;
      1) record read "$key" ",\"end_ns\":$(now),\"ok\":true,\"values\":[]" ;;
      69) record remove "$key" ",\"end_ns\":$(now),\"ok\":false" ;;
      *) record remove "$key" "" ;;
    esac
  elif ((dice < 8)); then
    value=$((user * 1000000 + n))
    named='' resolve=()
    if ((dice == 1)) && [ "$history" = history ] && seen=$(timeout 5 chordctl dump "$key" 2>>errors) && [ -n "$seen" ]; then
      resolve=(--resolve "$(jq -r .version <<<"$seen" | paste -sd,)")
      named=",\"supersedes\":[$(jq -r '.value_b64 | @base64d' <<<"$seen" | paste -sd,)]"
      begin=$(now)
    fi
    chordctl put -w 2 "${level[@]}" "${resolve[@]}" "$key" "$value" 2>>errors
    case $? in
      0) record write "$key" ",\"end_ns\":$(now),\"ok\":true,\"value\":$value$named" ;;
      69) record write "$key" ",\"end_ns\":$(now),\"ok\":false,\"value\":$value$named" ;;
      *) record write "$key" ",\"value\":$value$named" ;;
    esac
  else
    value=$(chordctl get -w 2 "${level[@]}" "$key" 2>>errors)
    case $? in
      0) record read "$key" ",\"end_ns\":$(now),\"ok\":true,\"values\":[$value]" ;;
      1) record read "$key" ",\"end_ns\":$(now),\"ok\":true,\"values\":[]" ;;
      3) # siblings: all of them as they are at one time; what a session has seen of them is in its file, and what one copy has is no promise
        if [ "$history" = history ] && values=$(timeout 5 chordctl dump "$key" 2>>errors | jq -r '.value_b64 | @base64d' | paste -sd,) && [ -n "$values" ]; then
          record read "$key" ",\"end_ns\":$(now),\"ok\":true,\"values\":[$values]"
        fi ;;
    esac
  fi
done
USER
  chmod +x ring_user
}

# start_ring_users SECONDS PEER...: one at each
start_ring_users() {
  local end=$(($(date +%s) + $1)) peer number=0
  shift
  users=()
  for peer; do
    number=$((number + 1))
    COORD_SOCKET=$group/$peer.sock ./ring_user "$number" "$end" "$ring_keys" 3>&- &
    users+=($!)
  done
}

# The same at another level, from host to host, each with a session if it has one: start_users_at LEVEL FIRST_NUMBER SECONDS COUNT. Not at
# $mover, which leaves and joins: while it is in no ring, it has one of its own.
start_users_at() {
  local end=$(($(date +%s) + $3)) number peer
  for peer in "${names[@]}"; do
    [ "$peer" = "${mover-}" ] || echo "$group/$peer.sock"
  done >sockets.new
  mv sockets.new sockets # others read it meanwhile
  for ((number = $2; number < $2 + $4; number++)); do
    COORD_SOCKET=$group/${names[0]}.sock ./ring_user "$number" "$end" "$ring_keys" "$1" 3>&- &
    users+=($!)
  done
}
start_causal_users() { start_users_at causal 101 "$@"; } # SECONDS COUNT
start_single_users() { start_users_at one 201 "$@"; }    # SECONDS COUNT

checks() { on "$1" chordctl ring --check -w 5 >/dev/null 2>&1; }
all_check() { for peer in "${names[@]}"; do checks "$peer" || return 1; done; }

# values_at PEER: of each key that has one, all its values, into values.PEER.
values_at() {
  on "$1" chordctl dump -w 10 >dumped || return
  jq -sc 'map({key, value: (.value_b64 | @base64d | tonumber)}) | group_by(.key) | map({(.[0].key): (map(.value) | sort)}) | add // {}' \
    dumped >"values.$1"
}
all_agree() {
  local peer
  for peer in "${names[@]}"; do
    values_at "$peer" || return
    cmp -s "values.${names[0]}" "values.$peer" || return
  done
}
# final_reads PREFIX PEER...: of each key, as these hosts have told it.
final_reads() {
  local prefix=$1 key peer now
  shift
  for key in $(seq -f %02g 0 $((ring_keys - 1))); do
    for peer; do
      now=${EPOCHREALTIME/./}
      echo "{\"client\":0,\"op\":\"read\",\"name\":\"$prefix$key\",\"start_ns\":${now}000,\"end_ns\":${now}001,\"ok\":true,\"values\":$(
        jq -c --arg key "$prefix$key" '.[$key] // []' "values.$peer"),\"final\":true}"
    done
  done
}

# judge_ring FEWEST: after the last fault: one ring, each key the same wherever it is asked for, and what was read is what the level promises.
judge_ring() {
  wait "${users[@]}" || true
  eventually all_check
  local peer
  # Of a majority at once; what is on one disk is on the others soon.
  for peer in "${names[@]}"; do values_at "$peer"; done
  final_reads key "${names[@]}" >history.0
  cat history.* >history
  say_how_many history
  [ "$(jq -s 'map(select(.op == "write" and .ok)) | length' history)" -ge "$1" ]
  dsim check history --level regular
  dsim check history --level eventual
  ! ls causal.* >/dev/null 2>&1 || judge_sessions
  # So long after a heal all is where it belongs.
  local end=$((SECONDS + 60))
  until nothing_is_lost >lost; do
    [ "$SECONDS" -lt "$end" ] || { cat lost; return 1; }
    sleep 1
  done
  cat lost
}
say_how_many() { # HISTORY
  echo "$1: $(jq -s 'map(select(.op == "write" and .ok)) | length' "$1") values put, $(jq -s 'map(select(.op == "read")) | length' "$1") got"
}
judge_sessions() {
  cat causal.* >causal
  say_how_many causal
  dsim check causal --level causal
}
# Of what one copy was enough for: no session has read these last ones.
nothing_is_lost() {
  all_agree || { echo "the hosts do not agree"; return 1; }
  local history keys
  for history in causal single; do
    compgen -G "$history.[0-9]*" >/dev/null || continue
    keys=one
    [ "$history" = single ] || keys=seen
    { cat "$history".[0-9]* && final_reads $keys "${names[0]}"; } >"$history-in-the-end"
    say_how_many "$history-in-the-end"
    dsim check "$history-in-the-end" --level eventual || return
  done
}
