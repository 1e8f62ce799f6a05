// SPDX-License-Identifier: MIT
#include "cut/collector.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "snapshot/record_text.hpp"

namespace coord::cut {

namespace {

// Its receiver says what is on its way, its sender whether it is full.
void add(record::Snapshot& whole, record::Channel channel) {
  const auto same = std::ranges::find_if(whole.channels, [&](const record::Channel& other) {
    return other.from == channel.from && other.to == channel.to;
  });
  if (same == whole.channels.end()) return whole.channels.push_back(std::move(channel));
  same->full = same->full || channel.full;
  if (!channel.messages.empty()) same->messages = std::move(channel.messages);
}

}  // namespace

Collector::Collector(Instant now, Life self, std::string snapshot, std::string group, View view, WallTime at,
                     Duration patience, channel::Limits limits)
    : snapshot_(std::move(snapshot)),
      group_(std::move(group)),
      view_(std::move(view)),
      at_(at),
      until_(now + patience),
      close_at_(now + patience * 8 / 10) {
  for (const record::Member& member : view_.members) {
    Asked asked{member.id, channel::Channel(self, member.life, limits), "", {}};
    asked.channel.offer(encode(Item(Begin{snapshot_, view_.number})));
    asked_.emplace(member.life, std::move(asked));
  }
  over_ = asked_.empty();
}

void Collector::packet(Instant now, Life from, ByteView bytes) {
  const auto found = asked_.find(from);
  const auto message = channel::decode(bytes);
  if (found == asked_.end() || !message) return;
  found->second.channel.receive(now, *message);
  const bool had_ended = found->second.has_ended;
  hear(found->second);
  for (const Bytes& refused : found->second.channel.refused()) {
    const auto item = decode(refused);
    if (item && std::holds_alternative<Begin>(*item)) found->second.has_ended = true;
  }
  if (found->second.has_ended && !had_ended) tell_ended(from);
  over_ = over_ || std::ranges::all_of(asked_, [](const auto& entry) {
            return entry.second.answer.has_value() || entry.second.has_ended;
          });
}

void Collector::hear(Asked& asked) {
  while (asked.channel.front()) {
    auto item = decode(*asked.channel.front());
    asked.channel.done(asked.channel.take());
    if (!item) continue;
    if (auto* part = std::get_if<Part>(&*item)) {
      if (!asked.answer && asked.text.size() + part->text.size() <= record::most_record_bytes)
        asked.text += part->text;
    } else if (auto* answer = std::get_if<Answer>(&*item); answer && answer->snapshot == snapshot_) {
      if (answer->view_differs) over_ = view_changed_ = true;
      asked.has_ended = answer->left;
      asked.answer = std::move(*answer);
    }
  }
}

// Its lines to others may be on their way for long, and its marker behind them.
void Collector::tell_ended(Life who) {
  for (auto& [life, asked] : asked_) {
    if (life != who && !asked.answer) asked.channel.offer(encode(Item(CloseNow{snapshot_, who})));
  }
}

void Collector::view(const View& now) {
  if (now.number != view_.number) over_ = view_changed_ = true;
}

void Collector::reconnected() {
  for (auto& [life, asked] : asked_) asked.channel.reconnected();
}

void Collector::tick(Instant now) {
  if (now >= until_) over_ = true;
  if (closing_ || now < close_at_) return;
  closing_ = true;
  for (auto& [life, asked] : asked_) {
    if (!asked.answer) asked.channel.offer(encode(Item(CloseNow{snapshot_, 0})));
  }
}

std::vector<Packet> Collector::packets(Instant now) {
  std::vector<Packet> out;
  for (auto& [life, asked] : asked_) {
    for (const channel::Message& message : asked.channel.poll(now))
      out.push_back({life, channel::encode(message)});
  }
  return out;
}

std::optional<Instant> Collector::deadline() const {
  std::optional<Instant> first = closing_ ? until_ : close_at_;
  for (const auto& [life, asked] : asked_) {
    const auto at = asked.channel.deadline();
    if (at && *at < *first) first = at;
  }
  return first;
}

Collector::Collected Collector::collected() const {
  Collected all;
  record::Snapshot& whole = all.snapshot;
  whole.id = snapshot_;
  whole.group = group_;
  whole.view = view_.number;
  whole.members = view_.members;
  whole.at = at_;
  std::set<std::string> named;
  const auto miss = [&](const record::Missing& missing) {
    if (named.insert(missing.id).second) whole.missing.push_back(missing);
  };
  for (const auto& [life, asked] : asked_) {
    if (!asked.answer) {
      miss({asked.id, asked.has_ended ? record::Why::left : record::Why::no_answer});
      continue;
    }
    auto part = record::from_text(asked.text, asked.id);
    if (!part || part->id != snapshot_) {
      miss({asked.id, record::Why::gave_up});
      continue;
    }
    for (const record::Missing& missing : part->missing) miss(missing);
    if (asked.answer->view_differs && part->missing.empty()) miss({asked.id, record::Why::joined});
    for (record::Process& process : part->processes) whole.processes.push_back(std::move(process));
    for (record::Channel& channel : part->channels) add(whole, std::move(channel));
    if (asked.answer->returned > 0) all.returned[asked.id] = asked.answer->returned;
    all.outside += asked.answer->outside;
  }
  std::ranges::sort(whole.processes, {}, &record::Process::id);
  return all;
}

Drained drained(const Collector::Collected& collected, const std::function<bool(std::string_view)>& idle) {
  using State = Drained::State;
  const record::Snapshot& snapshot = collected.snapshot;
  if (!snapshot.complete())
    return {State::goes_on, fmt::format("{} has no record", snapshot.missing.front().id)};
  for (const record::Process& process : snapshot.processes) {
    if (process.external)
      return {State::goes_on, fmt::format("{} has its state from another command", process.id)};
    if (!idle(process.state)) return {State::goes_on, fmt::format("{} is at work", process.id)};
  }
  if (COORD_RULE_OR(wait_counts_every_channel, true, false)) {
    for (const record::Channel& channel : snapshot.channels) {
      if (!channel.messages.empty())
        return {State::goes_on, fmt::format("{} on their way from {} to {}", channel.messages.size(),
                                            channel.from, channel.to)};
    }
  }
  if (collected.outside > 0) return {State::goes_on, "lines from outside are not read yet"};
  for (const auto& [id, count] : collected.returned)
    return {State::never, fmt::format("{} of {} came back: their receivers have ended", count, id)};
  return {State::done, ""};
}

}  // namespace coord::cut
