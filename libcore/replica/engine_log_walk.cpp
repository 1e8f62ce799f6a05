// SPDX-License-Identifier: MIT
// What the engine tells, in its order: read to its end once it is up, then followed.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

namespace {

constexpr std::uint64_t a_connection = std::uint64_t{1} << 32U;  // more than one sees epochs
constexpr std::size_t seals_kept = 64;

constexpr char new_epoch_at_work[] = "coordd --new-epoch is at work on the engine's log";

constexpr char engine_went_back[] =
    "the engine has forgotten what this gateway has seen of the log: it was restored from an older backup, "
    "or "
    "the keys were removed: stop all commands that hold something, then run coordd --engine URL --new-epoch "
    "on one host";

const service::Expire* expiry_in(const service::Command& command) {
  return std::get_if<service::Expire>(&command.body);
}

}  // namespace

void EngineLog::hear(Instant now, const engine::Up&) {
  up_ = true;
  connection_ += a_connection;
  load(now);
}

void EngineLog::hear(Instant, const engine::Down& event) {
  up_ = false;
  walk_.reset();
  loading_ = 0;
  lose(event.why);
}

void EngineLog::load(Instant) {
  lose(refused_at_ ? std::string(trouble_) : "the engine's log is being read");
  walk_.reset();
  refused_at_.reset();
  sealing_.reset();
  loading_ = ++last_ticket_;
  ask(engine::Load{loading_});
}

void EngineLog::lose(std::string why) {
  trouble_ = std::move(why);
  for (auto& [id, reading] : reads_) reading.asked.reset();
  if (!current_) return;
  current_ = false;
  keepers_.lost();
  out_.push_back(LeaderChanged{raft::Role::follower, Term{connection_}, {}});
}

// It was wiped, or there was never a log: only who has seen none may make one.
void EngineLog::hear(Instant now, const engine::Empty&) {
  if (loading_ == 0) return;
  if (!may_go_on(memory_.era == 0)) return refuse(now, engine_went_back);
  EngineState state;
  state.level = config_.level;
  const auto machine = service::StateMachine::at_level(config_.level);
  state.machine = wire::encode_state(machine.state());
  ask(engine::Make{encode(state)});
  load(now);
}

void EngineLog::hear(Instant now, const engine::State& event) {
  if (loading_ == 0) return;
  auto state = decode_engine_state(event.bytes);
  if (!state) return refuse(now, state.error().text());
  if (state->level > config_.level)
    return refuse(now,
                  fmt::format("the log is of level {}, and this program knows level {}: install the release "
                              "that the other gateways have",
                              state->level, config_.level));
  if (!may_go_on(is_same_way(*state))) return refuse(now, engine_went_back);
  walk_ = Walk{};
  walk_->place = state->place;
  walk_->position = event.position;
  walk_->epoch = event.epoch;
  walk_->era = state->era;
  walk_->seals = state->seals;
  const bool is_newer = !begun_ || state->place.index > applied_ || state->era > memory_.era;
  if (is_newer) install(now, std::move(*state));
}

// Up to where this gateway has seen it, as far as a state can tell.
bool EngineLog::is_same_way(const EngineState& state) const {
  if (memory_.era == 0 || state.era > memory_.era) return true;
  if (state.era < memory_.era) return false;
  if (state.place.index == memory_.place.index) return state.place == memory_.place;
  if (state.place.index < memory_.place.index) return true;  // the entries behind it will tell
  const auto seal = std::ranges::find(state.seals, memory_.seal.index, &EnginePlace::index);
  return seal == state.seals.end() || memory_.seal.index == 0 || *seal == memory_.seal;
}

void EngineLog::install(Instant, EngineState&& state) {
  auto machine = machine_from({LogIndex{state.place.index}, {}, std::move(state.machine), state.level});
  if (!machine)
    return halt(fmt::format("the state that the engine keeps cannot be read: {}", machine.error().text()));
  machine_ = std::move(*machine);
  applied_ = state.place.index;
  begun_ = true;
  keepers_.restore(std::move(state.words));
  out_.push_back(Replaced{});
  commands_.replaced(machine_, out_);
}

// What lies between got lost on its way, or this is of an earlier time: all is read anew.
bool EngineLog::follows(Instant now, std::uint64_t after) {
  if (COORD_RULE(engine_gap_is_noticed, after == walk_->position)) return true;
  load(now);
  return false;
}

bool EngineLog::may_go_on(bool same_way) {
  return COORD_RULE(engine_may_not_go_back, same_way);
}

void EngineLog::hear(Instant now, const engine::Entry& event) {
  if (!walk_ || !follows(now, event.after)) return;
  walk_->position = event.position;
  walk_->entries += 1;
  walk_->bytes += event.bytes.size();
  auto entry = decode_engine_entry(event.bytes);
  if (!entry) return halt(entry.error().text());
  // Another program's. It may change or remove what is its own, so it counts for nothing.
  if (!*entry)
    return out_.push_back(Report{"an entry of the engine's log is not coordd's: it is passed over"});
  walk_->place = {walk_->place.index + 1, chained(walk_->place.chain, event.position, event.bytes)};
  const bool was_seen = walk_->place.index == memory_.place.index && walk_->era == memory_.era;
  if (!may_go_on(!was_seen || walk_->place == memory_.place)) return refuse(now, engine_went_back);
  if (walk_->place.index > applied_) apply(now, **entry);
}

void EngineLog::apply(Instant now, const EngineEntry& entry) {
  applied_ = walk_->place.index;
  if (entry.kind == EngineEntry::Kind::new_era) {
    if (!era_above_) refuse(now, new_epoch_at_work);
    return;
  }
  if (entry.level > config_.level)
    return halt(
        fmt::format("log entry {} is of level {}, and this program knows level {}: install the release "
                    "that the other gateways have",
                    applied_, entry.level, config_.level));
  const auto command = wire::decode<service::Command>(entry.command, {.version = entry.level});
  if (!command) return halt(fmt::format("log entry {} cannot be read ({})", applied_, command.error().what));
  if (current_) keepers_.heard(now, entry.node);
  const service::Expire* expire = expiry_in(*command);
  if (expire != nullptr && !keepers_.judge(entry, *expire, machine_)) return;
  service::Effects effects = machine_.apply(LogIndex{applied_}, *command);
  keepers_.applied(now, effects, machine_);
  commands_.applied(*command, effects, machine_, out_);
  out_.push_back(Applied{LogIndex{applied_}, std::move(effects)});
}

void EngineLog::hear(Instant now, const engine::Sealed& event) {
  if (!walk_ || !follows(now, event.after)) return;
  walk_->position = event.position;
  walk_->epoch = event.epoch;
  walk_->entries = walk_->bytes = 0;
  walk_->seals.push_back(walk_->place);
  if (walk_->seals.size() > seals_kept) walk_->seals.erase(walk_->seals.begin());
  if (walk_->place.index != applied_) return;
  keepers_.tidy(machine_);
  const bool is_ours = sealing_ && sealing_->epoch + 1 == event.epoch;
  if (is_ours && era_above_) return keep_new_era(now, event.epoch);
  if (is_ours) keep_state(event.epoch);
  sealing_.reset();
}

// As all gateways have it here: whoever keeps it, it is the same.
void EngineLog::keep_state(std::uint64_t epoch) {
  EngineState state;
  state.era = walk_->era;
  state.place = walk_->place;
  state.seals = walk_->seals;
  state.words = keepers_.words();
  state.level = machine_.level();
  state.machine = wire::encode_state(machine_.state());
  ask(engine::Keep{epoch, walk_->position, encode(state)});
}

Actions EngineLog::begin_era(Instant now, Token above) {
  COORD_CHECK(current_);
  era_above_ = above;
  append(fmt::format("n{:x}", life()), {}, EngineEntry::Kind::new_era);
  sealing_ = Sealing{walk_->epoch, now};
  ask(engine::Seal{walk_->epoch});
  return std::exchange(out_, {});
}

// The same state after commands that are in no log: its place is behind them.
void EngineLog::keep_new_era(Instant now, std::uint64_t epoch) {
  service::StateMachine machine = machine_;
  std::uint64_t index = walk_->place.index;
  const auto apply_one = [&](service::Body body) {
    service::Command command;
    command.wall = wall_;
    command.body = std::move(body);
    (void)machine.apply(LogIndex{++index}, command);
  };
  const auto sessions = machine_.state().sessions;
  for (const auto& [id, session] : sessions) apply_one(service::Expire{id, session.renewal});
  apply_one(service::TokenFloor{std::max(*era_above_, machine.state().last_token)});
  apply_one(service::Shut{true});
  EngineState state;
  state.era = walk_->era + 1;
  state.place = {index, chained(walk_->place.chain, walk_->position, {})};
  state.seals = {state.place};
  state.level = machine.level();
  state.machine = wire::encode_state(machine.state());
  ask(engine::Keep{epoch, walk_->position, encode(state)});
  refuse(now, new_epoch_at_work);  // until it is there
}

// Whoever is first of those that write seals it, the others some entries later.
void EngineLog::seal_if_due(Instant now) {
  constexpr Duration patience = std::chrono::seconds(2);
  if (!current_ || (sealing_ && now < sealing_->asked + patience)) return;
  const auto rank = keepers_.rank(now, machine_);
  if (!rank) return;
  const std::size_t late = *rank * (config_.seal_every_entries / 8 + 1);
  const bool is_due = walk_->entries >= config_.seal_every_entries + late ||
                      (walk_->bytes >= config_.seal_every_bytes && walk_->entries >= late);
  if (!is_due) return;
  sealing_ = Sealing{walk_->epoch, now};
  ask(engine::Seal{walk_->epoch});
}

void EngineLog::hear(Instant now, const engine::Reached& event) {
  if (!walk_) return;
  if (loading_ == 0) {
    for (auto& [id, reading] : reads_) reading.ready |= reading.asked && reading.barrier == event.ticket;
    return;
  }
  if (event.ticket != loading_) return;
  const bool is_behind = walk_->era == memory_.era && walk_->place.index < memory_.place.index;
  if (!may_go_on(!is_behind)) return refuse(now, engine_went_back);
  if (era_above_ && walk_->era == memory_.era) return refuse(now, new_epoch_at_work);
  era_above_.reset();
  loading_ = 0;
  current_ = true;
  trouble_.clear();
  keepers_.began(now, machine_);
  out_.push_back(LeaderChanged{raft::Role::follower, Term{connection_}, config_.self});
}

// Written at once when it has just come to the log, then now and then.
void EngineLog::remember(Instant now) {
  if (current_) {
    memory_.era = walk_->era;
    memory_.place = walk_->place;
    memory_.seal = walk_->seals.empty() ? EnginePlace{} : walk_->seals.back();
  }
  if (memory_ == remembered_) return;
  if (remembered_at_ && now < *remembered_at_ + config_.remember_every) return;
  remembered_at_ = now;
  remembered_ = memory_;
  out_.push_back(RememberEngine{memory_});
}

void EngineLog::refuse(Instant now, std::string why) {
  if (why != trouble_) out_.push_back(Report{why});
  lose(std::move(why));
  walk_.reset();
  loading_ = 0;
  refused_at_ = now;
}

void EngineLog::halt(std::string why) {
  halted_ = true;
  out_.push_back(Halted{std::move(why)});
}

}  // namespace coord::replica
