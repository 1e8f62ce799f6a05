// SPDX-License-Identifier: MIT
// Sites on a desk: a test hands messages from one to the other itself, in the order that it wants.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <variant>
#include <vector>

#include "catalogue/protocol.hpp"
#include "protocol/mutex/types.hpp"

namespace mutex_desk {

using namespace coord;
using namespace std::chrono_literals;

inline const NodeId one{1}, two{2}, three{3}, four{4};

inline mutex::Membership members(NodeId self, std::size_t count = 3) {
  mutex::Membership all;
  all.self = self;
  for (std::size_t i = 1; i <= count; ++i) all.sites.push_back(NodeId{i});
  return all;
}

template <class Site>
std::vector<typename Site::Send> sends(const std::vector<typename Site::Action>& actions) {
  std::vector<typename Site::Send> all;
  for (const auto& action : actions)
    if (const auto* send = std::get_if<typename Site::Send>(&action)) all.push_back(*send);
  return all;
}

template <class Action>
std::optional<Token> granted(const std::vector<Action>& actions) {
  for (const auto& action : actions)
    if (const auto* grant = std::get_if<mutex::Granted>(&action)) return grant->token;
  return std::nullopt;
}

template <class Site>
typename Site::Actions acquire(Site& site, Instant now = {}) {
  return site.step(now, mutex::Acquire{});
}
template <class Site>
typename Site::Actions release(Site& site, Instant now = {}) {
  return site.step(now, mutex::Release{});
}
template <class Site>
typename Site::Actions hear(Site& site, NodeId from, typename Site::Message message, Instant now = {}) {
  return site.step(now, typename Site::Receive{from, message});
}

// A run of the catalogue's protocol on links of exactly 10 ms, in which these ask at these times and stay
// inside for 30 ms: its trace without the starts.
inline std::string trace_of(const char* protocol, std::size_t nodes,
                            const std::vector<catalogue::Ask>& asks) {
  catalogue::Setup setup;
  setup.nodes = nodes;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.link.fifo = true;
  setup.asks = asks;
  sim::Trace trace;
  setup.trace = &trace;
  const auto report = catalogue::find(protocol)->run(setup);
  CHECK(report.violations.empty());
  CHECK(report.operations == asks.size());
  std::string text;
  for (const auto& record : trace.records())
    if (record.text != "starts") text += trace.line(record) + "\n";
  return text;
}
inline catalogue::Ask ask(NodeId node, Duration at) {
  return {Instant{} + at, node, 30ms};
}

}  // namespace mutex_desk
