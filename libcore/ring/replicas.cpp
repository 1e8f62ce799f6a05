// SPDX-License-Identifier: MIT
#include "ring/replicas.hpp"

#include <algorithm>

#include "base/rule.hpp"
#include "wire/codec.hpp"

namespace coord::ring {

namespace {

constexpr Duration tick_every = std::chrono::milliseconds(250);
constexpr Duration links_every =
    std::chrono::seconds(20);            // a link is closed that is idle for longer than that
constexpr std::size_t most_linked = 64;  // hosts

}  // namespace

// ---- what the group has agreed on

const Host* Replicas::own(const Ring& ring) const {
  const Host* host = ring.placement.member(self_);
  return host != nullptr ? host : ring.placement.earlier_member(self_);
}

bool Replicas::is_complete(const std::string& name, const Ring& ring) const {
  const Host* host = own(ring);
  if (host == nullptr || !memberships_) return false;
  const auto joined = memberships_->find(name);
  const bool is_marked = joined != memberships_->end() && joined->second == host->joined.value;
  // A disk that was lost answers for nothing that was on it.
  return COORD_RULE(ring_incomplete_copy_is_silent, is_marked) && !is_closed(name, ring);
}

void Replicas::look_at(Instant now, const service::KeptRings* rings, Token last) {
  now_ = now;
  if (rings == nullptr) return;
  const service::KeptRings& kept = *rings;
  Token newest{};
  for (const auto& [name, ring] : kept.rings) newest = std::max(newest, ring.number);
  if (newest != seen_ || kept.rings.size() != rings_seen_) {
    seen_ = newest;
    rings_seen_ = kept.rings.size();
    for (const auto& [name, ring] : kept.rings) agreed(name, ring);
    for (const auto& [name, ring] : rings_) {
      if (!kept.rings.contains(name)) membership_ended(name, ring);
    }
    std::erase_if(rings_, [&](const auto& ring) { return !kept.rings.contains(ring.first); });
  }
  const bool has_heard = std::exchange(last_given_, last) != last;
  if (has_heard) {
    for (auto& work : std::exchange(unheard_of_, {})) begin(std::move(work));
  }
  forget_ended();
}

// The group has heard that this host came in, and it is in no more: it has left, or the ring has ended.
// Whoever ordered that may be gone before it could tell the disk.
void Replicas::forget_ended() {
  if (!memberships_ || now_ < forget_again_) return;
  for (const auto& [name, joined] : *memberships_) {
    if (joined > last_given_.value || rings_.contains(name) || is_mark_of_closed(name, joined)) continue;
    if (forgetting_.insert(name).second) set_member(name, 0);
  }
}

void Replicas::agreed(const std::string& name, const service::Ring& ring) {
  const auto is_self = [this](const Host& host) { return host.host == self_; };
  if (std::ranges::none_of(ring.hosts, is_self) && std::ranges::none_of(ring.before, is_self)) {
    if (const auto found = rings_.find(name); found != rings_.end()) {
      membership_ended(name, found->second);
      rings_.erase(found);
    }
    return;
  }
  if (!memberships_) set_member({}, 0);
  const bool is_new = !rings_.contains(name);
  Ring& mine = rings_[name];
  if (mine.placement.number() == ring.number) return;
  mine.placement = Placement(ring);
  mine.members.reset();
  mine.lost.clear();
  if (mine.doubt && mine.doubt->work) {
    mine.awaiting.emplace_back(std::get<AwaitHandOver>(mine.doubt->work->what).number, mine.doubt->work);
  }
  mine.doubt.reset();
  mine.adopts = false;
  mine.have_read.clear();
  mine.gains.clear();
  std::erase_if(row_asks_, [&](const auto& asked) { return asked.second == std::pair(name, true); });
  mine.reading.next.clear();
  forget_gone(mine);
  for (auto& [host, source] : mine.repair) {
    if (source.is_compared || source.operation == 0) continue;
    row_asks_.erase(source.operation);
    source.operation = 0;
  }
  if (mine.placement.is_changing()) begin_gaining(name, mine);
  if (is_new) begin_repair(name, mine, std::nullopt);
  begin_giving_back(name, mine);
  for (auto& [id, operation] : operations_) {
    if (operation.ring == name) operation.again = now_;
  }
  check_hand_over(name, mine);
  tick_at_ = now_;
}

// Who is in no more has nothing to say of what was missed; who has moved is the same one, elsewhere.
void Replicas::forget_gone(Ring& ring) {
  const Hosts all = ring.placement.all();
  for (auto source = ring.repair.begin(); source != ring.repair.end();) {
    const auto found = std::ranges::find(all, source->first, &Host::host);
    if (found != all.end()) {
      source->second.host = *found;
      ++source;
    } else {
      row_asks_.erase(source->second.operation);
      source = ring.repair.erase(source);
    }
  }
}

Replicas::Standing Replicas::standing(const std::string& ring) const {
  if (!memberships_) return Standing::unknown;
  if (rings_.contains(ring)) return Standing::member;
  // It was a member, and the group has not said yet that it is none any more: this peer has just begun.
  return memberships_->contains(ring) ? Standing::unknown : Standing::alone;
}

std::string Replicas::stored_ring(const std::string& ring) const {
  const auto found = rings_.find(ring);
  if (found != rings_.end()) return joined_ring(ring, own(found->second)->joined.value);
  // As the disk says, as long as the group says nothing.
  const bool was_member = memberships_ && memberships_->contains(ring);
  return was_member ? joined_ring(ring, memberships_->at(ring)) : ring;
}

bool Replicas::needs_no_other(const Work& work) {
  const auto* list = std::get_if<List>(&work.what);
  return std::holds_alternative<AskStatus>(work.what) || (list != nullptr && list->local);
}

// Whom else to ask is not known yet. What one copy says is enough, if it has it.
bool Replicas::may_be_told_here(const Work& work) const {
  if (!memberships_) return false;
  const auto* get = std::get_if<Get>(&work.what);
  const bool was_looked_for = !work.stored_ring.empty();
  return needs_no_other(work) || (get != nullptr && get->consistency == Consistency::one && !was_looked_for);
}

// Of what was asked here because nobody else was known: a key that is not on this disk may be on another one,
// and what is here counts no more once the group has said whose it is, for this host may be out of the ring.
bool Replicas::is_told_by_disk(const Work& work) const {
  const auto* get = std::get_if<Get>(&work.what);
  if (get == nullptr || work.stored_ring.empty() || work.stored_ring == get->ring) return true;
  return standing(get->ring) == Standing::unknown &&
         COORD_RULE(ring_key_that_is_not_here_may_be_elsewhere, !std::holds_alternative<Absent>(work.answer));
}

// Of whoever speaks of it with the same number.
Replicas::Ring* Replicas::member_ring(const std::string& name, Token number) {
  const auto found = rings_.find(name);
  if (found == rings_.end()) return nullptr;
  return COORD_RULE(ring_answers_for_its_number_only, found->second.placement.number() == number)
             ? &found->second
             : nullptr;
}

// Without a name: reads what the disk says.
void Replicas::set_member(const std::string& ring, std::uint64_t joined) {
  if (ring.empty()) {
    if (std::exchange(reads_memberships_, true)) return;
    return perform(ReadMemberships{}, [this](InnerWork& work) {
      reads_memberships_ = false;
      if (work.failed) {
        read_memberships_again_ = now_ + tick_every;
        tick_at_ = tick_at_.value_or(read_memberships_again_);
        for (const Held& held : std::exchange(held_, {})) {
          released_ += held.work->value.size();
          tell(*held.work, Refused{Why::failed, work.failed->text()});
        }
        return;
      }
      memberships_ = std::move(std::get<ReadMemberships>(work.what).joined);
      seen_ = {};  // look again
      is_unclean_ = true;
      for (auto& [name, each] : rings_) {
        if (each.placement.is_changing()) begin_gaining(name, each);
        begin_repair(name, each, std::nullopt);
        begin_giving_back(name, each);
      }
      forget_ended();
    });
  }
  perform(SetMembership{ring, joined}, [this](InnerWork& work) {
    const auto& set = std::get<SetMembership>(work.what);
    if (rings_.contains(set.ring)) rings_.at(set.ring).is_marking = false;
    forgetting_.erase(set.ring);
    if (work.failed) forget_again_ = now_ + tick_every;
    if (work.failed || !memberships_) return;
    // Closed again since: its mark is behind this one on its way to the disk.
    const auto mark = memberships_->find(set.ring);
    if (set.joined == 0 && mark != memberships_->end() && is_mark_of_closed(set.ring, mark->second)) return;
    memberships_->erase(set.ring);
    if (set.joined != 0) memberships_->emplace(set.ring, set.joined);
    is_unclean_ = true;
    if (rings_.contains(set.ring)) check_hand_over(set.ring, rings_.at(set.ring));
  });
}

void Replicas::hold(std::shared_ptr<Work> work) {
  const std::optional<Duration> patience = std::visit(
      [](const auto& what) -> std::optional<Duration> {
        if constexpr (requires { what.patience; }) return what.patience;
        return std::nullopt;
      },
      work->what);
  held_.push_back({std::move(work), patience ? std::optional(now_ + *patience) : std::nullopt});
}

std::vector<std::shared_ptr<Work>> Replicas::take_ready() {
  std::vector<std::shared_ptr<Work>> ready;
  if (held_.empty()) return ready;
  if (!memberships_) set_member({}, 0);
  std::vector<Held> waits;
  for (Held& held : std::exchange(held_, {})) {
    const std::string& ring =
        std::visit([](const auto& what) -> const std::string& { return what.ring; }, held.work->what);
    if (standing(ring) != Standing::unknown || may_be_told_here(*held.work)) {
      // What is left of its patience.
      std::visit(
          [&](auto& what) {
            if constexpr (requires { what.patience; }) {
              if (held.until) what.patience = std::max(Duration::zero(), *held.until - now_);
            }
          },
          held.work->what);
      ready.push_back(std::move(held.work));
    } else if (held.until && *held.until <= now_) {
      released_ += held.work->value.size();
      tell(*held.work, NoQuorum{"this host is in the ring, and does not know the others yet"});
    } else {
      waits.push_back(std::move(held));
    }
  }
  held_ = std::move(waits);
  return ready;
}

void Replicas::answer_status(StatusOf& status, const std::string& ring) const {
  status.names = names_;
  const auto found = rings_.find(ring);
  if (found == rings_.end()) {
    if (memberships_ && memberships_->contains(ring)) status.number = Token{memberships_->at(ring)};
    return;
  }
  status.number = found->second.placement.number();
  status.is_complete = is_complete(ring, found->second);
  status.is_closed = is_closed(ring, found->second);
}

// ---- in and out

void Replicas::send(NodeId to, copies::Message message) {
  tick_at_ = tick_at_.value_or(now_ + tick_every);
  if (to == self_) {
    to_self_.emplace_back(to, std::move(message));
    return;
  }
  out_.push_back(node::Send{to, node::Way::stream, wire::encode(message)});
}

void Replicas::perform(Inner what, std::function<void(InnerWork&)> then) {
  auto work = std::make_shared<InnerWork>();
  work->what = std::move(what);
  work->then = std::move(then);
  out_.push_back(node::Do{std::move(work)});
}

void Replicas::worked(InnerWork& work) {
  work.then(work);
}

void Replicas::tell(const Work& work, const Answer& answer) {
  out_.push_back(node::ToTool{work.connection, work.request, wire::encode(answer)});
}

bool Replicas::heard(const node::FromPeer& event) {
  auto message = wire::decode<copies::Message>(event.bytes);
  if (!message) return false;
  silent_.erase(event.from);
  std::visit([&](auto& what) { receive(event.from, std::move(what)); }, *message);
  return true;
}

void Replicas::greeted(NodeId peer) {
  for (auto& [name, ring] : rings_) begin_repair(name, ring, peer);
  for (auto& [id, delivery] : deliveries_) {
    if (delivery.is_surplus) delivery.again = now_;
  }
  ask_changes_again(peer);
}

void Replicas::tool_gone(replica::ConnectionId connection) {
  std::vector<std::uint64_t> gone;
  for (const auto& [id, operation] : operations_) {
    if (operation.work->connection == connection) gone.push_back(id);
  }
  for (const std::uint64_t id : gone) erase(id);
  const auto is_its = [&](const auto& each) { return each.second.work->connection == connection; };
  std::erase_if(listings_, is_its);
  std::erase_if(traces_, is_its);
  std::erase_if(fingerings_, is_its);
  std::erase_if(watchings_, [&](const auto& each) { return each.second.connection == connection; });
  for (auto& [name, ring] : rings_) {
    std::erase_if(ring.awaiting, [&](const auto& each) { return each.second->connection == connection; });
    if (ring.doubt && ring.doubt->work && ring.doubt->work->connection == connection) ring.doubt.reset();
  }
  std::erase_if(unheard_of_, [&](const auto& each) { return each->connection == connection; });
  std::erase_if(held_, [&](const Held& each) {
    if (each.work->connection != connection) return false;
    released_ += each.work->value.size();
    return true;
  });
}

Replicas::Replicas(NodeId self, std::map<NodeId, std::string> names, std::uint64_t life)
    : self_(self),
      names_(std::move(names)),
      // Far below the end: no life comes round to 0.
      last_(COORD_RULE_OR(ring_answers_to_this_life_only, life >> 1U, 0)) {}

// Also what this host has said to itself.
void Replicas::tick() {
  for (; !to_self_.empty(); to_self_.pop_front()) {
    auto [from, message] = std::move(to_self_.front());
    std::visit([&, sender = from](auto& what) { receive(sender, std::move(what)); }, message);
  }
  if (!memberships_ && !rings_.empty() && now_ >= read_memberships_again_) set_member({}, 0);
  compare_again();
  keep_links();
  clean_up();
  tick_watching();
  if (!tick_at_ || now_ < *tick_at_) return;
  tick_at_.reset();
  tick_operations();
  tick_takings();
  tick_listings();
  tick_traces();
  tick_hand_over();
  tick_giving_back();
  tick_deliveries();
  for (; !to_self_.empty(); to_self_.pop_front()) {
    auto [from, message] = std::move(to_self_.front());
    std::visit([&, sender = from](auto& what) { receive(sender, std::move(what)); }, message);
  }
  for (auto& [name, ring] : rings_) begin_reading(name, ring);
  for (auto& [name, ring] : rings_) tick_burying(name, ring);
  tick_graves();
  const bool is_busy = !operations_.empty() || !takings_.empty() || !listings_.empty() || !traces_.empty() ||
                       !fingerings_.empty() || !deliveries_.empty() || (!memberships_ && !rings_.empty()) ||
                       std::ranges::any_of(rings_, [](const auto& each) {
                         const Ring& ring = each.second;
                         const auto open = [](const auto& s) { return !s.second.is_over(); };
                         return ring.placement.is_changing() || ring.doubt || !ring.reading.next.empty() ||
                                ring.burying.operation != 0 || std::ranges::any_of(ring.repair, open);
                       });
  if (is_busy) tick_at_ = next_tick();
}

// Nobody waits for longer than was said, though all else has its turn now and then only.
Instant Replicas::next_tick() const {
  Instant next = now_ + tick_every;
  for (const auto& [id, operation] : operations_) {
    if (operation.until && *operation.until > now_) next = std::min(next, *operation.until);
  }
  for (const auto& [id, listing] : listings_) {
    if (listing.until > now_) next = std::min(next, listing.until);
  }
  for (const auto& [id, tracing] : traces_) {
    if (tracing.until && *tracing.until > now_) next = std::min(next, *tracing.until);
  }
  for (const auto& [id, fingering] : fingerings_) {
    if (fingering.until > now_) next = std::min(next, fingering.until);
  }
  return next;
}

std::optional<Instant> Replicas::deadline() const {
  std::optional<Instant> first = tick_at_;
  for (const auto& other : {compare_at_, links_at_, watch_at_}) {
    if (other && (!first || *other < *first)) first = other;
  }
  for (const Held& held : held_) {
    if (held.until && (!first || *held.until < *first)) first = held.until;
  }
  return first;
}

void Replicas::know_names(const std::map<NodeId, std::string>& names) {
  for (const auto& [host, name] : names) names_.insert_or_assign(host, name);
}

// A link to a host without a vote is closed when it is idle; then nobody would notice that the host was away,
// and find out what it has missed. Of many hosts these are found by hints, and by comparing now and then.
void Replicas::keep_links() {
  if (rings_.empty()) return links_at_.reset();
  if (!links_at_) links_at_ = now_ + links_every;
  if (now_ < *links_at_) return;
  links_at_ = now_ + links_every;
  std::set<NodeId> others;
  for (const auto& [name, ring] : rings_) {
    for (const Host& host : ring.placement.all()) others.insert(host.host);
  }
  others.erase(self_);
  if (others.size() > most_linked) return;
  for (const NodeId other : others) send(other, copies::AskLiving{});
}

}  // namespace coord::ring
