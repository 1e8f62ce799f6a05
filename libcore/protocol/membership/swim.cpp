// SPDX-License-Identifier: MIT
#include "protocol/membership/swim.hpp"

#include <algorithm>
#include <iterator>

#include "base/rule.hpp"

namespace coord::membership {

namespace {

// The numbers of a life begin anywhere, so that an answer to an earlier one fits none of this one's.
std::uint64_t first_number(Random& random) {
  return random.next() >> 12U;
}

}  // namespace

Swim::Swim(Instant now, Config config, std::optional<Incarnation> stored)
    : config_(std::move(config)),
      random_(config_.seed),
      roster_(config_.founders),
      incarnation_(COORD_RULE_OR(
          swim_incarnation_survives_a_restart,
          Incarnation{stored ? std::min(stored->value + 1, last_incarnation.value) : 0}, Incarnation{})),
      is_new_life_(stored.has_value()),
      last_number_(first_number(random_)),
      now_(now) {
  COORD_CHECK(config_.time_out > Duration{} && config_.time_out < config_.period);
  COORD_CHECK(config_.gossip > Duration{} && config_.compare > Duration{});
  period_at_ = now + random_.between(Duration{}, config_.period);
  gossip_at_ = now + random_.between(Duration{}, config_.gossip);
  compare_at_ = now + random_.between(Duration{}, is_new_life_ ? config_.period : config_.compare);
  forget_at_ = now + config_.remember / 8;
  soon_ = config_.period;
  call_at_ = now;
  call_again_ = config_.gossip;
}

// Its own place in the roster is as any other's; a founder's first life is known to all already.
void Swim::begin() {
  begun_ = true;
  const bool is_known = roster_.find(config_.self).has_value();
  actions_.push_back(Persist{incarnation_});
  roster_.set(config_.self, {incarnation_, State::alive, now_});
  if (is_new_life_ || !is_known) queue_.put({config_.self, incarnation_, State::alive, config_.self});
}

Swim::Actions Swim::step(Instant now, const Event& event) {
  now_ = now;
  actions_.clear();
  if (leaving_ == Leaving::gone) return {};
  if (!begun_) begin();
  notice_own_pause();
  std::visit([&](const auto& what) { on(what); }, event);
  gossip_at_ = std::max(gossip_at_, now_);  // the news of this step was not due before it
  return std::move(actions_);
}

std::optional<Instant> Swim::deadline() const {
  if (leaving_ == Leaving::gone) return std::nullopt;
  Instant first = forget_at_;
  if (leaving_ == Leaving::no) first = std::min({first, period_at_, compare_at_});
  if (!queue_.empty() || leaving_ == Leaving::telling) first = std::min(first, gossip_at_);
  if (calls_contacts()) first = std::min(first, call_at_);
  if (probe_) first = std::min(first, probe_->helpers_asked ? probe_->ends : probe_->direct_ends);
  if (!ends_.empty()) first = std::min(first, ends_.begin()->first);
  for (const auto& [number, relayed] : relayed_)
    first = std::min(first, relayed.told ? relayed.ends : relayed.nack_at);
  return first;
}

double Swim::phi(Instant now, NodeId node) const {
  const auto found = arrivals_.find(node);
  return found == arrivals_.end() ? 0 : found->second.phi(now);
}

// It heard nothing because it did not listen (SIGSTOP, a suspended machine, a starved one): what it was
// waiting for says nothing of the others, and who was suspected has the time of the pause again.
void Swim::notice_own_pause() {
  const Duration late = now_ - *deadline();
  if (!COORD_RULE_OR(swim_own_pause_accuses_nobody, late > config_.own_pause, false)) return;
  probe_.reset();
  relayed_.clear();
  period_at_ = gossip_at_ = now_;
  ends_.clear();
  for (auto& [node, suspicion] : suspicions_) {
    suspicion.was_paused(late);
    ends_.emplace(suspicion.ends(), node);
  }
  worse(1);
}

void Swim::on(const Leave&) {
  if (leaving_ != Leaving::no) return;
  leaving_ = Leaving::telling;
  rounds_to_leave_ = tell_limit(roster_.present(), config_.tell_factor);
  roster_.set(config_.self, {incarnation_, State::left, now_});
  queue_.put({config_.self, incarnation_, State::left, config_.self});
  probe_.reset();
  gossip_at_ = now_;
  gossip();
}

void Swim::on(const Receive& receive) {
  if (receive.from == config_.self) return;
  has_heard_ = true;
  const auto known = roster_.find(receive.from);
  if (config_.keeps_phi && known) {
    const auto expected =
        config_.period * static_cast<Duration::rep>(std::max<std::size_t>(roster_.present(), 2)) / 2;
    const auto arrivals =
        arrivals_.try_emplace(receive.from, Arrivals::Config{Distribution::exponential, expected, 32, {}})
            .first;
    arrivals->second.heard(now_, !is_present(known->state));
  }
  std::visit([&](const auto& message) { this->receive(receive.from, message); }, receive.message);
}

void Swim::on(const Tick&) {
  expire_suspicions();
  relay_overdue();
  if (leaving_ == Leaving::no) advance_probe();
  gossip();
  call_contacts();
  if (now_ >= compare_at_ && leaving_ == Leaving::no) compare();
  if (now_ < forget_at_) return;
  forget_at_ = now_ + config_.remember / 8;
  roster_.forget_dead_before(now_ - config_.remember);
  std::erase_if(arrivals_, [&](const auto& entry) { return !roster_.find(entry.first); });
}

void Swim::send(NodeId to, Message message) {
  actions_.push_back(Send{to, std::move(message)});
}

// Up to so many different others. In a large group by lot, which a few dead do not disturb; in a small one
// all are looked at.
template <class Wanted>
std::vector<NodeId> Swim::draw(std::size_t count, const Wanted& wanted) {
  constexpr std::size_t small = 64, draws_each = 16;
  std::vector<NodeId> drawn;
  const auto take = [&](NodeId node) {
    if (node == config_.self || std::ranges::find(drawn, node) != drawn.end()) return;
    if (wanted(node, *roster_.find(node))) drawn.push_back(node);
  };
  if (roster_.size() <= small) {
    const Shuffle order(roster_.size(), random_.next());
    for (std::size_t i = 0; i < roster_.size() && drawn.size() < count; ++i) take(roster_.at(order(i)));
  } else {
    for (std::size_t i = 0; i < draws_each * count && drawn.size() < count; ++i)
      take(roster_.at(random_.below(roster_.size())));
  }
  return drawn;
}

void Swim::ask_helpers() {
  Probe& probe = *probe_;
  probe.helpers_asked = true;
  for (const NodeId helper : draw(config_.helpers, [&](NodeId node, const Member&member) {
         return node != probe.target && member.state == State::alive;
       })) {
    probe.helpers.insert(helper);
    send(helper, PingRequest{probe.number, probe.target, news_for(helper)});
  }
  probe.silent_helpers = probe.helpers;
  if (config_.stream_ping) send(probe.target, StreamPing{probe.number});
}

// Those who died lately too: who is held dead by mistake hears it and denies it.
void Swim::gossip() {
  if (now_ < gossip_at_) return;
  gossip_at_ = now_ + config_.gossip;
  if (!queue_.empty()) {
    const Duration lately = 30 * config_.period;
    for (const NodeId to : draw(config_.fan_out, [&](NodeId, const Member& member) {
           return is_present(member.state) || (member.state == State::dead && now_ - member.since < lately);
         })) {
      Rumours news = news_for(to);
      if (!news.empty()) send(to, Gossip{std::move(news)});
    }
  }
  if (leaving_ != Leaving::telling || rounds_to_leave_-- > 0) return;
  leaving_ = Leaving::gone;
  actions_.push_back(Departed{});
}

bool Swim::calls_contacts() const {
  return !has_heard_ && leaving_ == Leaving::no && !config_.contacts.empty();
}

// As long as it has heard nobody, ever more seldom: those that it holds alive may be gone for good, and
// nobody would hear that it has come.
void Swim::call_contacts() {
  if (!calls_contacts() || now_ < call_at_) return;
  call_at_ = now_ + call_again_;
  call_again_ = std::min(2 * call_again_, config_.compare);
  std::set<NodeId> called;
  for (std::size_t i = 0; i < config_.fan_out; ++i)
    called.insert(config_.contacts[random_.below(config_.contacts.size())]);
  called.erase(config_.self);
  for (const NodeId to : called) send(to, Gossip{{{config_.self, incarnation_, State::alive, config_.self}}});
}

// Of its contacts one of which it has heard nothing, nor heard anybody speak.
std::optional<NodeId> Swim::stranger() {
  std::vector<NodeId> strangers;
  std::ranges::copy_if(config_.contacts, std::back_inserter(strangers),
                       [this](NodeId node) { return !roster_.find(node); });
  if (strangers.empty()) return std::nullopt;
  return strangers[random_.below(strangers.size())];
}

// Every other time with one that is held dead, if there is any: after a partition somebody has to begin. As
// long as it has heard nobody, with a contact as often: the founders, taken for alive, may be gone for good.
// Those that then begin at once find each other by pairs: of two islands all members have heard somebody, and
// none of the other island is in anybody's table. So every other time it is a contact that nobody here knows,
// soon at first.
void Swim::compare() {
  compare_at_ = now_ + config_.compare;
  for (const NodeId node : gone_)
    if (const auto known = roster_.find(node); known && known->state == State::dead)
      roster_.set(node, {known->incarnation, State::left, now_});
  const bool with_dead = roster_.dead() > 0 && random_.chance(0.5);
  auto drawn = draw(1, [&](NodeId, const Member& member) {
    return with_dead ? member.state == State::dead : is_present(member.state);
  });
  if (!config_.contacts.empty() && (drawn.empty() || (!has_heard_ && random_.chance(0.5)))) {
    compare_at_ = now_ + 2 * config_.period;
    drawn.assign(1, config_.contacts[random_.below(config_.contacts.size())]);
  }
  if (const auto unknown = stranger(); unknown && has_heard_) {
    soon_ = std::min(2 * soon_, config_.compare);
    compare_at_ = now_ + soon_;
    if (random_.chance(0.5)) drawn.assign(1, *unknown);
  }
  for (const NodeId with : drawn) {
    if (with != config_.self) send(with, Compare{roster_.digest()});
  }
}

}  // namespace coord::membership
