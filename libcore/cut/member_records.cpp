// SPDX-License-Identifier: MIT
// The records: from the question to the last marker.
#include <algorithm>

#include "base/rule.hpp"
#include "cut/member.hpp"
#include "snapshot/record_text.hpp"

namespace coord::cut {

namespace {

constexpr std::size_t most_done = 64;  // records that are kept for who asks late
constexpr std::size_t part_bytes = std::size_t{200} << 10U;

// Among the messages, where the answer was; not when it was asked for.
bool markers_leave_at_the_state() {
  return COORD_RULE_OR(cut_markers_leave_at_the_state, true, false);
}

}  // namespace

bool Member::known(const std::string& snapshot) const {
  return recordings_.contains(snapshot) || done_.contains(snapshot);
}

record::Snapshot Member::empty_part(const std::string& snapshot) const {
  record::Snapshot part;
  part.id = snapshot;
  part.group = config_.group;
  part.view = view_.number;
  part.members = view_.members;
  return part;
}

record::VectorClock Member::named(const Clock& clock) const {
  record::VectorClock::Counts counts;
  for (const record::Member& member : view_.members) {
    const auto found = clock.find(member.life);
    if (found != clock.end()) counts[member.id] = found->second;
  }
  return record::VectorClock(std::move(counts));
}

std::optional<Input> Member::begin(Instant now, const std::string& snapshot, std::uint64_t view,
                                   std::optional<Life> by) {
  asked_ = Asked{snapshot, by, spilled(), now + config_.patience};
  if (!markers_leave_at_the_state()) send_markers({snapshot, view, false});
  return InputSnapshot{snapshot};
}

void Member::marker(const Marker& marker, Life from) {
  const auto found = recordings_.find(marker.snapshot);
  if (found == recordings_.end()) return;
  found->second.open.erase(from);
  if (marker.given_up) {
    const auto peer = peers_.find(from);
    if (peer != peers_.end())
      found->second.snapshot.missing.push_back({peer->second.id, record::Why::gave_up});
  }
  close_if_whole(marker.snapshot);
}

// The answer was read: this is the place.
void Member::cut(Instant now, std::string state) {
  const Asked asked = *asked_;
  asked_.reset();
  Recording recording;
  recording.snapshot = empty_part(asked.snapshot);
  recording.until = now + config_.patience;
  recording.returned = returned_;
  record::Process process;
  process.id = config_.id;
  process.state = std::move(state);
  process.clock = named(clock_);
  process.external = config_.external;
  for (const auto& [life, peer] : peers_) {
    if (peer.sent > 0) process.sent[peer.id] = peer.sent;
    if (peer.received > 0) process.received[peer.id] = peer.received;
    if (asked.by != life) recording.open.insert(life);
    if (!peer.channel.has_room()) recording.snapshot.channels.push_back({config_.id, peer.id, {}, true});
  }
  for (const auto& [life, visitor] : visitors_) {
    // Questions wait there too; what is not read yet makes nobody idle.
    recording.outside += visitor.channel.waiting();
  }
  recording.snapshot.processes.push_back(std::move(process));
  recordings_.emplace(asked.snapshot, std::move(recording));
  if (markers_leave_at_the_state()) send_markers({asked.snapshot, view_.number, false});
  close_if_whole(asked.snapshot);
}

void Member::record_on_way(Life from, const Peer& peer, const std::string& body) {
  std::vector<std::string> too_large;
  for (auto& [snapshot, recording] : recordings_) {
    if (!COORD_RULE_OR(cut_channel_ends_at_its_marker, recording.open.contains(from), true)) continue;
    recording.on_way[from].push_back({peer.received, body, named(peer.heard)});
    recording.bytes += body.size();
    if (recording.bytes > record::most_record_bytes) too_large.push_back(snapshot);
  }
  for (const std::string& snapshot : too_large) {
    Recording& recording = recordings_.at(snapshot);
    recording.on_way.clear();
    recording.open.clear();
    recording.snapshot.missing.push_back({config_.id, record::Why::gave_up});
    close_if_whole(snapshot);
  }
}

void Member::send_markers(const Marker& marker) {
  for (auto& [life, peer] : peers_) {
    if (COORD_RULE_OR(cut_marker_before_the_next_message, true, false)) {
      peer.channel.offer(encode(Item(marker)));
    } else {
      late_markers_[life].push_back(marker);
    }
  }
}

void Member::flush_late(Peer& peer) {
  const auto late = late_markers_.find(peer.channel.other());
  if (late == late_markers_.end()) return;
  for (const Marker& marker : late->second) peer.channel.offer(encode(Item(marker)));
  late_markers_.erase(late);
}

// Who waits for whom: perhaps that is why.
record::Snapshot Member::without_record(const std::string& snapshot, record::Why why) const {
  record::Snapshot part = empty_part(snapshot);
  part.missing.push_back({config_.id, why});
  for (const auto& [life, peer] : peers_) {
    if (!peer.channel.has_room()) part.channels.push_back({config_.id, peer.id, {}, true});
  }
  return part;
}

void Member::give_up(record::Why why) {
  if (!COORD_RULE_OR(cut_gives_up, true, false)) return;
  const std::string snapshot = asked_->snapshot;
  asked_.reset();
  late_state_.reset();
  if (why != record::Why::left) notes_.push_back(GivenUp{snapshot, why});
  send_markers({snapshot, view_.number, true});
  record::Snapshot part = without_record(snapshot, why);
  Answer answer;
  answer.left = why == record::Why::left;
  finish(snapshot, std::move(part), answer);
}

// The command reads nothing, so that it could not even be asked, and the time is nearly over.
void Member::close_unbegun(Instant now, Life from, Visitor& visitor) {
  if (input_ended_ || !visitor.channel.front()) return;
  const auto item = decode(*visitor.channel.front());
  const auto* wish = item ? std::get_if<Begin>(&*item) : nullptr;
  if (!wish || (asked_ && asked_->snapshot == wish->snapshot)) return;
  if (known(wish->snapshot)) return (void)take_from(now, from, visitor);
  bool closes = false;
  for (std::size_t place = 1; place < visitor.channel.waiting() && !closes; ++place) {
    const auto next = decode(visitor.channel.waiting(place));
    const auto* close = next ? std::get_if<CloseNow>(&*next) : nullptr;
    closes = close && close->snapshot == wish->snapshot && close->without == 0;
  }
  if (!closes) return;
  handed(from, visitor.channel.take(), false);
  wanted_by_[wish->snapshot].insert(from);
  finish(wish->snapshot, without_record(wish->snapshot, record::Why::no_answer), {});
}

void Member::close_if_whole(const std::string& snapshot) {
  const auto found = recordings_.find(snapshot);
  if (found == recordings_.end() || !found->second.open.empty()) return;
  Recording recording = std::move(found->second);
  recordings_.erase(found);
  for (auto& [life, messages] : recording.on_way) {
    const auto peer = peers_.find(life);
    if (peer != peers_.end() && !messages.empty())
      recording.snapshot.channels.push_back({peer->second.id, config_.id, std::move(messages), false});
  }
  Answer answer;
  answer.returned = recording.returned;
  answer.outside = recording.outside;
  answer.left = recording.left;
  finish(snapshot, std::move(recording.snapshot), answer);
}

// 0: whoever's marker has not come.
void Member::close_without(const std::string& snapshot, Life ended) {
  if (ended == 0) return close_incomplete(snapshot);
  Recording& recording = recordings_.at(snapshot);
  if (recording.open.erase(ended) == 0) return;
  if (const auto peer = peers_.find(ended); peer != peers_.end())
    recording.snapshot.missing.push_back({peer->second.id, record::Why::left});
  close_if_whole(snapshot);
}

// Whose marker has not come is missing.
void Member::close_incomplete(const std::string& snapshot) {
  Recording& recording = recordings_.at(snapshot);
  for (const Life life : recording.open) {
    const auto peer = peers_.find(life);
    if (peer != peers_.end()) recording.snapshot.missing.push_back({peer->second.id, record::Why::no_answer});
  }
  recording.open.clear();
  close_if_whole(snapshot);
}

// What was on its way to this process is not counted to the last: a record that is not whole
// now never will be.
void Member::leave_records() {
  std::vector<std::string> all;
  for (auto& [snapshot, recording] : recordings_) {
    recording.snapshot.missing.push_back({config_.id, record::Why::left});
    recording.left = true;
    recording.open.clear();
    all.push_back(snapshot);
  }
  for (const std::string& snapshot : all) close_if_whole(snapshot);
}

void Member::finish(const std::string& snapshot, record::Snapshot part, Answer with) {
  with.snapshot = snapshot;
  auto text = record::to_text(part);
  if (!text) {  // larger than a record may be
    part.processes.clear();
    part.channels.clear();
    part.missing = {{config_.id, record::Why::gave_up}};
    text = record::to_text(part);
  }
  done_[snapshot] = Done{text.ok() ? std::move(*text) : std::string(), std::move(with)};
  done_order_.push_back(snapshot);
  while (done_order_.size() > most_done) {
    done_.erase(done_order_.front());
    wanted_by_.erase(done_order_.front());
    done_order_.pop_front();
  }
  const auto wanted = wanted_by_.find(snapshot);
  if (wanted == wanted_by_.end()) return;
  for (const Life visitor : wanted->second) answer(visitor, snapshot);
}

void Member::answer(Life visitor, const std::string& snapshot) {
  const auto found = visitors_.find(visitor);
  if (found == visitors_.end()) return;
  const Done& done = done_.at(snapshot);
  for (std::size_t at = 0; at < done.text.size(); at += part_bytes)
    found->second.channel.offer(encode(Item(Part{done.text.substr(at, part_bytes)})));
  found->second.channel.offer(encode(Item(done.answer)));
}

// A snapshot is of one view: what is not whole yet never will be.
void Member::void_records(const View& next) {
  std::vector<std::string> all;
  if (asked_) all.push_back(asked_->snapshot);
  for (const auto& [snapshot, recording] : recordings_) all.push_back(snapshot);
  asked_.reset();
  late_state_.reset();
  late_markers_.clear();
  recordings_.clear();
  for (const std::string& snapshot : all) {
    record::Snapshot part = empty_part(snapshot);
    for (const record::Member& member : view_.members) {
      const record::Member* now = next.find(member.id);
      if (!now || now->life != member.life) part.missing.push_back({member.id, record::Why::left});
    }
    if (part.missing.empty()) part.missing.push_back({config_.id, record::Why::joined});
    Answer differs;
    differs.view_differs = true;
    finish(snapshot, std::move(part), differs);
  }
}

}  // namespace coord::cut
