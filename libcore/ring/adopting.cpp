// SPDX-License-Identifier: MIT
// A change that goes on without hosts that are lost for good.
//
// Problem: a host that comes or goes waits for those who have the keys, and who has lost its disk never
// answers. The obvious answer, the operator's word that hosts are lost, costs acknowledged writes when that
// word is wrong: a host that lives may have the only copy. Algorithm: each host that is to go on without them
// asks them first, whatever the operator has said. One that answers, whatever it knows of the ring, is not
// lost: the change waits for it as for any other one. Only a host that knows that its disk is another one,
// and reads nothing anew, does not answer: all would wait for it for ever.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration living_answer_within = std::chrono::seconds(2);
constexpr Duration asked_again_after = std::chrono::milliseconds(500);
// A host that was silent is not asked again for the next step of the same command.
constexpr Duration silence_counts_for = std::chrono::minutes(1);

}  // namespace

void Replicas::begin_adopting(const std::string& name, Ring& ring, std::set<NodeId> lost,
                              std::shared_ptr<Work> work) {
  if (ring.doubt && ring.doubt->work)
    tell(*ring.doubt->work, Refused{Why::busy, "another command asks for the same"});
  ring.doubt = Doubt{std::move(lost), ++last_, now_ + living_answer_within, now_, std::move(work)};
  const auto is_silent = [this](NodeId host) {
    const auto silent = silent_.find(host);
    return silent != silent_.end() && now_ - silent->second <= silence_counts_for;
  };
  if (std::ranges::all_of(ring.doubt->lost, is_silent)) return go_on_without(name, ring);
  tick_adopting(name, ring);
}

void Replicas::tick_adopting(const std::string& name, Ring& ring) {
  if (!ring.doubt) return;
  if (ring.doubt->until <= now_) return go_on_without(name, ring);
  if (ring.doubt->again > now_) return;
  ring.doubt->again = now_ + asked_again_after;
  for (const NodeId host : ring.doubt->lost) send(host, copies::AskLiving{ring.doubt->operation, name});
}

// A host whose disk is another one has lost what it kept, though it answers.
bool Replicas::has_lost_its_disk(const std::string& name) const {
  const auto found = rings_.find(name);
  if (found == rings_.end() || !memberships_) return false;
  const Ring& ring = found->second;
  // Only behind: it came in later than the ring that it knows.
  if (const auto joined = memberships_->find(name);
      joined != memberships_->end() && joined->second > own(ring)->joined.value)
    return false;
  // Who was a member before gains a few arcs by this change, and does not come again by it.
  const Host* before = ring.placement.earlier_member(self_);
  const bool comes = before == nullptr || *before != *own(ring);
  const bool reads_all_anew = ring.is_marking || (comes && ring.placement.gainers().contains(*own(ring)));
  return COORD_RULE(ring_host_with_its_disk_is_not_lost, !is_complete(name, ring)) && !reads_all_anew;
}

void Replicas::receive(NodeId from, copies::AskLiving&& message) {
  if (has_lost_its_disk(message.ring)) return;
  send(from, copies::Living{message.operation});
}

void Replicas::receive(NodeId from, copies::Living&& message) {
  if (graves_.contains(message.operation)) return other_has_said(message.operation, from);
  for (auto& [name, ring] : rings_) {
    if (!ring.doubt || ring.doubt->operation != message.operation || !ring.doubt->lost.contains(from))
      continue;
    if (!COORD_RULE_OR(ring_living_host_is_not_lost, true, false)) return;
    const std::shared_ptr<Work> work = std::move(ring.doubt->work);
    ring.doubt.reset();
    if (work) tell(*work, Refused{Why::living, fmt::format("{} answers: it is not lost", name_of(from))});
    return;
  }
}

// None of them has answered.
void Replicas::go_on_without(const std::string& name, Ring& ring) {
  const Doubt doubt = std::move(*ring.doubt);
  ring.doubt.reset();
  for (const NodeId host : doubt.lost) silent_[host] = now_;
  const Token number =
      doubt.work ? std::get<AwaitHandOver>(doubt.work->what).number : ring.placement.number();
  if (ring.placement.is_changing() && number != Token{}) {
    ring.lost = doubt.lost;
    ring.adopts = ring.adopts || doubt.work;
    tell_adopting(name, ring);
  }
  if (doubt.work) ring.awaiting.emplace_back(number, doubt.work);
  check_hand_over(name, ring);
}

void Replicas::tell_adopting(const std::string& name, const Ring& ring) {
  if (!ring.adopts) return;
  for (const Host& other : ring.placement.all()) {
    if (other.host != self_ && !ring.lost.contains(other.host))
      send(other.host, copies::Adopting{name, ring.placement.number(), {ring.lost.begin(), ring.lost.end()}});
  }
}

void Replicas::receive(NodeId from, copies::Adopting&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || !ring->placement.is_changing() || ring->doubt) return;
  if (ring->placement.member(from) == nullptr && ring->placement.earlier_member(from) == nullptr) return;
  std::set<NodeId> lost(message.lost.begin(), message.lost.end());
  if (ring->lost != lost) begin_adopting(message.ring, *ring, std::move(lost), nullptr);
}

}  // namespace coord::ring
