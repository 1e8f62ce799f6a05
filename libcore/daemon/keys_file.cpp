// SPDX-License-Identifier: MIT
#include "daemon/keys_file.hpp"

#include <algorithm>
#include <string_view>

#include "store/posix_disk.hpp"

namespace coord::daemon {

namespace {

constexpr char keys_being_written[] = "keys.new";
constexpr char first_lines_of_keys[] =
    "# The group's keys on this host, written by coordd (dpeers key): the first one sends.\n";

}  // namespace

Status write_keys(const std::string& state_dir, const net::KeyRing& ring) {
  auto disk = store::PosixDisk::open_directory(state_dir);
  if (!disk) return disk.error();
  const auto names = (*disk)->list();
  if (!names) return names.error();
  if (std::ranges::find(*names, keys_being_written) != names->end()) {
    if (Status removed = (*disk)->remove(keys_being_written); !removed) return removed;
  }
  auto file = (*disk)->create(keys_being_written);
  if (!file) return file.error();
  std::string lines = net::lines_of(ring);
  constexpr std::string_view first = first_lines_of_keys;
  Status written = (*file)->write(0, bytes_of(first));
  if (written) written = (*file)->write(first.size(), bytes_of(lines));
  net::wipe(lines);
  if (!written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  if (Status renamed = (*disk)->rename(keys_being_written, keys_file_name); !renamed) return renamed;
  return (*disk)->sync_directory();
}

void KeysWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    auto& write = dynamic_cast<WriteKeys&>(*work);
    write.written = write_keys(directory_, write.ring);
  }
}

}  // namespace coord::daemon
