// SPDX-License-Identifier: MIT
#include "classical/instance.hpp"

#include <array>

#include "base/format.hpp"

namespace coord::classical {

namespace {

std::string line(const Granted& told) {
  return fmt::format("granted {}", told.token.value);
}
std::string line(const Refused& told) {
  return fmt::format("refused: {}", told.why);
}
std::string line(const Lost&) {
  return "lost";
}
std::string line(const Led& told) {
  return fmt::format("led {}", told.leader.value);
}
std::string line(const Decided& told) {
  return fmt::format("decided {}{}", told.value, told.place == 0 ? "" : fmt::format(" at {}", told.place));
}
std::string line(const Answered& told) {
  return fmt::format("answered {}", told.result);
}
std::string line(const VoteAsked&) {
  return "vote";
}
std::string line(const Committed&) {
  return "committed";
}
std::string line(const Aborted&) {
  return "aborted";
}
std::string line(const Blocked&) {
  return "blocked";
}
std::string line(const Completed&) {
  return "completed";
}
std::string line(const Delivered& told) {
  return fmt::format("delivered {}", told.payload);
}
std::string line(const Gathered& told) {
  std::string all = fmt::format("gathered {}", told.aggregate.text());
  if (!told.missing.empty()) all += ", missing";
  for (const NodeId node : told.missing) all += fmt::format(" {}", node.value);
  return all;
}
std::string line(const Wanted& told) {
  return fmt::format("wanted by {}", told.by.value);
}
std::string line(const GoesOn&) {
  return "goes on";
}
std::string line(const GivesUp&) {
  return "gives up";
}
std::string line(const Suspected& told) {
  return fmt::format("suspects {}", told.node.value);
}
std::string line(const Trusted& told) {
  return fmt::format("trusts {}", told.node.value);
}
std::string line(const Handed& told) {
  return fmt::format("handed {} by {}", told.amount, told.from.value);
}
std::string line(const Recorded& told) {
  return fmt::format("recorded {} and {} on its way", told.state, told.on_way);
}
std::string line(const Owned& told) {
  return fmt::format("owned by {}", told.by.value);
}

}  // namespace

std::string text(const Told& told) {
  return std::visit([](const auto& what) { return line(what); }, told);
}

std::string_view name_of(const Wish& wish) {
  static constexpr std::array<std::string_view, std::variant_size_v<Wish>> names = {
      "enter",  "leave", "suspect",  "propose", "begin", "vote", "broadcast",
      "listen", "write", "wait for", "serve",   "hand",  "find"};
  return names[wish.index()];
}

}  // namespace coord::classical
