// SPDX-License-Identifier: MIT
// `coordd --new-epoch`: a log that was restored from a backup goes on.
//
// Problem: what was granted after the backup is known to nobody but the gateways that granted it, and these
// refuse the log. Other gateways may be serving from the restored one. All have to go on from one state, and
// none may grant before the last command of before has lost its lease.
//
// The way here: the operator's entry ends the era. What is behind it in the log is void, for every gateway
// that reads it, whenever; so nobody can go on in the former era, and no second call has to reach the engine
// with it. Gateways, those that refuse the log too, answer by entries: the newest era, the highest token and
// the longest lease that they know. After a while the operator seals the epoch and keeps the state of a later
// era there: as it was at that entry, without sessions, above all those tokens, and shut. All of it is
// decided by entries before the seal, so several operators keep the same state, and one can end what another
// one began. How long the former era's leases may last is in that state, for whoever opens it, and for a
// further era that is begun before it was.
#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "replica/engine_words.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

namespace {

constexpr unsigned token_second = 20;  // a second of the clock is so many bits of tokens

}  // namespace

// On every walk: also where it was applied long ago.
void EngineLog::hear_new_era(Instant now, const EngineWord& word) {
  if (walk_->over || COORD_RULE_OR(new_era_ends_the_former, false, true)) return;
  walk_->over.emplace();
  walk_->over->word = word;
  heard_new_era_ = true;
  if (!era_ended_ || ended_by_ != word.nonce) {
    era_ended_ = now;
    ended_by_ = word.nonce;
    ended_before_ = 0;
  }
  reload_at_ = now + config_.believe_again;
  if (!walk_->other_way) lose(new_epoch_at_work);
}

bool EngineLog::owes_word() const {
  return read_ && walk_->over && has_memory() && !walk_->over->sealed &&
         !walk_->over->known.contains(config_.self);
}

void EngineLog::say_what_is_known(Instant now) {
  if (!owes_word() || (walk_->over->said && now < *walk_->over->said + word_again)) return;
  walk_->over->said = now;
  const EngineWord word{walk_->over->word.nonce, {}, memory_.era, memory_.token, memory_.ttl};
  append_word(fmt::format("m{:x}-{:x}", life(), word.nonce), word, EngineEntry::Kind::remembers);
}

Actions EngineLog::begin_era(Instant now, Token above, const EngineMemory& known) {
  COORD_CHECK(read_ && !config_.registers);
  new_era_ = NewEra{random_.next() | 1U, above, known, walk_->era, {}};
  further_era(now);
  return std::exchange(out_, {});
}

// Step by step, each again until the log shows it.
void EngineLog::further_era(Instant now) {
  if (!new_era_ || walk_->other_way || (new_era_->asked && now < *new_era_->asked + word_again / 2)) return;
  if (!walk_->over) {
    new_era_->asked = now;
    const EngineWord word{new_era_->nonce, walk_->place, new_era_->known.era,
                          std::max(new_era_->above, new_era_->known.token), new_era_->known.ttl};
    append_word(fmt::format("n{:x}", word.nonce), word, EngineEntry::Kind::new_era);
  } else if (era_ended_ && now >= *era_ended_ + config_.hear_memories) {
    new_era_->asked = now;
    if (!walk_->over->sealed) {
      ask(engine::Seal{walk_->epoch});
    } else {
      keep_new_era();
      load(now);
    }
  }
}

// When the former era has ended here is known of the one that this operator has seen to its end.
Actions EngineLog::open_era(Instant now) {
  if (!current_ || new_era_ || !machine_.state().closed) return {};
  const bool is_known = opening_ && COORD_RULE(era_waits_for_its_own_leases, opening_->era == walk_->era);
  if (!is_known) {
    const bool has_seen_end = era_ended_ && ended_before_ == walk_->epoch;
    const Duration leases = std::max(config_.usual_ttl, closed_for_) + std::chrono::seconds(1);
    opening_ = Opening{walk_->era, (has_seen_end ? *era_ended_ : now) + leases, {}};
  }
  if (now < opening_->at || (opening_->said && now < *opening_->said + word_again)) return {};
  opening_->said = now;
  return step(now, wall_, PutIntoLog{service::Shut{false}});
}

// The same state after commands that are in no log: its place is behind them.
void EngineLog::keep_new_era() {
  service::StateMachine machine = machine_;
  const Over& over = *walk_->over;
  std::uint64_t index = over.place.index;
  const EngineWord& word = over.word;
  Token above = std::max(word.token, machine.state().last_token);
  std::uint64_t era = std::max(walk_->era, word.era);
  Duration leases = std::max({longest_ttl_, closed_for_, word.ttl});
  for (const auto& [node, known] : over.known) {
    above = COORD_RULE_OR(new_era_above_known_tokens, std::max(above, known.token), above);
    era = std::max(era, known.era);
    leases = COORD_RULE_OR(new_era_waits_for_known_leases, std::max(leases, known.ttl), leases);
  }
  const auto apply_one = [&](service::Body body) {
    service::Command command;
    command.wall = WallTime{static_cast<std::int64_t>(word.token.value >> token_second) * 1'000'000'000};
    command.body = std::move(body);
    (void)machine.apply(LogIndex{++index}, command);
  };
  const auto sessions = machine.state().sessions;
  for (const auto& [id, session] : sessions) apply_one(service::Expire{id, session.renewal});
  apply_one(service::TokenFloor{above});
  apply_one(service::Shut{true});
  EngineState state;
  // By the clock, too: an era of this number was not there before, whatever was lost.
  state.era = std::max(era + 1, word.token.value >> token_second);
  state.place = {index, chained(over.place.chain, over.position, {})};
  state.seals = {state.place};
  state.closed_for = leases;
  state.level = machine.level();
  state.machine = wire::encode_state(machine.state());
  ask(engine::Keep{over.epoch, over.position, encode(state)});
}

}  // namespace coord::replica
