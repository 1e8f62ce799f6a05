# SPDX-License-Identifier: MIT
# A host with (or without) a peer for all its users, in a mount namespace: /etc/coordutils, /run and /var/lib are its own.

. "${BASH_SOURCE[0]%/*}/traps.bash"

# on_host SCRIPT...: runs the script there, as root, with the tools first in PATH and a place for all users in $place.
host_setup() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v unshare >/dev/null || skip "no unshare"
  place=$(mktemp -d /tmp/coordutils-host.XXXXXX)
  mkdir "$place/bin"
  local tool
  for tool in coordd dlock delect dbarrier dpeers; do cp "$(command -v "$tool")" "$place/bin"; done
  chmod 755 "$place" "$place/bin"
  mkdir -m 1777 "$place/shared"
  cat >"$place/prelude" <<'SH'
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc || exit 99
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/lib
mkdir -p /etc/coordutils /run/coordutils
export PATH=$place/bin:$PATH
unset COORD_SOCKET COORD_CONFIG COORD_SCOPE COORD_AUTOSTART XDG_STATE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR DLOCK_SESSION
cd "$place/shared"
eventually() {
  local end=$((SECONDS + 20))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "never: $*" >&2; return 1; }
    sleep 0.05
  done
}
# as USER COMMAND...: with a home of his own
as() {
  local user=$1 home=$place/home-$1
  shift
  [ -d "$home" ] || install -d -m 700 -o "$user" "$home"
  HOME=$home setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@"
}
has_host() { echo 'admit = "*"' >/etc/coordutils/host.new; mv /etc/coordutils/host.new /etc/coordutils/host; }
serve_host() {
  coordd --host </dev/null >>"$place/host.log" 2>&1 &
  host=$!
  eventually dlock --socket /run/coordutils/host.sock --list
}
private_dir() { find "$place/home-$1/.local/state/coordutils" -maxdepth 1 -name 'private-*'; }
private_ended() { [ -e "$(private_dir "$1")/handed-over" ]; }
status() { local s=0; "$@" >out 2>&1 || s=$?; echo "$s $(cat out)"; }
is() { [[ "$1" == $2 ]] || { printf 'is:   %s\nnot:  %s\n' "$1" "$2" >&2; return 1; }; }
SH
}

on_host() {
  cat "$place/prelude" - >"$place/script"
  run env place="$place" timeout -k 5 150 unshare -m -p -f --mount-proc --kill-child --propagation private bash -E "$place/script" 3>&-
  echo "$output"
  cat "$place/host.log" 2>/dev/null || true
  [ "$status" -ne 99 ] || skip "no overlay mounts here"
  [ "$status" -eq 0 ]
}

host_teardown() {
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
}
