// SPDX-License-Identifier: MIT
#include "daemon/keys_file.hpp"

#include <string>

#include "base/small_file.hpp"
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
  std::string text = first_lines_of_keys;
  std::string lines = net::lines_of(ring);
  text.reserve(text.size() + lines.size());  // of what is secret no copy is left behind
  text += lines;
  net::wipe(lines);
  Status written = replace_small_file(**disk, keys_file_name, bytes_of(text), keys_being_written);
  net::wipe(text);
  return written;
}

void KeysWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    auto& write = dynamic_cast<WriteKeys&>(*work);
    write.written = write_keys(directory_, write.ring);
  }
}

}  // namespace coord::daemon
