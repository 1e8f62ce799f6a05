// SPDX-License-Identifier: MIT
// What the engine tells, in its order: read to its end once it is up, then followed.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "replica/engine_words.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

namespace {

constexpr std::uint64_t a_connection = std::uint64_t{1} << 32U;  // more than one sees epochs
constexpr std::size_t seals_kept = 64;

constexpr Duration until_kept = std::chrono::seconds(2);

const service::Expire* expiry_in(const service::Command& command) {
  return std::get_if<service::Expire>(&command.body);
}

}  // namespace

void EngineLog::hear(Instant now, const engine::Up&) {
  up_ = true;
  connection_ += a_connection;
  nonce_ = random_.next() | 1U;
  asked_at_.reset();
  doubts_until_.reset();
  full_at_.reset();
  load(now);
}

void EngineLog::hear(Instant, const engine::Down& event) {
  up_ = false;
  read_ = false;
  walk_.reset();
  loading_ = 0;
  lose(event.why);
}

void EngineLog::load(Instant) {
  lose(reload_at_ ? std::string(trouble_) : "the engine's log is being read");
  walk_.reset();
  reload_at_.reset();
  sealing_.reset();
  questions_.clear();
  read_ = false;
  asked_others_ = false;
  loading_ = ++last_ticket_;
  ask(engine::Load{loading_});
}

void EngineLog::lose(std::string why) {
  trouble_ = std::move(why);
  count_raise_anew();
  for (auto& [id, reading] : reads_) reading.asked.reset();
  if (!current_) return;
  current_ = false;
  keepers_.lost();
  out_.push_back(LeaderChanged{raft::Role::follower, Term{connection_}, {}});
}

// It was wiped, or there was never a log: only who has seen none may make one. Its chain begins with a number
// that no other log has; who makes it remembers that before, so it knows its own log again.
void EngineLog::hear(Instant now, const engine::Empty&) {
  if (loading_ == 0) return;
  if (!config_.registers) return refuse(now, "there is no log: nothing was ever kept under this prefix");
  if (!may_go_on(!has_memory())) return refuse(now, engine_has_no_log);
  const std::optional<Instant> tried_at = std::max(full_at_, made_at_);
  if (tried_at && now < *tried_at + word_again) {
    loading_ = 0;
    reload_at_ = *tried_at + word_again;
    return lose(full_at_ ? full_why_ : engine_keeps_no_log);
  }
  made_at_ = now;
  if (memory_.era == 0) memory_ = {1, {0, random_.next() | 1U}, {}, {}, {}};
  put_down(now);
  EngineState state;
  state.place = memory_.place;
  state.seals = {memory_.place};
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
  if (state->level > config_.level) {
    refuse(now, fmt::format("the log is of level {}, and this program knows level {}: install the release "
                            "that the other gateways have",
                            state->level, config_.level));
    // Only a restored log would be of an earlier one, and the whole state is read each time.
    constexpr int seldom = 12;
    reload_at_ = now + config_.believe_again * seldom;
    return;
  }
  made_at_.reset();
  walk_ = Walk{};
  walk_->place = state->place;
  walk_->position = event.position;
  walk_->epoch = event.epoch;
  walk_->era = state->era;
  walk_->seals = state->seals;
  const Way way = way_of(*state);
  if (!may_go_on(way != Way::other)) return go_other_way();
  believes_ = may_go_on(way == Way::same);
  if (new_era_ && state->era > new_era_->former && new_era_->former != 0) new_era_.reset();
  const bool is_newer = stale_ || state->era != seen_era_ || state->place.index > applied_ ||
                        (state->place.index == applied_ && state->place != seen_);
  if (is_newer) install(now, std::move(*state));
}

void EngineLog::install(Instant now, EngineState&& state) {
  auto machine =
      machine_from({LogIndex{state.place.index}, {}, std::move(state.machine), state.level}, config_.level);
  if (!machine)
    return halt(fmt::format("the state that the engine keeps cannot be read: {}", machine.error().text()));
  const bool is_of_another_level = machine->level() != machine_.level();
  machine_ = std::move(*machine);
  if (is_of_another_level) commands_.level_has_changed(machine_);
  applied_ = state.place.index;
  seen_ = state.place;
  seen_era_ = state.era;
  stale_ = false;
  begun_ = true;
  closed_for_ = state.closed_for;
  note_leases();
  keepers_.restore(std::move(state.words));
  drop_applied();
  remember();
  put_down(now);
  tell_held();
  desk_reads_anew();
  // In a new era, of a backup from before it: this life has no registration.
  const service::ClientId own = commands_.id();
  if (own != service::ClientId{} && own != machine_.registration(config_.self))
    return commands_.begin_anew(Client::draw_life(random_), for_desk());
  commands_.replaced(machine_, for_desk());
}

// Nothing of a log that may be another one can be remembered, and what is not is not told.
Actions& EngineLog::for_desk() {
  return held_.empty() && (current_ || believes_) ? out_ : held_;
}

void EngineLog::tell_held() {
  if (held_.empty() || !is_beyond_memory() || memory_.place.index < applied_) return;
  for (Action& action : std::exchange(held_, {})) out_.push_back(std::move(action));
}

// What was not told of earlier entries is in the state, or was another era's.
void EngineLog::drop_applied() {
  std::erase_if(held_, [](const Action& action) { return std::holds_alternative<Applied>(action); });
}

// What became of its own commands it is told all the same.
void EngineLog::desk_reads_anew() {
  drop_applied();
  for_desk().push_back(Replaced{});
}

// What lies between got lost on its way, or this is of an earlier time: all is read anew.
bool EngineLog::follows(Instant now, std::uint64_t after) {
  constexpr unsigned gaps_limit = 3;
  if (COORD_RULE(engine_gap_is_noticed, after == walk_->position)) return true;
  if (++gaps_ < gaps_limit) {
    load(now);
  } else {
    refuse(now, log_has_gaps);
  }
  return false;
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
  if (!walk_->other_way) look_whether_on_way(now);
  if (!walk_) return;
  const bool is_new = !walk_->other_way && !walk_->over && walk_->place.index > applied_;
  if (is_new) {
    applied_ = walk_->place.index;
    seen_ = walk_->place;
  }
  if ((*entry)->has_word()) return hear_word(now, **entry);
  if (!is_new) return;
  if ((*entry)->kind == EngineEntry::Kind::raise) return apply_raise(now, **entry);
  apply(now, **entry);
}

void EngineLog::apply(Instant now, const EngineEntry& entry) {
  if (entry.level > config_.level)
    return halt(
        fmt::format("log entry {} is of level {}, and this program knows level {}: install the release "
                    "that the other gateways have",
                    applied_, entry.level, config_.level));
  const auto command = wire::decode<service::Command>(entry.command, {.version = entry.level});
  if (!command) return halt(fmt::format("log entry {} cannot be read ({})", applied_, command.error().what));
  if (current_) keepers_.heard(now, entry.node);
  if (current_) ahead_[entry.node] = Duration{command->wall.unix_ns - wall_.unix_ns};
  const service::Expire* expire = expiry_in(*command);
  if (expire != nullptr && !keepers_.judge(entry, *expire, machine_)) return;
  service::Effects effects = machine_.apply(LogIndex{applied_}, *command);
  if (!machine_.state().sessions.empty())
    longest_ttl_ = std::max(longest_ttl_, machine_.state().sessions.rbegin()->second.ttl);
  if (!machine_.state().closed) closed_for_ = {};
  remember();
  put_down(now);
  tell_held();
  keepers_.applied(now, effects, machine_);
  commands_.applied(*command, effects, machine_, for_desk());
  note_refused_names(now, effects);
  constexpr std::size_t held_limit = 8192;
  if (held_.size() > held_limit) desk_reads_anew();
  for_desk().push_back(Applied{LogIndex{applied_}, std::move(effects)});
  note_own_registration();
}

// Told, and tried again later under another key: it may have become free.
void EngineLog::note_refused_names(Instant now, const service::Effects& effects) {
  for (const service::Effect& effect : effects) {
    const auto* refused = std::get_if<service::NotRegistered>(&effect);
    if (refused == nullptr || refused->node != config_.self || refused->nonce != life()) continue;
    ++registers_;
    const auto& all = machine_.state().registrations;
    const bool is_taken = std::ranges::any_of(all, [&](const auto& each) {
      return each.first != config_.self && each.second.name == config_.name;
    });
    if (!current_ || (!is_taken && all.contains(config_.self))) continue;
    name_refused_at_ = now;
    const std::string why =
        is_taken ? fmt::format("the name {} is another gateway's: start this one with another --name",
                               config_.name)
                 : fmt::format("{} gateways are registered, no more can be: see dpeers", all.size());
    out_.push_back(Report{why});
    lose(why);
  }
}

// It was silent for long, and is forgotten: as another life of this gateway, which holds nothing.
void EngineLog::note_own_registration() {
  if (commands_.id() == service::ClientId{} || machine_.registration(config_.self) != service::ClientId{})
    return;
  commands_.begin_anew(Client::draw_life(random_), for_desk());
}

void EngineLog::hear(Instant now, const engine::Sealed& event) {
  if (!walk_ || !follows(now, event.after)) return;
  walk_->position = event.position;
  walk_->epoch = event.epoch;
  walk_->entries = walk_->bytes = 0;
  walk_->seals.push_back(walk_->place);
  if (walk_->seals.size() > seals_kept) walk_->seals.erase(walk_->seals.begin());
  asked_others_ = false;
  if (walk_->over && !walk_->over->sealed) {
    walk_->over->sealed = true;
    walk_->over->place = walk_->place;
    walk_->over->position = walk_->position;
    walk_->over->epoch = walk_->epoch;
    if (walk_->over->word.nonce == ended_by_) ended_before_ = walk_->epoch;
  }
  if (walk_->over || walk_->other_way || walk_->place.index != applied_) return;
  keepers_.tidy(machine_);
  note_leases();
  const bool is_ours = sealing_ && sealing_->epoch + 1 == event.epoch;
  if (is_ours) keep_state(event.epoch);
  sealing_.reset();
  std::erase_if(ahead_,
                [&](const auto& each) { return !machine_.state().registrations.contains(each.first); });
}

// As all gateways have it here: whoever keeps it, it is the same.
void EngineLog::keep_state(std::uint64_t epoch) {
  EngineState state;
  state.era = walk_->era;
  state.place = walk_->place;
  state.seals = walk_->seals;
  state.words = keepers_.words();
  state.closed_for = closed_for_;
  state.level = machine_.level();
  state.machine = wire::encode_state(machine_.state());
  Bytes bytes = encode(state);
  if (bytes.size() > engine::state_bytes_limit)
    return out_.push_back(Report{"the state is too large to be kept in the engine: entries stay there"});
  ask(engine::Keep{epoch, walk_->position, std::move(bytes)});
}

// Whoever is first of those that write seals it, the others some entries later.
void EngineLog::seal_if_due(Instant now) {
  const bool may_be_due =
      walk_->entries >= config_.seal_every_entries || walk_->bytes >= config_.seal_every_bytes;
  if (!may_be_due || (sealing_ && now < sealing_->asked + until_kept)) return;
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
  loading_ = 0;
  gaps_ = 0;
  read_ = true;
  was_read(now);
}

void EngineLog::was_read(Instant now) {
  if (walk_->over) reload_at_ = now + config_.believe_again;
  if (walk_->other_way) return;
  if (!may_go_on(!is_behind())) return go_other_way();
  if (walk_->over) return lose(new_epoch_at_work);
  // What was applied here is not there: it was another log's.
  if (walk_->era == seen_era_ && walk_->place.index < applied_) {
    stale_ = true;
    return load(now);
  }
  serve(now);
}

// If nothing is against it any more.
void EngineLog::serve(Instant now) {
  if (current_ || full_at_ || name_refused_at_) return;
  if (!believes_) return doubt(now);
  current_ = true;
  trouble_.clear();
  remember();
  put_down(now);
  tell_held();
  keepers_.began(now, machine_);
  out_.push_back(LeaderChanged{raft::Role::follower, Term{connection_}, config_.self});
}

// What holds something loses it in time; what is there can still be followed.
void EngineLog::hear(Instant now, const engine::Refused& event) {
  if (walk_ && (walk_->other_way || walk_->over)) return;
  const bool is_known = full_at_ && full_why_ == event.why;
  full_at_ = now;
  full_why_ = event.why;
  if (!is_known) out_.push_back(Report{event.why});
  lose(event.why);
}

void EngineLog::refuse(Instant now, std::string why) {
  if (why != trouble_) out_.push_back(Report{why});
  lose(std::move(why));
  walk_.reset();
  read_ = false;
  loading_ = 0;
  reload_at_ = now + config_.believe_again;
}

void EngineLog::halt(std::string why) {
  halted_ = true;
  out_.push_back(Halted{std::move(why)});
}

}  // namespace coord::replica
