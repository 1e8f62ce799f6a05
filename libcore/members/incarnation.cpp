// SPDX-License-Identifier: MIT
#include "members/incarnation.hpp"

#include <charconv>
#include <string>

#include "base/format.hpp"
#include "base/small_file.hpp"

namespace coord::members {

namespace {

constexpr char temporary[] = "incarnation.tmp";
constexpr std::size_t longest = 64;

Error damaged() {
  return {ErrorKind::data, incarnation_file, "it holds no number",
          "remove it: the other members know the last one"};
}

}  // namespace

Result<std::optional<Incarnation>> read_incarnation(Disk& disk) {
  const auto said = read_small_file(disk, incarnation_file, longest);
  if (!said) return said.error();
  if (!*said) return std::optional<Incarnation>{};
  const std::string& text = **said;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || std::string(end, text.data() + text.size()) != "\n" ||
      value > membership::last_incarnation.value)
    return damaged();
  return std::optional(Incarnation{value});
}

Status write_incarnation(Disk& disk, Incarnation last) {
  return replace_small_file(disk, incarnation_file, bytes_of(fmt::format("{}\n", last.value)), temporary);
}

void ReserveWorker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    auto& reserve = dynamic_cast<Reserve&>(*work);
    const auto disk = open_();
    reserve.outcome = disk ? write_incarnation(**disk, reserve.last) : disk.error();
  }
}

}  // namespace coord::members
