# SPDX-License-Identifier: MIT
# A place of its own under /tmp with programs, HOME and runtime directory, where ordinary users run them: games, and whoever else
# is put into its group. After peer_helpers.

# new_place TOOL...: makes it and goes there.
new_place() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  unset COORD_SOCKET COORD_CONFIG COORD_AUTOSTART
  pids=()
  place=$(mktemp -d /tmp/coordutils-users.XXXXXX)
  mkdir "$place/bin" "$place/home" "$place/run"
  local tool
  for tool in coordd "$@"; do cp "$(command -v "$tool")" "$place/bin"; done
  chmod 755 "$place" "$place/bin"
  chmod 700 "$place/home" "$place/run"
  chown -R games "$place/home" "$place/run"
  PATH=$place/bin:$PATH
  cd "$place" || return
}

end_place() {
  [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  [ -z "${peer-}" ] || kill -KILL "$peer" 2>/dev/null || true
  [ -z "${place-}" ] || pkill -KILL -f -- "--socket $place/run/" || true
  wait 2>/dev/null || true
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
}

# as USER COMMAND...: in the group games.
as() { setpriv --reuid "$1" --regid "$(id -g "$1")" --groups "$(id -g games)" env HOME="$place/home" XDG_RUNTIME_DIR="$place/run" "${@:2}"; }

# begin_peer COMMAND...: a peer that admits the group games; waits until the command succeeds.
begin_peer() {
  mkdir state
  coordd --name one --state-dir "$PWD/state" --socket "$PWD/sock" --admit games </dev/null >>log 2>&1 3>&- &
  peer=$!
  export COORD_SOCKET=$PWD/sock COORD_AUTOSTART=no
  eventually "$@"
}
