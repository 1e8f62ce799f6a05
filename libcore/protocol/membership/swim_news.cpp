// SPDX-License-Identifier: MIT
// What a member hears of others and of itself, and what follows.
#include <algorithm>
#include <map>

#include "base/rule.hpp"
#include "protocol/membership/swim.hpp"

namespace coord::membership {

void Swim::receive(NodeId from, const Gossip& message) {
  hear(from, message.rumours, Heard::as_news, datagram_rumours);
}

void Swim::receive(NodeId from, const Compare& message) {
  const auto known = roster_.find(from);
  if (message.digest == roster_.digest() && known && is_present(known->state)) return;
  send(from, Table{false, roster_.table(config_.self)});
}

void Swim::receive(NodeId from, const Table& message) {
  hear(from, message.members, Heard::in_table, table_rumours);
  if (message.is_answer) return;
  std::map<NodeId, std::pair<Incarnation, State>> theirs;
  for (const Rumour& rumour : message.members) theirs[rumour.node] = {rumour.incarnation, rumour.state};
  Rumours newer = roster_.table(config_.self);
  std::erase_if(newer, [&](const Rumour& own) {
    const auto found = theirs.find(own.node);
    return found != theirs.end() && found->second >= std::pair(own.incarnation, own.state);
  });
  if (!newer.empty()) send(from, Table{true, std::move(newer)});
}

void Swim::hear(NodeId from, const Rumours& rumours, Heard how, std::size_t limit) {
  for (std::size_t i = 0; i < std::min(rumours.size(), limit); ++i) hear_of(from, rumours[i], how);
}

void Swim::hear_of(NodeId from, Rumour rumour, Heard how) {
  if (rumour.incarnation > last_incarnation) return;  // nobody can deny it
  if (rumour.node == config_.self) return hear_of_itself(rumour);
  const auto known = roster_.find(rumour.node);
  switch (rumour.state) {
    case State::alive:
      return hear_alive(rumour, known);
    case State::suspect:
      return hear_suspect(rumour, known);
    case State::dead:
    case State::left:
      return hear_gone(from, rumour, known, how);
  }
}

void Swim::hear_alive(const Rumour& rumour, const std::optional<Member>& known) {
  if (!known) {
    if (roster_.size() < table_rumours) become(rumour);
    return;
  }
  const bool newer = rumour.incarnation > known->incarnation;
  const bool gone = !is_present(known->state);
  if (gone ? COORD_RULE(swim_old_news_raises_nobody, newer) : newer) become(rumour);
}

// News of a suspicion neither adds who is unknown nor brings back who was removed.
void Swim::hear_suspect(const Rumour& rumour, const std::optional<Member>& known) {
  if (!COORD_RULE(swim_suspicion_adds_nobody, known && is_present(known->state))) return;
  if (known && rumour.incarnation < known->incarnation) return;
  const auto found = suspicions_.find(rumour.node);
  if (found == suspicions_.end() || !known || rumour.incarnation > known->incarnation) return become(rumour);
  const Instant before = found->second.ends();
  if (!found->second.confirm(rumour.by)) return;
  ends_.erase({before, rumour.node});
  ends_.emplace(found->second.ends(), rumour.node);
  queue_.put(rumour);
}

// A table may be as old as a partition: its dead are suspects until they had the time to deny it.
void Swim::hear_gone(NodeId from, const Rumour& rumour, const std::optional<Member>& known, Heard how) {
  if (!known) return;
  if (std::pair(rumour.incarnation, rumour.state) <= std::pair(known->incarnation, known->state)) return;
  if (how == Heard::in_table && rumour.state == State::dead && is_present(known->state) &&
      COORD_RULE_OR(swim_dead_of_a_table_are_suspects, true, false))
    return hear_suspect({rumour.node, rumour.incarnation, State::suspect, from}, known);
  become(rumour);
}

void Swim::hear_of_itself(const Rumour& rumour) {
  if (leaving_ != Leaving::no || rumour.incarnation < incarnation_) return;
  if (rumour.state == State::alive) {  // said by an earlier life whose disk is lost
    if (rumour.incarnation > incarnation_) announce({rumour.incarnation.value + 1});
    return;
  }
  worse(1);
  announce({rumour.incarnation.value + 1});
}

void Swim::announce(Incarnation incarnation) {
  incarnation_ = incarnation;
  if (COORD_RULE_OR(swim_incarnation_is_durable_first, true, false))
    actions_.push_back(Persist{incarnation_});
  roster_.set(config_.self, {incarnation_, State::alive, now_});
  queue_.put({config_.self, incarnation_, State::alive, config_.self});
}

void Swim::become(const Rumour& rumour) {
  const Member member{rumour.incarnation, rumour.state, now_};
  roster_.set(rumour.node, member);
  if (const auto found = suspicions_.find(rumour.node); found != suspicions_.end()) {
    ends_.erase({found->second.ends(), rumour.node});
    suspicions_.erase(found);
  }
  if (rumour.state == State::suspect) {
    // Where there are not so many others, their word is not waited for.
    const std::size_t members = roster_.present();
    const std::size_t wanted = members >= config_.confirmations + 2 ? config_.confirmations : 0;
    const bool is_small = members <= config_.small_group;
    const Duration shortest = shortest_suspicion(
        members, config_.period, is_small ? config_.small_group_factor : config_.suspicion_factor);
    const Suspicion suspicion(now_, rumour.by, wanted, shortest,
                              shortest * static_cast<int>(config_.suspicion_stretch));
    ends_.emplace(suspicion.ends(), rumour.node);
    suspicions_.emplace(rumour.node, suspicion);
  }
  queue_.put(rumour);
  actions_.push_back(Changed{rumour.node, member, rumour.by});
}

void Swim::expire_suspicions() {
  while (!ends_.empty() && ends_.begin()->first <= now_) {
    const NodeId node = ends_.begin()->second;
    become({node, roster_.find(node)->incarnation, State::dead, config_.self});
  }
}

// Who is suspected or held dead is told that first.
Rumours Swim::news_for(NodeId to) {
  Rumours news;
  const auto known = roster_.find(to);
  if (known && known->state != State::alive)
    news.push_back({to, known->incarnation, known->state, config_.self});
  for (const Rumour& rumour :
       queue_.take(datagram_rumours - 1, tell_limit(roster_.present(), config_.tell_factor)))
    news.push_back(rumour);
  return news;
}

}  // namespace coord::membership
