#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The Debian package: built, installed, upgraded, removed and purged by dpkg on a copy of this system that vanishes with its
# mount namespace. No network, nothing on the machine itself changes.
# labels: slow
bats_require_minimum_version 1.5.0
load traps

setup_file() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -z "${COORD_SANITIZE-}" ] || skip "a build with sanitizers is not for packages"
  command -v dpkg-shlibdeps >/dev/null || skip "no dpkg-dev"
  (cd "$COORD_BUILD" && cpack -G DEB -B "$BATS_FILE_TMPDIR/out") >"$BATS_FILE_TMPDIR/log" 2>&1 || { tail -n 20 "$BATS_FILE_TMPDIR/log"; return 1; }
  mv "$BATS_FILE_TMPDIR"/out/*.deb "$BATS_FILE_TMPDIR/coordutils.deb"
}

setup() {
  deb=$BATS_FILE_TMPDIR/coordutils.deb
  cd "$BATS_TEST_TMPDIR"
}

# on_copy SCRIPT: runs it in a copy of the root file system, with the package in /coordutils.deb
on_copy() {
  cat >script
  cat >inside <<'SH'
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root || exit 99
mount -t proc proc /mnt/root/proc
mount --bind /dev /mnt/root/dev
mount -t tmpfs -o mode=755 none /mnt/root/run
mount -t tmpfs none /mnt/root/tmp
rm -f /mnt/root/var/lib/man-db/auto-update # its index takes longer than all the rest
cp "$1" /mnt/root/coordutils.deb
cp script /mnt/root/script
exec chroot /mnt/root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -e /script
SH
  run timeout -k 5 120 unshare -m -p -f --kill-child --propagation private bash inside "$deb" 3>&-
  echo "$output"
  [ "$status" -ne 99 ] || skip "no overlay mounts here"
}

@test "the package holds programs, pages, completions, units and its papers" {
  listing=$(dpkg-deb -c "$deb" | awk '{ print $6 }')
  for tool in $COORD_TOOLS; do
    grep -qx "./usr/bin/$tool" <<<"$listing"
    grep -qE "^./usr/share/man/man[18]/$tool\.[18]\.gz$" <<<"$listing"
    grep -qx "./usr/share/bash-completion/completions/$tool" <<<"$listing"
    grep -qx "./usr/share/zsh/vendor-completions/_$tool" <<<"$listing"
    grep -qx "./usr/share/fish/vendor_completions.d/$tool.fish" <<<"$listing"
  done
  for file in man/man7/coordutils.7.gz doc/coordutils/copyright doc/coordutils/changelog.gz doc/coordutils/coordd.toml.example; do
    grep -qx "./usr/share/$file" <<<"$listing"
  done
  grep -q '/systemd/system/coordd.service$' <<<"$listing"
  grep -q '/systemd/system/coordd-host.service$' <<<"$listing"
  grep -q '/systemd/system/coordd-host.socket$' <<<"$listing"
  grep -qx ./usr/share/coordutils/host <<<"$listing"
  grep -qx ./usr/lib/sysusers.d/coordutils.conf <<<"$listing"
  grep -q '/systemd/system/coordd.socket$' <<<"$listing"
  ! dpkg-deb -c "$deb" | grep -v ' root/root '
  dpkg-deb -f "$deb" Depends | grep -q libssl3
}

@test "lintian has no errors, and the programs are linked hard and tell nothing of where they were built" {
  run -0 "$COORD_SOURCE/scripts/package" --check "$deb"
  # What is linked in is named: where the C library is, and by the terms of whom.
  mkdir whole && dpkg-deb -x "$deb" whole
  for program in whole/usr/bin/*; do
    readelf -Wl "$program" | grep -q INTERP || grep -A 2 'The GNU C Library is linked into' whole/usr/share/doc/coordutils/copyright | grep -qw "${program##*/}"
  done
  for licence in $(sed -n 's/^License: //p' whole/usr/share/doc/coordutils/copyright | sed 's/ and / /g' | tr ' ' '\n' | sort -u); do
    grep -A 1 "^License: $licence$" whole/usr/share/doc/coordutils/copyright | grep -q '^ '
  done
  # And it would be noticed.
  dpkg-deb -R "$deb" spoilt
  printf '%s/x' "$COORD_SOURCE" >>spoilt/usr/bin/dclock
  dpkg-deb -Znone --root-owner-group -b spoilt spoilt.deb
  run -70 "$COORD_SOURCE/scripts/package" --check "$PWD/spoilt.deb"
  [[ $output == "package: dclock: names the folder that it was built in: "* ]]
  if command -v lintian; then
    dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/bin/dclock >spoilt/usr/bin/dclock
    rm spoilt/usr/share/doc/coordutils/copyright
    dpkg-deb -Znone --root-owner-group -b spoilt spoilt.deb
    run -70 "$COORD_SOURCE/scripts/package" --check "$PWD/spoilt.deb"
    [[ $output == *"no-copyright-file"* ]]
  fi
}

@test "dlock stays light: below 2 MB, nothing to load, and no streams of C++ in it" {
  dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/bin/dlock >dlock
  [ "$(stat -c %s dlock)" -lt 2000000 ]
  ! readelf -d dlock | grep -q NEEDED
  ! nm -C "$COORD_BUILD/bin/dlock" | grep -q 'std::ios_base::Init::Init'
}

@test "each library that is linked in from an archive is named in the copyright file" {
  command -v ninja || skip "no ninja"
  dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/share/doc/coordutils/copyright >copyright
  archives=0
  for tool in $COORD_TOOLS; do
    for archive in $(ninja -C "$COORD_BUILD" -t commands "bin/$tool" | tail -n 1 | grep -oE '(^| )/[^ ]*/lib[^ /]*\.a' | sort -u); do
      case ${archive##*/} in libcoord_*) continue ;; esac
      name=${archive##*/lib} name=${name%.a}
      grep -qi "$name" copyright || { echo "$archive is in $tool, and packaging/copyright does not name it"; return 1; }
      archives=$((archives + 1))
    done
  done
  [ "$archives" -gt 0 ]
}

@test "installed under another prefix, the units name the program there" {
  run cmake --install "$COORD_BUILD" --prefix "$BATS_TEST_TMPDIR/opt"
  [ "$status" -eq 0 ]
  for unit in coordd coordd-host; do
    grep -q "^ExecStart=$BATS_TEST_TMPDIR/opt/bin/coordd " "opt/lib/systemd/system/$unit.service"
    ! grep -q '=/usr/bin' "opt/lib/systemd/system/$unit.service"
    grep -q '^RequiresMountsFor=/var/lib/coordutils' "opt/lib/systemd/system/$unit.service"
  done
  opt/bin/coordd --version
  dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/lib/systemd/system/coordd.service | grep -q '^ExecStart=/usr/bin/coordd '
}

@test "it installs, makes its user, works, upgrades, removes and purges" {
  on_copy <<'SH'
find /etc /usr /var/lib ! -path '/var/lib/dpkg/*' | sort >/run/before
dpkg -i /coordutils.deb
echo "user $(id -un coordutils) $(id -gn coordutils)"
test "$(stat -c %a /etc/coordutils)" = 755
test ! -e /etc/coordutils/host # no systemd runs here: nobody would answer
/usr/bin/dlock job sh -c 'test "$DLOCK_SCOPE" = private'
/usr/bin/dlock job echo "ran under $(command -v dlock)"
# Where one runs, and the unit is enabled.
mkdir -p /run/systemd/system
dpkg -i /coordutils.deb
test "$(stat -c '%U %a' /etc/coordutils/host)" = "root 644"
rm -r /run/systemd/system /etc/coordutils/host
man --version >/dev/null 2>&1 && man -w dlock || ls /usr/share/man/man1/dlock.1.gz

# As its page says: a configuration and a key, then the peer as the unit starts it, for a member of the group.
sed 's/^peers.*//; s/^key_file.*//' /usr/share/doc/coordutils/coordd.toml.example >/etc/coordutils/coordd.toml
install -d -o coordutils /run/coordutils
install -d -o coordutils -m 700 /var/lib/coordutils
setpriv --reuid coordutils --regid coordutils --clear-groups --inh-caps +kill,+sys_ptrace --ambient-caps +kill,+sys_ptrace \
  env HOME=/ coordd --config /etc/coordutils/coordd.toml >/run/log 2>&1 &
peer=$!
for i in $(seq 500); do dpeers >/dev/null 2>&1 && break; sleep 0.02; done
setpriv --reuid 60001 --regid 60001 --groups "$(getent group coordutils | cut -d: -f3)" env HOME=/ dlock job echo "a member holds"
kill "$peer"
wait || true

dpkg -i /coordutils.deb
test -e /etc/coordutils/coordd.toml
dpkg -r coordutils
test ! -e /usr/bin/dlock
test -d /var/lib/coordutils
test -e /etc/coordutils/coordd.toml
adduser --quiet --disabled-password --gecos '' visitor 2>/dev/null || useradd visitor
usermod -a -G coordutils visitor
dpkg -P coordutils 2>&1 | tee /run/purged
grep 'the group coordutils is removed; its members were: visitor' /run/purged
userdel -r visitor 2>/dev/null || true
test ! -e /var/lib/coordutils
test ! -e /etc/coordutils
! getent passwd coordutils
! getent group coordutils
find /etc /usr /var/lib ! -path '/var/lib/dpkg/*' | sort >/run/after
diff /run/before /run/after | grep -v -E '^[0-9,]+[acd][0-9,]+$|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' || true
echo "left as it was"
SH
  [ "$status" -eq 0 ]
  grep -q "user coordutils coordutils" <<<"$output"
  grep -q "ran under /usr/bin/dlock" <<<"$output"
  grep -q "a member holds" <<<"$output"
  grep -q "left as it was" <<<"$output"
  ! grep -E '^[<>] ' <<<"$output"
}
