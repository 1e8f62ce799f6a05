#include "snapshot/record.hpp"

#include <array>

#include "clock/host_table.hpp"

namespace coord::record {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Why::last) + 1> why_words = {
    "died", "no answer", "left", "gave up", "joined", "broke", "unreachable"};

}  // namespace

std::string_view to_string(Why why) {
  return why_words.at(static_cast<std::size_t>(why));
}

std::optional<Why> why_of(std::string_view word) {
  for (std::size_t i = 0; i < why_words.size(); ++i) {
    if (why_words[i] == word) return static_cast<Why>(i);
  }
  return std::nullopt;
}

const char* id_fault(std::string_view id) {
  if (id.starts_with('!')) return "begins with '!'";
  return clock::host_name_fault(id);
}

VectorClock within_view(const VectorClock& clock, const std::vector<Member>& members) {
  VectorClock::Counts kept;
  for (const Member& member : members) {
    if (const std::uint64_t count = clock.at(member.id); count > 0) kept.emplace(member.id, count);
  }
  return VectorClock(std::move(kept));
}

}  // namespace coord::record
