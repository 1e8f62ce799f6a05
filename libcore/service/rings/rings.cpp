// SPDX-License-Identifier: MIT
#include "service/rings/rings.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/ownership.hpp"
#include "service/words.hpp"

namespace coord::service {

namespace {

auto find(std::vector<RingHost>& hosts, NodeId host) {
  return std::ranges::find(hosts, host, &RingHost::host);
}

bool are_hosts(const std::vector<RingHost>& hosts, const Limits& limits, Token last) {
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const RingHost& each = hosts[i];
    if (i > 0 && hosts[i - 1].host >= each.host) return false;
    if (each.joined == Token{} || each.joined > last) return false;
    if (each.places == 0 || each.places > limits.ring_places) return false;
    if (each.zone.size() > limits.peer_bytes) return false;
  }
  return hosts.size() <= limits.ring_hosts;
}

// As its peer has told when it registered: before all that its tools order.
std::string zone_of(const CoreState& state, NodeId host) {
  const auto registration = state.registrations.find(host);
  return registration == state.registrations.end() ? "" : registration->second.zone;
}

// One change at a time: majorities of two sets that differ by more than a host need not meet.
bool is_changing(const Ring& ring) {
  return COORD_RULE_OR(ring_changes_one_at_a_time, !ring.before.empty(), false);
}

// Without any one of its hosts a majority of each key's copies is left. Else a host that came again would
// wait for what is nowhere, and the ring with it: the order was given twice, or its operator has not given
// the disk up for lost yet.
bool leaves_majorities(const Ring& ring) {
  constexpr std::size_t fewest_copies = 3;
  return std::min<std::size_t>(ring.replicas, ring.hosts.size()) >= fewest_copies;
}

// The same member, on the same disk, elsewhere on the circle or in another zone: as if it went and came, in
// one step. A set of copies is the best one by an order of hosts and zones; where one element of that is
// another, one host comes in and another one goes out at most, and so majorities of before and after meet.
void move(const JoinRing& body, Core& core, Step& step) {
  auto& rings = core.part<KeptRings>().rings;
  const auto found = rings.find(body.ring);
  if (found == rings.end())
    return step.effects.push_back(RingAnswered{step.to, Refusal::not_in_ring, Token{}});
  Ring& ring = found->second;
  const auto own = find(ring.hosts, body.host);
  if (own == ring.hosts.end())
    return step.effects.push_back(RingAnswered{step.to, Refusal::not_in_ring, ring.number});
  // Who it is stays: its keys are under that name on its disk.
  const RingHost then{
      body.host, COORD_RULE_OR(ring_who_moves_is_the_same_member, own->joined, core.next_token(step.index)),
      body.places == 0 ? own->places : body.places, zone_of(core.state(), body.host)};
  if (*own == then) return step.effects.push_back(RingAnswered{step.to, Refusal::none, ring.number});
  ring.before = ring.hosts;
  *own = then;
  ring.number = core.next_token(step.index);
  step.effects.push_back(RingChanged{body.ring});
  step.effects.push_back(RingAnswered{step.to, Refusal::none, ring.number});
}

}  // namespace

Refusal Rings::check(const std::string& ring, std::uint32_t uid, const std::string& user) const {
  if (!valid_name(ring, core_->limits())) return Refusal::invalid;
  if (!may_use(ring, uid, user)) return Refusal::not_yours;
  return core_->state().closed ? Refusal::moving : Refusal::none;
}

void Rings::changed(const std::string& name, Ring& ring, Step& step) {
  step.effects.push_back(RingChanged{name});
  step.effects.push_back(RingAnswered{step.to, Refusal::none, ring.number});
}

void Rings::on(const JoinRing& body, Step& step) {
  const Limits& limits = core_->limits();
  auto& rings = core_->part<KeptRings>().rings;
  Refusal why = check(body.ring, body.uid, body.user);
  const bool moves = body.replicas == 0;
  const bool fits = (moves || body.places > 0) && body.places <= limits.ring_places &&
                    body.replicas <= limits.ring_replicas;
  if (why == Refusal::none && !fits) why = Refusal::invalid;
  const auto found = rings.find(body.ring);
  const Token number = found == rings.end() ? Token{} : found->second.number;
  if (why == Refusal::none && !moves && found != rings.end()) {
    // Another command of its host has brought it in since this one has looked: on that disk it is not lost.
    const auto own = find(found->second.hosts, body.host);
    if (own != found->second.hosts.end() &&
        !COORD_RULE(ring_host_comes_instead_of_the_one_seen, own->joined == body.instead_of))
      return step.effects.push_back(RingAnswered{step.to, Refusal::none, number});
  }
  if (why == Refusal::none && found == rings.end() && rings.size() >= limits.rings)
    why = Refusal::too_many_values;
  if (why == Refusal::none && found != rings.end()) {
    if (is_changing(found->second)) why = Refusal::ring_is_changing;
    auto& hosts = found->second.hosts;
    if (hosts.size() >= limits.ring_hosts && find(hosts, body.host) == hosts.end())
      why = Refusal::too_many_values;
  }
  if (why == Refusal::none && moves) return move(body, *core_, step);
  if (why != Refusal::none) return step.effects.push_back(RingAnswered{step.to, why, number});
  if (found != rings.end() && find(found->second.hosts, body.host) != found->second.hosts.end() &&
      !COORD_RULE(ring_host_comes_again_beside_majorities, leaves_majorities(found->second)))
    return step.effects.push_back(RingAnswered{step.to, Refusal::none, number});
  Ring& ring = rings[body.ring];
  if (ring.number == Token{}) ring.replicas = body.replicas;
  ring.before = ring.hosts;
  ring.number = core_->next_token(step.index);
  const RingHost joins{body.host, ring.number, body.places, zone_of(core_->state(), body.host)};
  if (const auto old = find(ring.hosts, body.host); old != ring.hosts.end()) {
    *old = joins;  // its disk is another one
  } else {
    ring.hosts.insert(std::ranges::lower_bound(ring.hosts, body.host, {}, &RingHost::host), joins);
  }
  changed(body.ring, ring, step);
}

void Rings::on(const LeaveRing& body, Step& step) {
  auto& rings = core_->part<KeptRings>().rings;
  Refusal why = check(body.ring, body.uid, body.user);
  const auto found = rings.find(body.ring);
  const Token number = found == rings.end() ? Token{} : found->second.number;
  // It was looked at then: what has come since is not known to who orders.
  const bool was_seen =
      COORD_RULE(ring_is_discarded_as_it_was_seen, body.number == Token{} || body.number == number);
  if (why == Refusal::none) {
    if (found == rings.end() || find(found->second.hosts, body.host) == found->second.hosts.end()) {
      why = Refusal::not_in_ring;
    } else if (!was_seen) {
      why = Refusal::wrong_version;
    } else if (is_changing(found->second)) {
      why = Refusal::ring_is_changing;
    } else if (found->second.hosts.size() == 1 && !body.discard) {
      why = Refusal::last_in_ring;
    }
  }
  if (why != Refusal::none) return step.effects.push_back(RingAnswered{step.to, why, number});
  Ring& ring = found->second;
  if (ring.hosts.size() == 1) {
    Ring gone;
    gone.number = core_->next_token(step.index);
    rings.erase(found);
    return changed(body.ring, gone, step);
  }
  ring.before = ring.hosts;
  ring.hosts.erase(find(ring.hosts, body.host));
  ring.number = core_->next_token(step.index);
  changed(body.ring, ring, step);
}

void Rings::on(const SettleRing& body, Step& step) {
  auto& rings = core_->part<KeptRings>().rings;
  Refusal why = check(body.ring, body.uid, body.user);
  const auto found = rings.find(body.ring);
  const Token number = found == rings.end() ? Token{} : found->second.number;
  const bool changes = found != rings.end() && !found->second.before.empty();
  const bool is_this = found != rings.end() && body.number == number && (changes || body.renumbers);
  if (why == Refusal::none && !COORD_RULE(ring_settles_the_change_that_was_named, is_this))
    why = Refusal::wrong_version;
  // It would end the change before anything is handed over.
  if (why == Refusal::none && !COORD_RULE(ring_is_renumbered_between_changes, !(changes && body.renumbers)))
    why = Refusal::ring_is_changing;
  if (why != Refusal::none) return step.effects.push_back(RingAnswered{step.to, why, number});
  Ring& ring = found->second;
  ring.before.clear();
  ring.number = core_->next_token(step.index);
  changed(body.ring, ring, step);
}

Status Rings::rebuild(Rebuild& rebuild) {
  const auto& rings = std::as_const(*core_).part<KeptRings>().rings;
  const Limits& limits = core_->limits();
  const Token last = core_->state().last_token;
  if (rings.size() > limits.rings) return inconsistent("more rings than there may be");
  for (const auto& [name, ring] : rings) {
    if (!valid_name(name, limits) || ring.replicas == 0 || ring.replicas > limits.ring_replicas)
      return inconsistent("a ring beyond its bounds");
    if (ring.number == Token{} || ring.number > last || !rebuild.is_new(ring.number))
      return inconsistent("a ring whose number was not given, or twice");
    if (ring.hosts.empty() || !are_hosts(ring.hosts, limits, last) || !are_hosts(ring.before, limits, last))
      return inconsistent("a ring whose hosts cannot be");
  }
  return done();
}

void Rings::list_staying(Words& words) const {
  for (const auto& [name, ring] : std::as_const(*core_).part<KeptRings>().rings)
    words.add("ring", name, nullptr);
}

RingView Rings::answer(const GetRing& question) const {
  const auto& rings = std::as_const(*core_).part<KeptRings>().rings;
  const auto found = rings.find(question.ring);
  if (found == rings.end()) return {question.ring, {}, 0, {}, {}};
  const Ring& ring = found->second;
  return {question.ring, ring.number, ring.replicas, ring.hosts, ring.before};
}

}  // namespace coord::service
