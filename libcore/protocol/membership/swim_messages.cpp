// SPDX-License-Identifier: MIT
#include "protocol/membership/swim_messages.hpp"

#include "base/format.hpp"

namespace coord::membership {

namespace {

std::string list(const Rumours& rumours) {
  std::string all;
  for (const Rumour& rumour : rumours) all += (all.empty() ? ": " : ", ") + text(rumour);
  return all;
}
std::string line(const Ping& message) {
  return fmt::format("ping{}", list(message.rumours));
}
std::string line(const Ack& message) {
  return fmt::format("ack{}", list(message.rumours));
}
std::string line(const PingRequest& message) {
  return fmt::format("ping-request of {}{}", message.target.value, list(message.rumours));
}
std::string line(const Nack&) {
  return "nack";
}
std::string line(const Gossip& message) {
  return fmt::format("gossip{}", list(message.rumours));
}
std::string line(const StreamPing&) {
  return "stream-ping";
}
std::string line(const StreamAck&) {
  return "stream-ack";
}
std::string line(const Compare&) {
  return "compare";
}
std::string line(const Table& message) {
  return (message.is_answer ? "table, answered" : "table") + list(message.members);
}

}  // namespace

bool goes_by_stream(const SwimMessage& message) {
  return std::holds_alternative<StreamPing>(message) || std::holds_alternative<StreamAck>(message) ||
         std::holds_alternative<Compare>(message) || std::holds_alternative<Table>(message);
}

std::string text(const Rumour& rumour) {
  return fmt::format("{} {}@{}", rumour.node.value, name_of(rumour.state), rumour.incarnation.value);
}

std::string text(const SwimMessage& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::membership
