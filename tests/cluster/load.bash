# SPDX-License-Identifier: MIT
# Workers that add to one counter under a lock, and the checks that nothing of it was lost and no two ran at once.
load ../tools/peer_helpers

# One update under the lock. It would lose others' updates if two ran at once, and an exclusively made file notices it at once too.
# Only what was done as a whole is counted: the last line is written after the counter.
write_worker() {
  cat >add <<'ADD'
#!/usr/bin/env bash
set -o noclobber
if ! echo "$DLOCK_TOKEN" 2>/dev/null >inside; then
  echo "token $DLOCK_TOKEN while token $(cat inside 2>&1)" >>together
fi
begin=${EPOCHREALTIME/./}
n=$(<counter)
sleep "0.0$((RANDOM % 3 + 1))"
echo $((n + 1)) >|counter.new # whoever is stopped here must not leave an empty counter
mv -f counter.new counter
echo "$begin ${EPOCHREALTIME/./} $DLOCK_TOKEN" >>holds
rm -f inside
ADD
  # PEER END_SECOND
  cat >worker <<'WORKER'
#!/usr/bin/env bash
while [ "$(date +%s)" -lt "$2" ]; do
  dlock -w 5 --ttl 2 --report "report.$$" counter -- ./add 2>>"errors.$$"
  status=$?
  case $status in
    0 | 1) ;;
    69) sleep 0.05 ;;
    75 | 137) # stopped somewhere in its work: what it leaves is cleaned up under the lock, as a user would have to
      echo "$1" >>stopped
      dlock --ttl 2 counter -- rm -f inside 2>>"errors.$$" ;;
    *) echo "status $status" >>unexpected ;;
  esac
done
WORKER
  chmod +x add worker
  echo 0 >counter
  touch holds stopped unexpected together
}

# start_workers SECONDS COUNT: spread over the peers
start_workers() {
  local end=$(($(date +%s) + $1)) i
  workers=()
  for ((i = 0; i < $2; i++)); do
    COORD_SOCKET=$group/${names[i % ${#names[@]}]}.sock ./worker "${names[i % ${#names[@]}]}" "$end" 3>&- &
    workers+=($!)
  done
}

updates() { wc -l <holds; }
more_updates_than() { [ "$(updates)" -gt "$1" ]; }

# service_is_back LIMIT_MS: an update begins and ends within so long from now
service_is_back() {
  local before begin
  before=$(updates)
  begin=$(now_us)
  eventually more_updates_than "$before"
  local after=$((($(now_us) - begin) / 1000))
  echo "back after $after ms, limit $1"
  [ $after -le "$1" ]
}

check_counter() {
  wait "${workers[@]}" || true
  local counter done_ stopped
  counter=$(cat counter) done_=$(updates) stopped=$(wc -l <stopped)
  echo "counter $counter, $done_ updates, $stopped stopped in the middle"
  [ "$done_" -ge "$1" ]
  # One that was stopped may have written the counter before it was.
  [ "$counter" -ge "$done_" ]
  [ "$counter" -le $((done_ + stopped)) ]
  [ ! -s unexpected ] || { cat unexpected; false; }
  if [ -s together ] && [ "$stopped" -eq 0 ]; then
    cat together
    false
  fi
  # No two at once, and tokens in the order of the holds.
  sort -n holds | awk '$1 < end { print "overlap:", $0; bad = 1 } { end = $2 }
    $3 + 0 <= token { print "token not larger:", $0; bad = 1 } { token = $3 + 0 } END { exit bad }'
}
