// SPDX-License-Identifier: MIT
#include "replica/feed.hpp"

#include <algorithm>
#include <chrono>

#include "base/rule.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

namespace {

constexpr Duration members_forgotten_after = std::chrono::seconds(10);
constexpr std::size_t most_members = 4096;
constexpr std::size_t feed_bytes = 256 * 1024;  // far below a frame
constexpr std::size_t most_under_way = 1024 * 1024;

}  // namespace

void Feed::asked(Instant now, NodeId node, const Follow& question) {
  std::erase_if(members_,
                [now](const auto& each) { return now > each.second.heard + members_forgotten_after; });
  auto found = members_.find(node);
  if (found == members_.end()) {
    if (members_.size() >= most_members) return;
    found = members_.emplace(node, Member{}).first;
    found->second.sent = question.place;
  }
  Member& member = found->second;
  // What a new connection has overtaken.
  if (question.life == member.asked.life && question.number < member.asked.number) return;
  const bool anew = question.again || question.life != member.asked.life || question.place > member.sent;
  member.asked = question;
  member.answered = false;
  member.heard = now;
  if (anew) {
    member.sent = question.place;
    member.under_way.clear();
    member.bytes_under_way = 0;
  }
  while (!member.under_way.empty() && member.under_way.front().last <= question.place) {
    member.bytes_under_way -= member.under_way.front().bytes;
    member.under_way.pop_front();
  }
}

void Feed::parted(NodeId member) {
  members_.erase(member);
}

Feed::Letters Feed::due(const Source& source) {
  Letters letters;
  for (auto& [node, member] : members_) feed(node, member, source, letters);
  const bool in_use = std::ranges::any_of(
      members_, [&](const auto& each) { return state_ && each.second.asked.state == state_->index; });
  if (!in_use && letters.empty()) state_.reset();
  return letters;
}

void Feed::feed(NodeId node, Member& member, const Source& source, Letters& letters) {
  // Who has nothing begins with the state, however short the log is.
  const bool has_nothing = member.sent == LogIndex{} && source.applied != LogIndex{};
  if (has_nothing || member.sent < source.log.base()) {
    if (!std::exchange(member.answered, true)) letters.emplace_back(node, piece_for(member, source));
    return;
  }
  const LogIndex end = COORD_RULE_OR(members_are_told_what_was_applied, source.applied, source.log.last());
  bool said = false;
  while (member.sent < end && member.bytes_under_way < most_under_way) {
    Fed fed{member.asked.life, member.asked.number, source.leader, source.term, member.sent, {}, {}};
    fed.entries = source.log.slice(member.sent, end, feed_bytes);
    if (fed.entries.empty()) break;
    UnderWay part{fed.entries.back().index, 0};
    for (const raft::Entry& entry : fed.entries) part.bytes += entry.data.size() + sizeof(raft::Entry);
    member.bytes_under_way += part.bytes;
    member.sent = part.last;
    member.under_way.push_back(part);
    letters.emplace_back(node, std::move(fed));
    said = true;
  }
  const bool leader_is_new = std::exchange(member.leader, source.leader) != source.leader;
  if (!said && (!member.answered || leader_is_new)) letters.emplace_back(node, nothing_new(member, source));
  member.answered = true;
}

// Who votes is said to whom was told all that has been applied here: they are those of that place.
Fed Feed::nothing_new(const Member& member, const Source& source) {
  Fed fed{member.asked.life, member.asked.number, source.leader, source.term, member.sent, {}, {}};
  if (member.sent != source.applied) return fed;
  fed.voters = source.voters.voters;
  fed.learners = source.voters.learners;
  return fed;
}

// The next of the state that it has begun to take, if that is there and the log goes on from it; else of a
// new one.
FedState Feed::piece_for(const Member& member, const Source& source) {
  if (!state_ || state_->index < source.log.base())
    state_ = State{source.applied, source.machine.level(), wire::encode_state(source.machine.state(), 0),
                   source.voters};
  FedState piece;
  piece.life = member.asked.life;
  piece.number = member.asked.number;
  piece.index = state_->index;
  piece.level = state_->level;
  piece.size = state_->data.size();
  if (member.asked.state == state_->index) piece.offset = std::min(member.asked.received, piece.size);
  const std::size_t length = std::min<std::size_t>(feed_bytes, piece.size - piece.offset);
  const auto begin = state_->data.begin() + static_cast<std::ptrdiff_t>(piece.offset);
  piece.data.assign(begin, begin + static_cast<std::ptrdiff_t>(length));
  piece.voters = state_->voters.voters;
  piece.learners = state_->voters.learners;
  return piece;
}

}  // namespace coord::replica
