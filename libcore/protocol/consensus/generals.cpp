// SPDX-License-Identifier: MIT
#include "protocol/consensus/generals.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::consensus {

namespace {

constexpr std::uint64_t messages_limit = 1'000'000;

bool names(const Generals::Path& path, NodeId node) {
  return std::find(path.begin(), path.end(), node) != path.end();
}

Generals::Path and_then(Generals::Path path, NodeId node) {
  path.push_back(node);
  return path;
}

}  // namespace

std::uint64_t Generals::messages(std::size_t nodes, std::size_t traitors) {
  std::uint64_t all = 0, round = 1;
  for (std::size_t r = 0; r <= traitors && r + 1 < nodes; ++r) {
    round *= nodes - 1 - r;
    all += round;
    if (all > messages_limit) return all;
  }
  return all;
}

Status Generals::check(const Config& config) {
  const std::size_t nodes = config.group.size();
  const std::string group = fmt::format("{} generals", nodes);
  if (nodes <= 3 * config.traitors && !config.too_few) {
    return Error{ErrorKind::usage, group,
                 fmt::format("cannot agree with {} traitors among them", config.traitors),
                 fmt::format("take more than {}", 3 * config.traitors)};
  }
  if (messages(nodes, config.traitors) > messages_limit) {
    return Error{ErrorKind::usage, group, "would send more than a million messages", "take fewer traitors"};
  }
  if (!config.group.knows(config.commander)) {
    return Error{ErrorKind::usage, group, "the commander is none of them", "name one of them"};
  }
  return done();
}

Generals::Generals(Config config) : config_(std::move(config)) {
  config_.group.check();
  COORD_CHECK(check(config_).ok());
}

Generals::Actions Generals::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

std::size_t Generals::last_round() const {
  return COORD_RULE_OR(om_m_plus_one_rounds, config_.traitors, config_.traitors - 1);
}

void Generals::on(Instant now, const Begin& begin, Actions& actions) {
  if (begun_) return;
  begun_ = true;
  if (config_.group.self == config_.commander) {
    config_.group.each_other([&](NodeId node) {
      actions.push_back(Send{node, Order{{config_.commander}, begin.order}});
    });
    decided_ = begin.order;
    actions.push_back(Decided{begin.order});
    return;
  }
  round_ends_ = now + config_.round;
}

void Generals::on(Instant, const Receive& what, Actions&) {
  if (!config_.group.knows(what.from) || decided_) return;
  const auto& order = std::get<Order>(what.message);
  if (!credible(what.from, order.path) || order.path.size() <= rounds_over_) return;  // too late
  heard_.emplace(order.path, order.value);                                            // the first word counts
}

// A path that can have come about: from the commander over different generals to the sender, in time.
bool Generals::credible(NodeId from, const Path& path) const {
  if (path.empty() || path.size() > config_.traitors + 1 || path.front() != config_.commander) return false;
  if (!COORD_RULE(om_sender_is_last_in_path, path.back() == from)) return false;
  Path sorted = path;
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end() &&
         !names(path, config_.group.self) &&
         std::all_of(path.begin(), path.end(), [&](NodeId node) { return config_.group.knows(node); });
}

void Generals::on(Instant now, const Tick&, Actions& actions) {
  if (!round_ends_ || now < *round_ends_) return;
  ++rounds_over_;
  if (rounds_over_ <= last_round()) {
    round_ends_ = *round_ends_ + config_.round;
    return relay(actions);
  }
  round_ends_.reset();
  decided_ = worked_out({config_.commander});
  heard_.clear();
  actions.push_back(Decided{*decided_});
}

// Tells what was heard in the round that has just ended: along each path of its
// length, also if it was nothing.
void Generals::relay(Actions& actions) {
  std::vector<Path> paths{{config_.commander}};
  for (std::size_t length = 1; length < rounds_over_; ++length) {
    std::vector<Path> longer;
    for (const Path& path : paths) {
      config_.group.each_other([&](NodeId node) {
        if (!names(path, node)) longer.push_back(and_then(path, node));
      });
    }
    paths = std::move(longer);
  }
  for (const Path& path : paths) {
    const Path mine = and_then(path, config_.group.self);
    config_.group.each_other([&](NodeId node) {
      if (!names(mine, node)) actions.push_back(Send{node, Order{mine, heard_along(path)}});
    });
  }
}

const Value& Generals::heard_along(const Path& path) const {
  const auto found = heard_.find(path);
  return found == heard_.end() ? config_.fallback : found->second;
}

Value Generals::worked_out(const Path& path) const {
  if (path.size() > last_round()) return heard_along(path);
  std::map<Value, std::size_t> votes;
  std::size_t all = 1;
  ++votes[heard_along(path)];
  config_.group.each_other([&](NodeId node) {
    if (names(path, node)) return;
    ++votes[worked_out(and_then(path, node))];
    ++all;
  });
  for (const auto& [value, count] : votes) {
    if (COORD_RULE(om_majority_or_default, count * 2 > all)) return value;
  }
  return config_.fallback;
}

std::string text(const Generals::Message& message) {
  const auto& order = std::get<Generals::Order>(message);
  std::string path;
  for (const NodeId node : order.path) path += fmt::format("{}{}", path.empty() ? "" : ">", node.value);
  return fmt::format("{} by {}", order.value, path);
}

}  // namespace coord::consensus
