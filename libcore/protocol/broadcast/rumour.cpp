// SPDX-License-Identifier: MIT
#include "protocol/broadcast/rumour.hpp"

#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

Rumour::Rumour(Config config) : config_(std::move(config)), random_(config_.seed) {
  config_.group.check();
  COORD_CHECK(config_.period > Duration{} && config_.boring_after > 0);
}

Rumour::Actions Rumour::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

NodeId Rumour::somebody() {
  const std::size_t self = config_.group.rank(config_.group.self);
  const auto drawn = static_cast<std::size_t>(random_.below(config_.group.size() - 1));
  const std::size_t other = drawn < self ? drawn : drawn + 1;
  return config_.group.nodes[COORD_RULE_OR(rumour_calls_anybody_but_itself, other, drawn)];
}

void Rumour::on(Instant now, const Begin& begin, Actions& actions) {
  if (config_.group.size() == 1) {
    if (begin.payload) actions.push_back(Delivered{*begin.payload});
    return;
  }
  if (begin.payload) return learn(now, *begin.payload, actions);
  if (config_.mode != Mode::push && !payload_ && !call_at_)
    call_at_ = now + random_.between({}, config_.period);
}

void Rumour::learn(Instant now, const Payload& payload, Actions& actions) {
  if (!COORD_RULE_OR(rumour_is_told_once, !payload_, true)) return;
  payload_ = payload;
  interested_ = COORD_RULE_OR(rumour_who_hears_it_spreads_it, true, config_.mode == Mode::pull);
  actions.push_back(Delivered{payload});
  call_at_.reset();
  if (interested_ && config_.mode != Mode::pull) call_at_ = now + random_.between({}, config_.period);
}

void Rumour::on(Instant now, const Tick&, Actions& actions) {
  if (!call_at_ || now < *call_at_) return;
  call_at_ = now + config_.period;
  if (payload_) {
    if (!interested_) return call_at_.reset();
    actions.push_back(Send{somebody(), Tell{*payload_}});
  } else if (COORD_RULE(rumour_asks_only_so_long, asked_++ < config_.asks_for)) {
    actions.push_back(Send{somebody(), Ask{}});
    if (COORD_RULE_OR(rumour_asked_in_vain_asks_again, false, true)) call_at_.reset();
  } else {
    call_at_.reset();
  }
}

void Rumour::on(Instant now, const Receive& what, Actions& actions) {
  if (what.from == config_.group.self || !config_.group.knows(what.from)) return;
  if (const auto* tell = std::get_if<Tell>(&what.message)) {
    actions.push_back(Send{what.from, Heard{!payload_}});
    learn(now, tell->payload, actions);
  } else if (const auto* answer = std::get_if<Answer>(&what.message)) {
    actions.push_back(Send{what.from, Heard{!payload_}});
    learn(now, answer->payload, actions);
  } else if (const auto* heard = std::get_if<Heard>(&what.message)) {
    if (!heard->news) was_unnecessary();
  } else if (payload_ && interested_) {
    actions.push_back(Send{what.from, Answer{*payload_}});
  }
}

void Rumour::was_unnecessary() {
  if (++unnecessary_ >= config_.boring_after && COORD_RULE_OR(rumour_gets_boring, true, false))
    interested_ = false;
}

std::string text(const Rumour::Message& message) {
  if (const auto* tell = std::get_if<Rumour::Tell>(&message))
    return fmt::format("have you heard? {}", tell->payload);
  if (const auto* answer = std::get_if<Rumour::Answer>(&message))
    return fmt::format("yes: {}", answer->payload);
  if (const auto* heard = std::get_if<Rumour::Heard>(&message)) return heard->news ? "no, thanks" : "I knew";
  return "any news?";
}

}  // namespace coord::broadcast
