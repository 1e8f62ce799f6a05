// SPDX-License-Identifier: MIT
#include "cut/member.hpp"

#include <algorithm>
#include <utility>

#include "base/rule.hpp"

namespace coord::cut {

namespace {

constexpr std::size_t most_visitors = 64;
constexpr std::size_t most_at_once = 64;      // snapshots
constexpr std::size_t bytes_of_a_piece = 64;  // in memory, wherever its content is
// Who has lines for the command says that he is there more often than this.
constexpr Duration visitor_patience = std::chrono::minutes(10);
// Who asks, asks once; who leaves what is for him untaken for so long is gone.
constexpr Duration answer_patience = std::chrono::seconds(30);

template <class Time>
void earliest(std::optional<Instant>& first, const Time& other) {
  if (other && (!first || *other < *first)) first = *other;
}

}  // namespace

const record::Member* View::find(std::string_view id) const {
  const auto found = std::ranges::find(members, id, &record::Member::id);
  return found == members.end() ? nullptr : &*found;
}

Member::Member(Config config) : config_(std::move(config)) {}

// ---- the group

void Member::view(Instant, const View& next) {
  if (next.number == view_.number) return;
  if (!is_of_this_view(next.number)) void_records(next);
  view_ = next;
  std::set<Life> lives;
  Life latest = 0;
  by_id_.clear();
  for (const record::Member& member : view_.members) {
    by_id_[member.id] = member.life;
    lives.insert(member.life);
    latest = std::max(latest, member.life);
    if (member.life == config_.life || peers_.contains(member.life)) continue;
    const auto peer = peers_.emplace(
        member.life,
        Peer{member.id, channel::Channel(config_.life, member.life, config_.channels, config_.file), {}, {}});
    if (input_ended_) peer.first->second.channel.refuse();
  }
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (lives.contains(peer->first)) {
      ++peer;
      continue;
    }
    part_with(peer->second);
    peer = peers_.erase(peer);
  }
  // Of a life that is later than all of the view others may know more than we.
  std::erase_if(clock_,
                [&](const auto& entry) { return entry.first <= latest && !lives.contains(entry.first); });
}

// What it has not read is the sender's again; what it has said and nobody has read is gone with it.
void Member::part_with(Peer& peer) {
  std::uint64_t unread = 0;
  for (; peer.channel.front(); (void)peer.channel.take()) {
    const auto item = decode(*peer.channel.front());
    if (item && std::holds_alternative<Message>(*item)) ++unread;
  }
  if (unread > 0) notes_.push_back(Unread{peer.id, unread});
  give_back(peer.id, peer.channel.refused());
  give_back(peer.id, peer.channel.close());
}

void Member::give_back(const std::string& to, const std::vector<Bytes>& items) {
  for (const Bytes& bytes : items) {
    auto item = decode(bytes);
    auto* message = item ? std::get_if<Message>(&*item) : nullptr;
    if (!message) continue;
    ++returned_;
    notes_.push_back(Returned{to, std::move(message->body)});
  }
}

void Member::packet(Instant now, Life from, bool visitor, ByteView bytes) {
  auto message = channel::decode(bytes);
  if (!message) return;
  if (!visitor) {
    const auto peer = peers_.find(from);
    if (peer == peers_.end()) return;
    peer->second.channel.receive(now, *message);
    return give_back(peer->second.id, peer->second.channel.refused());
  }
  auto found = visitors_.find(from);
  if (found == visitors_.end()) {
    if (visitors_.size() >= most_visitors)
      visitors_.erase(
          std::ranges::min_element(visitors_, {}, [](const auto& entry) { return entry.second.heard; }));
    found = visitors_.emplace(from, Visitor{channel::Channel(config_.life, from), now}).first;
    if (input_ended_) found->second.channel.refuse();
  }
  found->second.heard = now;
  found->second.channel.receive(now, *message);
}

void Member::reconnected() {
  for (auto& [life, peer] : peers_) peer.channel.reconnected();
  for (auto& [life, visitor] : visitors_) visitor.channel.reconnected();
}

void Member::tick(Instant now) {
  if (asked_ && spilled() > asked_->queued + config_.spill) give_up(record::Why::gave_up);
  if (asked_ && now >= asked_->until) give_up(record::Why::no_answer);
  std::vector<std::string> late;
  for (const auto& [snapshot, recording] : recordings_) {
    if (now >= recording.until) late.push_back(snapshot);
  }
  for (const std::string& snapshot : late) close_incomplete(snapshot);
  for (auto& [life, visitor] : visitors_) close_unbegun(now, life, visitor);
  std::erase_if(visitors_, [&](const auto& entry) {
    const Visitor& visitor = entry.second;
    const bool stays = visitor.has_lines && visitor.channel.all_taken();
    return now - visitor.heard > (stays ? visitor_patience : answer_patience);
  });
}

std::vector<Packet> Member::packets(Instant now) {
  std::vector<Packet> out;
  const auto poll = [&](Life to, channel::Channel& channel) {
    for (const channel::Message& message : channel.poll(now)) out.push_back({to, channel::encode(message)});
  };
  for (auto& [life, peer] : peers_) poll(life, peer.channel);
  for (auto& [life, visitor] : visitors_) poll(life, visitor.channel);
  return out;
}

std::optional<Instant> Member::deadline() const {
  std::optional<Instant> first;
  for (const auto& [life, peer] : peers_) earliest(first, peer.channel.deadline());
  for (const auto& [life, visitor] : visitors_) earliest(first, visitor.channel.deadline());
  if (asked_) earliest(first, std::optional(asked_->until));
  for (const auto& [snapshot, recording] : recordings_) earliest(first, std::optional(recording.until));
  return first;
}

channel::Counts Member::counts() const {
  channel::Counts all;
  for (const auto& [life, peer] : peers_) {
    const channel::Counts& of = peer.channel.counts();
    all.items += of.items;
    all.sent += of.sent;
    all.resent += of.resent;
    all.acknowledgements += of.acknowledgements;
    all.doubled += of.doubled;
    all.strayed += of.strayed;
  }
  return all;
}

std::set<std::string> Member::full() const {
  std::set<std::string> ids;
  for (const auto& [life, peer] : peers_)
    if (!peer.channel.has_room()) ids.insert(peer.id);
  return ids;
}

void Member::hurry() {
  for (auto& [life, peer] : peers_)
    if (!peer.channel.all_taken()) peer.channel.ask();
}

bool Member::all_taken() const {
  return std::ranges::all_of(peers_, [](const auto& entry) {
    return entry.second.channel.all_taken() &&
           COORD_RULE(cut_ends_when_its_end_is_known, entry.second.channel.may_end());
  });
}

// ---- the command

void Member::input_ended() {
  if (std::exchange(input_ended_, true)) return;
  if (asked_) give_up(record::Why::left);  // before it is said that no marker follows
  handed_.clear();
  unwritten_.clear();
  for (auto& [life, peer] : peers_) peer.channel.refuse();
  for (auto& [life, visitor] : visitors_) visitor.channel.refuse();
  leave_records();
}

bool Member::reads_output() const {
  if (asked_) return spilled() <= asked_->queued + config_.spill;
  return std::ranges::all_of(peers_, [](const auto& entry) { return entry.second.channel.has_room(); });
}

std::size_t Member::spilled() const {
  std::size_t bytes = 0;
  for (const auto& [life, peer] : peers_)
    bytes += peer.channel.queued_bytes() + bytes_of_a_piece * peer.channel.queued_pieces();
  return bytes;
}

bool Member::withholds_input() const {
  return COORD_RULE_OR(cut_input_is_withheld, asked_.has_value(), false);
}

bool Member::is_of_this_view(std::uint64_t view) const {
  return COORD_RULE(cut_is_of_one_view, view == view_.number);
}

std::optional<Input> Member::next_input(Instant now) {
  if (input_ended_ || input_ends_ || withholds_input()) return std::nullopt;
  // Processes and visitors take turns, by life.
  const auto serve = [&](Life life) -> std::optional<Input> {
    last_served_ = life;
    if (const auto peer = peers_.find(life); peer != peers_.end()) return take_from(now, life, peer->second);
    return take_from(now, life, visitors_.at(life));
  };
  const auto has_item = [](const auto& entry) { return entry.second.channel.front() != nullptr; };
  for (;;) {
    std::optional<Life> after, first;
    const auto look = [&](Life life) {
      if (life > last_served_ && (!after || life < *after)) after = life;
      if (!first || life < *first) first = life;
    };
    for (const auto& entry : peers_)
      if (has_item(entry)) look(entry.first);
    for (const auto& entry : visitors_)
      if (has_item(entry)) look(entry.first);
    if (!first) return std::nullopt;
    if (auto input = serve(after ? *after : *first)) return input;
    if (input_ended_ || withholds_input()) return std::nullopt;
  }
}

channel::Channel* Member::channel_with(Life life) {
  if (const auto peer = peers_.find(life); peer != peers_.end()) return &peer->second.channel;
  const auto visitor = visitors_.find(life);
  return visitor == visitors_.end() ? nullptr : &visitor->second.channel;
}

// Its sender keeps it until the command has it, and with it all that is behind it.
void Member::handed(Life from, std::uint64_t number, bool is_input) {
  std::deque<Handed>& before = handed_[from];
  if (COORD_RULE_OR(cut_taken_is_written_to_the_command, is_input, false)) {
    unwritten_.push_back(from);
  } else if (before.empty()) {
    channel_with(from)->done(number);
    return;
  }
  before.push_back({number, is_input});
}

void Member::input_written(std::size_t inputs) {
  for (; inputs > 0 && !unwritten_.empty(); --inputs) {
    const Life from = unwritten_.front();
    unwritten_.pop_front();
    std::deque<Handed>& all = handed_[from];
    channel::Channel* const channel = channel_with(from);
    do {
      if (channel) channel->done(all.front().number);
      all.pop_front();
    } while (!all.empty() && !all.front().is_input);
    if (all.empty()) handed_.erase(from);
  }
  if (input_ends_ && unwritten_.empty()) input_ended();
}

std::optional<Input> Member::take_from(Instant now, Life from, Peer& peer) {
  auto item = decode(*peer.channel.front());
  const std::uint64_t number = peer.channel.take();
  auto input = item ? take(now, from, peer, std::move(*item)) : std::nullopt;
  handed(from, number, input.has_value());
  return input;
}

std::optional<Input> Member::take(Instant now, Life from, Peer& peer, Item item) {
  if (std::holds_alternative<Marker>(item)) {
    const auto& mark = std::get<Marker>(item);
    if (!is_of_this_view(mark.view)) return std::nullopt;
    if (known(mark.snapshot) || (asked_ && asked_->snapshot == mark.snapshot)) {
      marker(mark, from);
      return std::nullopt;
    }
    if (!COORD_RULE_OR(cut_second_marker_counts, true, recordings_.empty())) return std::nullopt;
    auto input = begin(now, mark.snapshot, view_.number, from);
    if (mark.given_up) give_up(record::Why::gave_up);
    return mark.given_up ? std::nullopt : input;
  }
  if (!std::holds_alternative<Message>(item)) return std::nullopt;
  auto& message = std::get<Message>(item);
  for (const auto& [life, count] : message.clock) peer.heard[life] = count;
  for (const auto& [life, count] : peer.heard) {
    std::uint64_t& known_here = clock_[life];
    known_here = std::max(known_here, count);
  }
  ++clock_[config_.life];
  ++peer.received;
  record_on_way(from, peer, message.body);
  return InputMessage{peer.id, std::move(message.body)};
}

std::optional<Input> Member::take_from(Instant now, Life from, Visitor& visitor) {
  auto item = decode(*visitor.channel.front());
  const std::uint64_t number = visitor.channel.take();
  auto input = item ? take(now, from, std::move(*item)) : std::nullopt;
  const bool ends = input && std::holds_alternative<InputEnd>(*input);
  visitor.has_lines = visitor.has_lines || (input && std::holds_alternative<InputMessage>(*input));
  handed(from, number, input.has_value() && !ends);
  input_ends_ = input_ends_ || ends;
  input_written(0);
  return input;
}

std::optional<Input> Member::take(Instant now, Life from, Item item) {
  if (auto* line = std::get_if<Line>(&item)) return InputMessage{"", std::move(line->body)};
  if (std::holds_alternative<EndInput>(item)) return InputEnd{};
  if (const auto* close = std::get_if<CloseNow>(&item)) {
    if (recordings_.contains(close->snapshot)) close_without(close->snapshot, close->without);
    return std::nullopt;
  }
  const auto* wish = std::get_if<Begin>(&item);
  if (!wish) return std::nullopt;
  wanted_by_[wish->snapshot].insert(from);
  if (done_.contains(wish->snapshot)) {
    answer(from, wish->snapshot);
    return std::nullopt;
  }
  if (known(wish->snapshot)) return std::nullopt;
  if (recordings_.size() >= most_at_once) {
    record::Snapshot part = empty_part(wish->snapshot);
    part.missing.push_back({config_.id, record::Why::gave_up});
    finish(wish->snapshot, std::move(part), {});
    return std::nullopt;
  }
  if (wish->view != view_.number) {
    Answer differs;
    differs.view_differs = true;
    finish(wish->snapshot, empty_part(wish->snapshot), differs);
    return std::nullopt;
  }
  return begin(now, wish->snapshot, wish->view, std::nullopt);
}

bool Member::said(Instant now, const std::string& to, std::string body) {
  const auto life = by_id_.find(to);
  if (late_state_) {
    const auto late = std::exchange(late_state_, std::nullopt);
    if (asked_ && asked_->snapshot == late->first) cut(now, late->second);
  }
  if (life == by_id_.end()) return false;
  const auto found = peers_.find(life->second);
  if (found == peers_.end()) return false;  // to itself: no channel
  Peer& peer = found->second;
  ++clock_[config_.life];
  ++peer.sent;
  Message message{{}, std::move(body)};
  for (const auto& [of, count] : clock_) {
    std::uint64_t& told = peer.told[of];
    if (told == count) continue;
    told = count;
    message.clock[of] = count;
  }
  std::erase_if(peer.told, [&](const auto& entry) { return !clock_.contains(entry.first); });
  peer.channel.offer(encode(Item(std::move(message))));
  flush_late(peer);
  give_back(peer.id, peer.channel.refused());
  return true;
}

bool Member::answered(Instant now, const std::string& snapshot, std::string state) {
  if (!asked_ || asked_->snapshot != snapshot) return false;
  if (COORD_RULE_OR(cut_state_at_its_place, true, false)) {
    cut(now, std::move(state));
  } else {
    late_state_ = {snapshot, std::move(state)};  // after what is said next
  }
  return true;
}

}  // namespace coord::cut
