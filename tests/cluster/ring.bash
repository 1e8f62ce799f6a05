# SPDX-License-Identifier: MIT
# Users of a ring who write down what they have put and got, and the judgement of that history. After ../tools/peer_helpers.
# shellcheck shell=bash disable=SC2154  # group and names are of peer_helpers
ring_keys=6

# Writes values that are each written once, some of them in the place of versions that it names, removes, and reads; a line of JSON for each. A
# session does not name or remove.
write_ring_user() {
  cat >ring_user <<'USER'
#!/usr/bin/env bash
# NUMBER END_SECOND KEYS [causal]
now() { echo "${EPOCHREALTIME/./}000"; }
record() { printf '{"client":%d,"op":"%s","name":"%s","start_ns":%s%s}\n' "$user" "$1" "$2" "$begin" "$3" >>"$history.$user"; }
user=$1 history=history keys=key level=()
[ "${4-}" != causal ] || { history=causal keys=seen level=(--level causal --session "session.$1"); }
for ((n = 1; $(date +%s) < $2; n++)); do
  key=$keys$((RANDOM % $3))
  [ "$history" = history ] || COORD_SOCKET=$(printf '%s\n' "${COORD_SOCKET%/*}"/*.sock | shuf -n 1)
  begin=$(now)
  dice=$((RANDOM % 12))
  if ((dice == 0)) && [ "$history" = history ]; then
    chordctl rm -w 2 "$key" 2>>errors
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
      3) # siblings: all of them as they are at one time; what a session has seen of them is in its file
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

# The same at the level causal, each a session that goes from host to host: start_causal_users SECONDS COUNT
start_causal_users() {
  local end=$(($(date +%s) + $1)) number
  for ((number = 101; number <= 100 + $2; number++)); do
    COORD_SOCKET=$group/${names[0]}.sock ./ring_user "$number" "$end" "$ring_keys" causal 3>&- &
    users+=($!)
  done
}

checks() { on "$1" chordctl ring --check -w 5 >/dev/null 2>&1; }
all_check() { for peer in "${names[@]}"; do checks "$peer" || return 1; done; }
values_at() { on "$1" chordctl dump -w 10 "$2" | jq -r '.value_b64 | @base64d' | sort -n | paste -sd,; }

# After the last fault: one ring, each key the same wherever it is asked for, and what was read is what the level promises.
judge_ring() {
  wait "${users[@]}" || true
  eventually all_check
  local key peer values
  for ((key = 0; key < ring_keys; key++)); do
    values=$(values_at "${names[0]}" "key$key")
    for peer in "${names[@]}"; do [ "$(values_at "$peer" "key$key")" = "$values" ]; done
    echo "{\"client\":0,\"op\":\"read\",\"name\":\"key$key\",\"start_ns\":${EPOCHREALTIME/./}000,\"end_ns\":${EPOCHREALTIME/./}001,\"ok\":true,\"values\":[$values],\"final\":true}"
  done >history.0
  cat history.* >history
  echo "$(jq -s 'map(select(.op == "write" and .ok)) | length' history) values put, $(jq -s 'map(select(.op == "read")) | length' history) got"
  [ "$(jq -s 'map(select(.op == "write" and .ok)) | length' history)" -ge "$1" ]
  dsim check history --level regular
  dsim check history --level eventual
  ! ls causal.* >/dev/null 2>&1 || judge_sessions
}
judge_sessions() {
  cat causal.* >causal
  echo "$(jq -s 'map(select(.op == "write" and .ok)) | length' causal) values put by sessions, $(jq -s 'map(select(.op == "read")) | length' causal) got"
  dsim check causal --level causal
}
