// SPDX-License-Identifier: MIT
// PBFT's messages for people.
#include "protocol/consensus/pbft_messages.hpp"

namespace coord::consensus::pbft {

namespace {

std::string at(View view, Sequence sequence) {
  return std::to_string(sequence) + " in view " + std::to_string(view);
}
std::string of(const Request& m) {
  if (m.nothing()) return "nothing";
  return std::to_string(m.client.value) + "#" + std::to_string(m.timestamp);
}

std::string line(const Request& m) {
  return "request " + of(m);
}
std::string line(const PrePrepare& m) {
  return "pre-prepare " + of(m.request) + " at " + at(m.view, m.sequence);
}
std::string line(const Prepare& m) {
  return "prepare " + at(m.view, m.sequence);
}
std::string line(const Commit& m) {
  return "commit " + at(m.view, m.sequence);
}
std::string line(const Reply& m) {
  return "reply " + m.result;
}
std::string line(const Checkpoint& m) {
  return "checkpoint " + std::to_string(m.sequence);
}
std::string line(const FetchState& m) {
  return "fetch state " + std::to_string(m.at_least);
}
std::string line(const StateIs& m) {
  return "state " + std::to_string(m.state.sequence);
}
std::string line(const ViewChange& m) {
  return "view change to " + std::to_string(m.view) + ", prepared " + std::to_string(m.prepared.size());
}
std::string line(const NewView& m) {
  return "new view " + std::to_string(m.view) + ", again " + std::to_string(m.pre_prepares.size());
}

}  // namespace

std::string text(const Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::consensus::pbft
