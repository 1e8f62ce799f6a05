// SPDX-License-Identifier: MIT
#include "replica/client.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

namespace {

constexpr std::size_t commands_bytes = 256 * 1024;  // far below a frame

const char* text_of(Rejected::Why why, bool here) {
  if (why == Rejected::Why::majority_full)
    return "fewer than a majority of the peers have room on their disks";
  return here ? "the disk is nearly full" : "the leader's disk is nearly full";
}

}  // namespace

std::uint64_t Client::draw_life(Random& random) {
  std::uint64_t life = 0;
  while (life == 0) life = random.next();
  return life;
}

void Client::begin_anew(std::uint64_t life, Actions& out) {
  life_ = life;
  id_ = {};
  register_sent_.reset();
  next_sequence_ = 1;
  for (const auto& [sequence, pending] : std::exchange(pending_, {}))
    out.push_back(Outcome{pending.ticket, {}, "this host was forgotten meanwhile: try again"});
}

// ---- what the desk says

void Client::submit(const Submit& event, Actions& out) {
  if (queued_.size() >= config_.queued) {
    out.push_back(Outcome{event.ticket, {}, "too many commands are on their way: try again later"});
    return;
  }
  queued_.push_back(Queued{event.ticket, event.body});
}

void Client::retract(const Retract& event, const service::StateMachine& machine, WallTime wall,
                     Actions& out) {
  const auto queued = std::ranges::find(queued_, event.ticket, &Queued::ticket);
  if (queued != queued_.end()) {
    queued_.erase(queued);
    out.push_back(Outcome{event.ticket, {}, "nobody waits for it any more"});
    return;
  }
  const auto found = std::ranges::find_if(
      pending_, [&](const auto& pending) { return pending.second.ticket == event.ticket; });
  if (found != pending_.end()) replace(found->first, found->second, machine.level(), wall);
}

// By a command that does nothing, under the same number.
void Client::replace(std::uint64_t sequence, Pending& pending, Level level, WallTime wall) {
  pending.command = encoded(sequence, pending_.begin()->first - 1, service::Renew{}, level, wall);
  pending.level = level;
  pending.sent.reset();
}

Bytes Client::encoded(std::uint64_t sequence, std::uint64_t acknowledged, service::Body body, Level level,
                      WallTime wall) const {
  service::Command command;
  command.node = config_.self;
  command.client = id_;
  command.sequence = sequence;
  command.acknowledged = acknowledged;
  command.wall = wall;
  command.body = std::move(body);
  return wire::encode(command, level);
}

// ---- on the way into the log

// A group begins at level 1, which has no word for it.
bool Client::has_told_its_zone(const service::StateMachine& machine) const {
  const auto& registrations = machine.state().registrations;
  const auto own = registrations.find(config_.self);
  return machine.level() < 2 || config_.zone.empty() || own == registrations.end() ||
         own->second.nonce != life_ || own->second.zone == config_.zone;
}

std::optional<Bytes> Client::registration(Instant now, Target target, const service::StateMachine& machine,
                                          WallTime wall) {
  is_registering_ = id_ == service::ClientId{} || !has_told_its_zone(machine);
  if (!is_registering_) return std::nullopt;
  if (register_sent_ && register_sent_to_ == target && now < *register_sent_ + config_.resend)
    return std::nullopt;
  register_sent_ = now;
  register_sent_to_ = target;
  service::Command command;
  command.node = config_.self;
  command.wall = wall;
  register_replaces_ = machine.registration(config_.self);
  command.body = service::Register{config_.self,    life_, register_replaces_, config_.knows, config_.name,
                                   config_.address, {},    config_.zone};
  return wire::encode(command, machine.level());
}

// A ring that this host comes into goes by the zone that it has told: that is said first.
void Client::admit(const service::StateMachine& machine, WallTime wall) {
  if (id_ == service::ClientId{} || !has_told_its_zone(machine)) return;
  while (!queued_.empty() && pending_.size() < config_.in_flight) {
    if (!pending_.empty() && next_sequence_ - pending_.begin()->first >= config_.in_flight) break;
    Queued next = std::move(queued_.front());
    queued_.pop_front();
    const std::uint64_t sequence = next_sequence_++;
    const std::uint64_t acknowledged = pending_.empty() ? sequence - 1 : pending_.begin()->first - 1;
    Pending pending;
    pending.ticket = next.ticket;
    pending.command = encoded(sequence, acknowledged, std::move(next.body), machine.level(), wall);
    pending.level = machine.level();
    pending_.emplace(sequence, std::move(pending));
  }
}

std::vector<std::vector<Bytes>> Client::due(Instant now, Target target) {
  std::vector<std::vector<Bytes>> messages;
  std::size_t bytes = 0;
  for (auto& [sequence, pending] : pending_) {
    const bool same = pending.sent && pending.sent_to == target;
    if (same && now < *pending.sent + config_.resend) continue;
    if (messages.empty() || bytes + pending.command.size() > commands_bytes) {
      messages.emplace_back();
      bytes = 0;
    }
    pending.sent = now;
    ++pending.sends;
    pending.sent_to = target;
    bytes += pending.command.size();
    messages.back().push_back(pending.command);
  }
  return messages;
}

std::optional<Instant> Client::next_resend() const {
  std::optional<Instant> next;
  if (is_registering_ && register_sent_) next = *register_sent_ + config_.resend;
  for (const auto& [sequence, pending] : pending_) {
    if (pending.sent && (!next || *pending.sent + config_.resend < *next))
      next = *pending.sent + config_.resend;
  }
  return next;
}

void Client::sent_in_vain_to(NodeId node) {
  for (auto& [sequence, pending] : pending_) {
    if (pending.sent_to.to == node) pending.sent.reset();
  }
  if (register_sent_to_.to == node) register_sent_.reset();
}

void Client::level_has_changed(const service::StateMachine& machine) {
  for (auto& [sequence, pending] : pending_) {
    const auto command = wire::decode<service::Command>(pending.command, {.version = pending.level});
    COORD_CHECK(command.ok());
    pending.command = wire::encode(*command, machine.level());
    pending.level = machine.level();
    pending.sent.reset();
  }
  register_sent_.reset();  // it may have a word now for what is to be told
}

// ---- what came of it

void Client::applied(const service::Command& command, const service::Effects& effects,
                     const service::StateMachine& machine, Actions& out) {
  for (const service::Effect& effect : effects) {
    if (const auto* registered = std::get_if<service::Registered>(&effect)) {
      if (registered->node == config_.self && registered->nonce == life_) id_ = registered->client;
    } else if (const auto* refused = std::get_if<service::NotRegistered>(&effect)) {
      // What this peer knew of itself was old: again, with what it has learnt.
      if (refused->node == config_.self && refused->nonce == life_ && refused->current != register_replaces_)
        register_sent_.reset();
    }
  }
  if (command.client == service::ClientId{} || command.client != id_) return;
  const auto found = pending_.find(command.sequence);
  if (found == pending_.end()) return;
  const service::Outcome what = machine.outcome(config_.self, id_, command.sequence);
  out.push_back(Outcome{found->second.ticket, what, why_not(found->second, what)});
  pending_.erase(found);
}

std::string Client::why_not(const Pending& pending, const service::Outcome& what) {
  return what.kind == service::OutcomeKind::renewed ? pending.rejected : std::string();
}

void Client::replaced(const service::StateMachine& machine, Actions& out) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const service::Outcome what = machine.outcome(config_.self, id_, it->first);
    if (what.kind == service::OutcomeKind::pending) {
      ++it;
      continue;
    }
    out.push_back(Outcome{it->second.ticket, what, why_not(it->second, what), true});
    it = pending_.erase(it);
  }
}

// Of what was sent more than once an older copy may be in a log: whoever asked is told when that is decided.
void Client::reject(const Rejected& rejected, bool here, const service::StateMachine& machine, WallTime wall,
                    Actions& out) {
  const bool is_ours = rejected.client == service::ClientId{} || rejected.client == id_;
  if (!COORD_RULE(answers_of_this_registration, is_ours)) return;
  const std::string why = fmt::format("{}: free some space there", text_of(rejected.why, here));
  for (const std::uint64_t sequence : rejected.sequences) {
    const auto found = pending_.find(sequence);
    if (found == pending_.end()) continue;
    if (found->second.sends > 1) {
      found->second.rejected = why;
      replace(found->first, found->second, machine.level(), wall);
    } else {
      out.push_back(Outcome{found->second.ticket, {}, why});
      pending_.erase(found);
    }
  }
}

}  // namespace coord::replica
