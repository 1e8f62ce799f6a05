// SPDX-License-Identifier: MIT
#include "replica/engine_log.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_words.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

Client::Config of_client(const EngineLog::Config& config) {
  return {config.self,
          config.level,
          config.resend,
          config.commands_in_flight,
          config.commands_queued,
          config.name,
          {}};
}

}  // namespace

EngineLog::EngineLog(Config config, Random random, Instant)
    : config_(std::move(config)),
      random_(random),
      commands_(of_client(config_), Client::draw_life(random_)),
      keepers_(config_.self),
      machine_(service::StateMachine::at_level(config_.level)),
      memory_(config_.memory),
      put_down_(config_.memory),
      lasting_(config_.memory) {}

// ---- driven

Actions EngineLog::step(Instant now, WallTime wall, const Event& event) {
  wall_ = wall;
  if (!halted_) std::visit([&](const auto& concrete) { on(now, concrete); }, event);
  return std::exchange(out_, {});
}

Actions EngineLog::settle(Instant now, WallTime wall) {
  wall_ = wall;
  asked_ = false;
  if (halted_) return {};
  if (read_) {
    say_what_is_known(now);
    further_era(now);
    ask_others(now);
    try_again(now);
  }
  send_commands(now);
  ask_reads(now);
  answer_reads(now);
  if (current_ && config_.registers) {
    answer_others(now);
    seal_if_due(now);
    forget_silent(now);
    raise_if_due(now);
  }
  remember();
  put_down(now);
  tell_held();
  return std::exchange(out_, {});
}

std::optional<Instant> EngineLog::deadline() const {
  std::optional<Instant> next;
  const auto also = [&next](std::optional<Instant> other, Duration later = {}) {
    if (other && (!next || *other + later < *next)) next = *other + later;
  };
  if (current_) {
    also(commands_.next_resend());
    also(keepers_.deadline());
    also(raise_look_at_);
    for (const auto& [nonce, question] : questions_) also(question.due);
  }
  if (up_) also(reload_at_);
  if (owes_word()) also(walk_->over->said, word_again);
  if (is_in_doubt()) also(doubts_until_);
  if (is_in_doubt() && !asked_others_) also(asked_at_, word_again);
  if (read_ && !walk_->other_way && !walk_->over) {
    also(full_at_, word_again);
    also(name_refused_at_, config_.believe_again);
  }
  if (lasting_ != memory_) also(lasting_at_, config_.remember_every);
  for (const auto& [id, reading] : reads_) {
    also(reading.began, config_.query_patience);
    if (reading.asked && current_) also(*reading.asked, config_.query_retry);
  }
  return next;
}

void EngineLog::on(Instant now, const Tick&) {
  if (current_ && config_.registers) keep_leases(now);
  if (reload_at_ && up_ && now >= *reload_at_) return load(now);
  if (!read_ || walk_->other_way || walk_->over) return;
  const bool doubt_is_over = !believes_ && doubts_until_ && now >= *doubts_until_;
  const bool name_again = name_refused_at_ && now >= *name_refused_at_ + config_.believe_again;
  if (doubt_is_over) believes_ = true;
  if (name_again) name_refused_at_.reset();
  if (doubt_is_over || name_again) serve(now);
}

void EngineLog::on(Instant, const Submit& event) {
  asked_ = true;
  commands_.submit(event, out_);
}

void EngineLog::on(Instant, const Retract& event) {
  commands_.retract(event, machine_, wall_, out_);
}

void EngineLog::on(Instant now, const Query& event) {
  asked_ = true;
  reads_.emplace(next_read_++, Reading{event.ticket, now, {}, 0, false});
}

void EngineLog::on(Instant, const PutIntoLog& event) {
  if (!current_) return;
  service::Command command;
  command.node = config_.self;
  command.wall = wall_;
  command.body = event.body;
  const Bytes bytes = wire::encode(command, machine_.level());
  append(key_of(bytes), bytes);
}

void EngineLog::on(Instant now, const FromEngine& event) {
  std::visit([&](const auto& told) { hear(now, told); }, event.told);
}

// ---- what it asks of the engine

void EngineLog::ask(engine::Request what) {
  out_.push_back(ToEngine{std::move(what)});
}

// The same command has the same key, whenever it goes: of two copies one gets in.
std::string EngineLog::key_of(const Bytes& bytes) const {
  const auto command = wire::decode<service::Command>(bytes, {.version = machine_.level()});
  COORD_CHECK(command.ok());
  if (command->client != service::ClientId{})
    return fmt::format("c{:x}.{}-{}", life(), command->client.value, command->sequence);
  if (const auto* registers = std::get_if<service::Register>(&command->body))
    return fmt::format("r{:x}-{}-{}", life(), registers->replaces.value, registers_);
  return fmt::format("x{:x}-{}", life(), chained(0, 0, bytes));
}

// A minimum hold and the lock delay behind it have the same token.
std::string EngineLog::key_of_timer(const service::TimerOver& over) const {
  const auto kind = static_cast<unsigned>(over.kind);
  return fmt::format("t{:x}-{}-{}", life(), COORD_RULE_OR(timer_key_has_its_kind, kind, 0U),
                     over.token.value);
}

void EngineLog::append(std::string key, const Bytes& command, EngineEntry::Kind kind) {
  const std::string own = COORD_RULE_OR(append_keeps_its_key, key, fmt::format("{}.{}", key, ++last_key_));
  EngineEntry entry{config_.self, kind, std::min(machine_.level(), config_.level), command};
  ask(engine::Append{walk_->epoch, own, encode(entry)});
}

void EngineLog::append_word(std::string key, const EngineWord& word, EngineEntry::Kind kind) {
  append(std::move(key), encode(word), kind);
}

void EngineLog::send_commands(Instant now) {
  if (current_ && config_.registers) {
    if (auto registration = commands_.registration(now, target(), machine_, wall_))
      append(key_of(*registration), *registration);
  }
  commands_.admit(machine_, wall_);
  if (!current_) return;
  for (const std::vector<Bytes>& batch : commands_.due(now, target())) {
    for (const Bytes& command : batch) append(key_of(command), command);
  }
}

void EngineLog::keep_leases(Instant now) {
  for (const EngineKeepers::Word& word : keepers_.due(now, wall_, machine_, random_)) {
    const Bytes bytes = wire::encode(word.command, machine_.level());
    const auto* expire = std::get_if<service::Expire>(&word.command.body);
    const std::string key = expire != nullptr ? fmt::format("e{:x}-{}-{}-{}", life(), expire->session.value,
                                                            expire->renewal, word.again ? 2 : 1)
                                              : key_of_timer(std::get<service::TimerOver>(word.command.body));
    append(key, bytes, word.again ? EngineEntry::Kind::again : EngineEntry::Kind::command);
  }
}

// One entry, to see whether the engine takes something again.
void EngineLog::try_again(Instant now) {
  if (!full_at_ || !read_ || walk_->other_way || walk_->over || now < *full_at_ + word_again) return;
  full_at_ = now;
  append_word(fmt::format("p{:x}-{}", life(), ++tries_), {}, EngineEntry::Kind::tries);
}

// Whoever has said nothing for a day, and holds nothing, is dropped: a name is free again, and it does not
// count. One that runs registers anew as soon as it reads that; one that does not, when it is started.
void EngineLog::forget_silent(Instant now) {
  for (const service::Command& forget : keepers_.silent(now, machine_, config_.forget_after, random_)) {
    const auto& body = std::get<service::Forget>(forget.body);
    append(fmt::format("f{:x}-{}", body.node.value, body.client.value),
           wire::encode(forget, machine_.level()));
  }
}

// ---- linearizable reads: has all come that was there when it was asked?

void EngineLog::ask_reads(Instant now) {
  if (!current_) return;
  std::uint64_t barrier = 0;
  for (auto& [id, reading] : reads_) {
    if (reading.ready || (reading.asked && now < *reading.asked + config_.query_retry)) continue;
    if (!COORD_RULE(barrier_asks_the_engine, false)) {
      if (barrier == 0) barrier = ++last_ticket_;
      reading.asked = now;
      reading.barrier = barrier;
    } else {
      reading.ready = true;
    }
  }
  if (barrier != 0) ask(engine::Barrier{barrier});
}

void EngineLog::answer_reads(Instant now) {
  for (auto it = reads_.begin(); it != reads_.end();) {
    const Reading& reading = it->second;
    if (!reading.ready && now < reading.began + config_.query_patience) {
      ++it;
      continue;
    }
    if (reading.ready) {
      out_.push_back(QueryReady{reading.ticket});
    } else {
      out_.push_back(QueryFailed{reading.ticket});
    }
    it = reads_.erase(it);
  }
}

}  // namespace coord::replica
