// SPDX-License-Identifier: MIT
// PBFT's messages for people.
#include "base/format.hpp"
#include "protocol/consensus/pbft_messages.hpp"

namespace coord::consensus::pbft {

namespace {

std::string at(View view, Sequence sequence) {
  return fmt::format("{} in view {}", sequence, view);
}
std::string of(const Request& m) {
  if (m.nothing()) return "nothing";
  return fmt::format("{}#{}", m.client.value, m.timestamp);
}

std::string line(const Request& m) {
  return fmt::format("request {}", of(m));
}
std::string line(const PrePrepare& m) {
  return fmt::format("pre-prepare {} at {}", of(m.request), at(m.view, m.sequence));
}
std::string line(const Prepare& m) {
  return fmt::format("prepare {}", at(m.view, m.sequence));
}
std::string line(const Commit& m) {
  return fmt::format("commit {}", at(m.view, m.sequence));
}
std::string line(const Committed& m) {
  return fmt::format("committed {} at {}", of(m.request), at(m.view, m.sequence));
}
std::string line(const Reply& m) {
  return fmt::format("reply {}", m.result);
}
std::string line(const Checkpoint& m) {
  return fmt::format("checkpoint {}", m.sequence);
}
std::string line(const FetchState& m) {
  return fmt::format("fetch state {}", m.at_least);
}
std::string line(const StateIs& m) {
  return fmt::format("state {}", m.state.sequence);
}
std::string line(const ViewChange& m) {
  return fmt::format("view change to {}, prepared {}", m.view, m.prepared.size());
}
std::string line(const NewView& m) {
  return fmt::format("new view {}, again {}", m.view, m.pre_prepares.size());
}

}  // namespace

std::string text(const Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::consensus::pbft
