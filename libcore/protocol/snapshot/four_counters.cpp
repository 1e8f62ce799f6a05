// SPDX-License-Identifier: MIT
#include "protocol/snapshot/four_counters.hpp"

#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::snapshot {

FourCounters::FourCounters(Config config) : config_(std::move(config)), account_{config_.work} {
  config_.group.check();
}

FourCounters::Actions FourCounters::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void FourCounters::on(Instant now, const Begin&, Actions& actions) {
  if (asks_) return;
  asks_ = true;
  before_.reset();
  begin_wave(now, actions);
}

void FourCounters::on(Instant, const Finish&, Actions&) {
  if (account_.balance > 0) --account_.balance;
}

void FourCounters::on(Instant, const Hand& hand, Actions& actions) {
  // Only who has work can give any.
  if (account_.balance == 0 || hand.amount == 0) return;
  if (hand.to == config_.group.self || !config_.group.knows(hand.to)) return;
  actions.push_back(Send{hand.to, Work{account_.pay(hand)}});
}

void FourCounters::on(Instant now, const Receive& receive, Actions& actions) {
  if (receive.from == config_.group.self || !config_.group.knows(receive.from)) return;
  if (const auto* work = std::get_if<Work>(&receive.message)) {
    account_.take(receive.from, work->amount);
    actions.push_back(Handed{receive.from, work->amount});
  } else if (const auto* ask = std::get_if<Ask>(&receive.message)) {
    actions.push_back(Send{receive.from, answer(ask->wave)});
  } else {
    const auto& heard = std::get<Answer>(receive.message);
    if (!asks_ || heard.wave != wave_ || missing_.erase(receive.from) == 0) return;
    sums_.add(heard);
    if (missing_.empty()) end_wave(now, actions);
  }
}

void FourCounters::on(Instant now, const Tick&, Actions& actions) {
  if (!next_wave_ || now < *next_wave_) return;
  begin_wave(now, actions);
}

void FourCounters::begin_wave(Instant now, Actions& actions) {
  next_wave_.reset();
  ++wave_;
  sums_ = {};
  sums_.add(answer(wave_));
  config_.group.each_other([&](NodeId other) {
    missing_.insert(other);
    actions.push_back(Send{other, Ask{wave_}});
  });
  if (missing_.empty()) end_wave(now, actions);
}

void FourCounters::end_wave(Instant now, Actions& actions) {
  if (terminated()) {
    asks_ = false;
    actions.push_back(Terminated{});
    return;
  }
  // The second wave of a pair follows at once; if it has found work, it is the first of the next pair.
  const bool second_follows = !before_ && sums_.idle;
  before_ = sums_;
  if (second_follows) return begin_wave(now, actions);
  next_wave_ = now + config_.period;
}

bool FourCounters::terminated() const {
  const std::optional<Sums> first = COORD_RULE_OR(fc_two_waves, before_, std::optional(sums_));
  return first && COORD_RULE(fc_all_were_idle, first->idle) &&
         COORD_RULE(fc_received_by_the_first_is_sent_by_the_second, first->received == sums_.sent);
}

FourCounters::Answer FourCounters::answer(std::uint64_t wave) const {
  Answer answer{wave, 0, 0, account_.balance == 0};
  for (const auto& [node, count] : account_.sent) answer.sent += count;
  for (const auto& [node, count] : account_.received) answer.received += count;
  return answer;
}

void FourCounters::Sums::add(const Answer& answer) {
  sent += answer.sent;
  received += answer.received;
  idle = idle && answer.idle;
}

std::string text(const FourCounters::Message& message) {
  if (const auto* work = std::get_if<FourCounters::Work>(&message))
    return fmt::format("hands over {}", work->amount);
  if (const auto* ask = std::get_if<FourCounters::Ask>(&message)) return fmt::format("wave {}", ask->wave);
  const auto& answer = std::get<FourCounters::Answer>(message);
  return fmt::format("wave {}: sent {}, received {}{}", answer.wave, answer.sent, answer.received,
                     answer.idle ? ", idle" : ", at work");
}

}  // namespace coord::snapshot
