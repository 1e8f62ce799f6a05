// SPDX-License-Identifier: MIT
#include "members/incarnation.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/format.hpp"

namespace coord::members {

namespace {

constexpr char temporary[] = "incarnation.tmp";
constexpr std::size_t longest = 64;

Error damaged() {
  return {ErrorKind::data, incarnation_file, "it holds no number",
          "remove it: the other members know the last one"};
}

bool has(const std::vector<std::string>& names, const char* name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

Result<std::optional<Incarnation>> read_incarnation(Disk& disk) {
  const auto names = disk.list();
  if (!names) return names.error();
  if (!has(*names, incarnation_file)) return std::optional<Incarnation>{};
  auto file = disk.open(incarnation_file);
  if (!file) return file.error();
  const auto bytes = (*file)->read(0, longest);
  if (!bytes) return bytes.error();
  const std::string text(bytes->begin(), bytes->end());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || std::string(end, text.data() + text.size()) != "\n" ||
      value > membership::last_incarnation.value)
    return damaged();
  return std::optional(Incarnation{value});
}

// In a new file each time, so that a write that failed may be made again.
Status write_incarnation(Disk& disk, Incarnation last) {
  const auto names = disk.list();
  if (!names) return names.error();
  if (has(*names, temporary)) {
    if (Status removed = disk.remove(temporary); !removed) return removed;
  }
  auto file = disk.create(temporary);
  if (!file) return file.error();
  const std::string text = fmt::format("{}\n", last.value);
  if (Status written = (*file)->write(0, Bytes(text.begin(), text.end())); !written) return written;
  if (Status synced = (*file)->sync(); !synced) return synced;
  if (Status renamed = disk.rename(temporary, incarnation_file); !renamed) return renamed;
  return disk.sync_directory();
}

void ReserveWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    auto& reserve = dynamic_cast<Reserve&>(*work);
    const auto disk = open_();
    reserve.outcome = disk ? write_incarnation(**disk, reserve.last) : disk.error();
  }
}

}  // namespace coord::members
