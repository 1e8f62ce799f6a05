// SPDX-License-Identifier: MIT
#include "classical/instance.hpp"

#include <array>

namespace coord::classical {

namespace {

std::string line(const Granted& told) {
  return "granted " + std::to_string(told.token.value);
}
std::string line(const Refused& told) {
  return "refused: " + told.why;
}
std::string line(const Lost&) {
  return "lost";
}
std::string line(const Led& told) {
  return "led " + std::to_string(told.leader.value);
}
std::string line(const Decided& told) {
  return "decided " + told.value + (told.place == 0 ? "" : " at " + std::to_string(told.place));
}
std::string line(const Answered& told) {
  return "answered " + told.result;
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
  return "delivered " + told.payload;
}
std::string line(const Gathered& told) {
  std::string all = "gathered " + told.aggregate.text();
  if (!told.missing.empty()) all += ", missing";
  for (const NodeId node : told.missing) all += " " + std::to_string(node.value);
  return all;
}
std::string line(const Wanted& told) {
  return "wanted by " + std::to_string(told.by.value);
}
std::string line(const GoesOn&) {
  return "goes on";
}
std::string line(const GivesUp&) {
  return "gives up";
}
std::string line(const Suspected& told) {
  return "suspects " + std::to_string(told.node.value);
}
std::string line(const Trusted& told) {
  return "trusts " + std::to_string(told.node.value);
}
std::string line(const Handed& told) {
  return "handed " + std::to_string(told.amount) + " by " + std::to_string(told.from.value);
}
std::string line(const Recorded& told) {
  return "recorded " + std::to_string(told.state) + " and " + std::to_string(told.on_way) + " on its way";
}
std::string line(const Owned& told) {
  return "owned by " + std::to_string(told.by.value);
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
