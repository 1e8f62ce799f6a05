// SPDX-License-Identifier: MIT
#include "protocol/broadcast/anti_entropy.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

AntiEntropy::AntiEntropy(Instant now, Config config, Durable restored)
    : config_(std::move(config)), random_(config_.seed), table_(std::move(restored.table)) {
  config_.group.check();
  COORD_CHECK(config_.period > Duration{});
  for (const auto& [key, entry] : table_) clock_ = std::max(clock_, entry.version.stamp);
  if (config_.group.size() > 1) compare_at_ = now + random_.between({}, config_.period);
}

AntiEntropy::Actions AntiEntropy::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void AntiEntropy::on(Instant, const Write& write, Actions& actions) {
  const std::uint64_t before =
      COORD_RULE_OR(ae_stamp_exceeds_all_seen, clock_, table_[write.key].version.stamp / 2);
  const Entry entry{{before + 1, config_.group.self}, !write.value, write.value.value_or("")};
  take(write.key, entry, actions);
}

// The only place where the table changes.
void AntiEntropy::take(const Key& key, const Entry& entry, Actions& actions) {
  const auto found = table_.find(key);
  clock_ = std::max(clock_, entry.version.stamp);
  if (found != table_.end()) {
    const Version& mine = found->second.version;
    const bool newer =
        COORD_RULE_OR(ae_tie_by_writer, entry.version > mine, entry.version.stamp > mine.stamp);
    if (!COORD_RULE(ae_newer_wins, newer)) return;
  }
  table_[key] = entry;
  actions.push_back(Persist{key, entry});
  if (entry.dead && COORD_RULE_OR(ae_death_leaves_a_certificate, false, true)) table_.erase(key);
}

void AntiEntropy::on(Instant now, const Tick&, Actions& actions) {
  if (!compare_at_ || now < *compare_at_) return;
  compare_at_ = now + config_.period;
  const std::size_t self = config_.group.rank(config_.group.self);
  const auto drawn = static_cast<std::size_t>(random_.below(config_.group.size() - 1));
  Compare mine;
  for (const auto& [key, entry] : table_) mine.versions.emplace(key, entry.version);
  actions.push_back(Send{config_.group.nodes[drawn < self ? drawn : drawn + 1], std::move(mine)});
}

void AntiEntropy::on(Instant, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  std::visit([&](const auto& message) { receive(what.from, message, actions); }, what.message);
}

void AntiEntropy::receive(NodeId from, const Compare& message, Actions& actions) {
  Differences differences;
  for (const auto& [key, entry] : table_) {
    const auto theirs = message.versions.find(key);
    if (theirs == message.versions.end() || theirs->second < entry.version) differences.newer[key] = entry;
  }
  for (const auto& [key, version] : message.versions) {
    const auto mine = table_.find(key);
    if (mine == table_.end() || mine->second.version < version) differences.wanted.push_back(key);
  }
  if (!differences.newer.empty() || !differences.wanted.empty()) {
    actions.push_back(Send{from, std::move(differences)});
  }
}

void AntiEntropy::receive(NodeId from, const Differences& message, Actions& actions) {
  for (const auto& [key, entry] : message.newer) take(key, entry, actions);
  Differences answer;
  for (const Key& key : message.wanted) {
    const auto found = table_.find(key);
    if (found != table_.end()) answer.newer.insert(*found);
  }
  if (!answer.newer.empty()) actions.push_back(Send{from, std::move(answer)});
}

std::string text(const AntiEntropy::Message& message) {
  if (const auto* compare = std::get_if<AntiEntropy::Compare>(&message)) {
    return fmt::format("compare {} keys", compare->versions.size());
  }
  const auto& differences = std::get<AntiEntropy::Differences>(message);
  return fmt::format("newer {}, wanted {}", differences.newer.size(), differences.wanted.size());
}

}  // namespace coord::broadcast
