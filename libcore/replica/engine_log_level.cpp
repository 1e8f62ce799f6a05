// SPDX-License-Identifier: MIT
// The level of a log that an engine keeps (base/level.hpp): raised by an entry, as a group's is.
//
// Every gateway that is registered must know it, an idle one too: what its program knows stands in the state
// with its registration. One that does not run is registered no more after a day, and does not count (one
// that runs and is silent registers anew at once); an earlier release that comes back then meets the raise,
// or a state of that level, and stops. The entry lists the lives that it relies on, and is void if another
// one has registered meanwhile: all gateways see the same registrations at its place in the log.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "replica/engine_words.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

constexpr Duration raise_patience = std::chrono::seconds(10);  // as dpeers waits
// Whether this gateway is the first of those that write.
constexpr Duration look_again_low = std::chrono::milliseconds(100), look_again_high = std::chrono::seconds(5);

}  // namespace

// The newest level above the present one that every gateway knows; the present one: none.
Level EngineLog::known_by_all() const {
  Level known = config_.level;
  for (const auto& [node, registration] : machine_.state().registrations)
    known = std::min(known, COORD_RULE_OR(engine_raise_waits_for_all, registration.knows, known));
  return std::max(known, machine_.level());
}

LevelView EngineLog::level_view() const {
  LevelView view;
  view.level = view.next = Level{0};  // until the log was read nothing is known of it
  if (!begun_) return view;
  view.level = machine_.level();
  view.next = std::max(view.level, std::min(view.level + 1, config_.level));
  if (view.next == view.level) return view;
  for (const auto& [node, registration] : machine_.state().registrations) {
    if (registration.knows < view.next) view.missing.emplace(node, LevelView::Missing::earlier);
  }
  if (raises_here_ && raise_ready_since_) view.due = *raise_ready_since_ + config_.raise_after;
  return view;
}

// While the log can be followed, and for as long as an operator's tool waits for it: nothing rises later, by
// a word that the operator was told had failed.
void EngineLog::on(Instant now, const RaiseNow&) {
  if (!current_) return;
  asked_ = true;
  raise_until_ = now + raise_patience;
  raise_look_at_.reset();
}

// The time that all have known it counts anew from each connection, and from each raise.
void EngineLog::count_raise_anew() {
  raise_ready_since_.reset();
  raise_look_at_.reset();
  raise_until_.reset();
  raises_here_ = false;
}

// By the first of those that write: an idle log is raised once it is used, or by an operator.
void EngineLog::raise_if_due(Instant now) {
  if (raise_until_ && now >= *raise_until_) raise_until_.reset();
  const Level level = known_by_all();
  const bool counts = machine_.registration(config_.self) != service::ClientId{} || raise_until_;
  if (level == machine_.level() || !counts) return count_raise_anew();
  if (!raise_ready_since_) raise_ready_since_ = now;
  if (raise_look_at_ && now < *raise_look_at_) return;
  const Duration look_again = std::clamp(config_.raise_after, look_again_low, look_again_high);
  const Instant due = *raise_ready_since_ + config_.raise_after;
  raises_here_ = keepers_.rank(now, machine_) == std::optional<std::size_t>(0);
  if (!raise_until_ && !(raises_here_ && now >= due)) {
    raise_look_at_ = now < due ? std::min(due, now + look_again) : now + look_again;
    return;
  }
  raise_look_at_ = now + word_again;
  service::Raise raise{level, {}};
  for (const auto& [node, registration] : machine_.state().registrations)
    raise.lives[node] = registration.nonce;
  append(fmt::format("l{:x}-{}", life(), raises_), wire::encode(raise), EngineEntry::Kind::raise);
}

void EngineLog::apply_raise(Instant now, const EngineEntry& entry) {
  const auto raise = wire::decode<service::Raise>(entry.command);
  if (!raise) return halt(fmt::format("log entry {} cannot be read ({})", applied_, raise.error().what));
  std::vector<NodeId> all;
  for (const auto& [node, registration] : machine_.state().registrations) {
    if (COORD_RULE_OR(engine_raise_lists_all, true, raise->lives.contains(node))) all.push_back(node);
  }
  if (current_) keepers_.heard(now, entry.node);
  const Level before = machine_.level();
  service::Effects effects = machine_.apply_raise(LogIndex{applied_}, *raise, all);
  if (machine_.level() > config_.level)
    return halt(
        fmt::format("log entry {} raises the log to level {}, and this program knows level {}: install "
                    "the release that the other gateways have",
                    applied_, machine_.level(), config_.level));
  if (entry.node == config_.self) {
    ++raises_;
    // Void, for another gateway has come meanwhile: an operator who waits is served by another one.
    const std::optional<Instant> until = machine_.level() == before ? raise_until_ : std::nullopt;
    count_raise_anew();
    raise_until_ = until;
  }
  remember();
  put_down(now);
  tell_held();
  keepers_.applied(now, effects, machine_);
  if (machine_.level() != before) commands_.level_has_changed(machine_);
  for_desk().push_back(Applied{LogIndex{applied_}, std::move(effects)});
}

}  // namespace coord::replica
