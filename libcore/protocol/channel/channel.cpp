// SPDX-License-Identifier: MIT
#include "protocol/channel/channel.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::channel {

Channel::Channel(Life self, Life other, Limits limits, Spill* spill)
    : self_(self), other_(other), limits_(limits), spill_(spill) {
  COORD_CHECK(limits_.fragment > 0 && limits_.window >= limits_.longest_item);
  resend_after_ = limits_.resend_low;
}

Channel::~Channel() {
  for (const Queued& piece : queue_) forget(piece);
}

void Channel::offer(ByteView item) {
  COORD_CHECK(item.size() <= limits_.longest_item);
  if (closed_) return;
  ++counts_.items;
  if (is_refused_) {
    refused_.emplace_back(item.begin(), item.end());
    return;
  }
  do {
    const std::size_t size = std::min(item.size(), limits_.fragment);
    queue(item.first(size), size == item.size());
    item = item.subspan(size);
  } while (!queue_.back().last);
}

void Channel::queue(ByteView piece, bool last) {
  Queued queued{last, piece.size(), {}, {}};
  if (spill_ != nullptr && !has_room()) queued.spilled = spill_->put(piece);
  if (!queued.spilled) queued.bytes.assign(piece.begin(), piece.end());
  queued_bytes_ += piece.size();
  queue_.push_back(std::move(queued));
}

std::optional<Bytes> Channel::bytes_of(const Queued& piece) const {
  return piece.spilled ? spill_->get(*piece.spilled, piece.size) : std::optional(piece.bytes);
}

void Channel::forget(const Queued& piece) {
  if (piece.spilled) spill_->forget(*piece.spilled, piece.size);
}

std::uint64_t Channel::take() {
  COORD_CHECK(!items_.empty());
  handed_ = items_.front().last_piece;
  held_bytes_ -= items_.front().bytes.size();
  unacknowledged_bytes_ += items_.front().bytes.size();
  items_.pop_front();
  return handed_;
}

void Channel::done(std::uint64_t taken) {
  COORD_CHECK(taken <= handed_);
  if (refuses_ || taken <= taken_) return;
  unacknowledged_ += taken - taken_;
  taken_ = taken;
  acknowledge_ = true;
}

void Channel::refuse() {
  if (refuses_) return;
  refuses_ = acknowledge_ = urgent_ = true;
  items_.clear();
  part_.clear();
  held_bytes_ = 0;
}

std::vector<Bytes> Channel::close() {
  closed_ = true;
  acknowledge_ = false;
  acknowledge_at_.reset();
  refuse_at_.reset();
  return take_back();
}

std::vector<Bytes> Channel::take_back() {
  std::vector<Bytes> void_items;
  Bytes item;
  for (const Queued& piece : queue_) {
    const auto bytes = bytes_of(piece);
    forget(piece);
    if (bytes) item.insert(item.end(), bytes->begin(), bytes->end());
    if (!piece.last) continue;
    void_items.push_back(std::move(item));
    item.clear();
  }
  queue_.clear();
  queued_bytes_ = on_way_bytes_ = 0;
  resend_at_.reset();
  probe_ = false;
  return void_items;
}

void Channel::receive(Instant now, const Message& message) {
  const auto [from, to] = std::visit([](const auto& what) { return std::pair(what.from, what.to); }, message);
  if (closed_ || !COORD_RULE(channel_is_of_two_lives, from == other_ && to == self_)) {
    ++counts_.strayed;
    return;
  }
  std::visit([&](const auto& what) { received(now, what); }, message);
}

void Channel::received(Instant, const Parcel& parcel) {
  acknowledge_ = true;
  // Who asks, has a gap or says a thing twice does not know what has arrived.
  if (refuses_ || parcel.pieces.empty() || parcel.first != arrived_ + 1) urgent_ = true;
  if (refuses_) return;
  std::uint64_t number = parcel.first;
  for (const Parcel::Piece& piece : parcel.pieces) {
    if (number <= arrived_) ++counts_.doubled;
    if (COORD_RULE(channel_takes_the_next_number, number == arrived_ + 1) && !put_in(piece)) return;
    ++number;
  }
}

// False: beyond what an honest sender sends before more is taken.
bool Channel::put_in(const Parcel::Piece& piece) {
  if (held_bytes_ + piece.bytes.size() > limits_.window ||
      part_.size() + piece.bytes.size() > limits_.longest_item)
    return false;
  ++arrived_;
  held_bytes_ += piece.bytes.size();
  part_.insert(part_.end(), piece.bytes.begin(), piece.bytes.end());
  if (!piece.last) return true;
  items_.push_back({std::move(part_), arrived_});
  part_.clear();
  return true;
}

void Channel::received(Instant now, const Acknowledge& acknowledge) {
  // The other end waits to hear that it is known.
  if (acknowledge.refuses && !acknowledge.settled) acknowledge_ = urgent_ = true;
  if (acknowledge.knows && refuses_) {
    is_known_ = true;
    refuse_at_.reset();
  }
  // Nothing can be acknowledged that was not sent, and late ones say nothing new.
  if (is_refused_ || acknowledge.arrived > highest_sent_ || acknowledge.taken > acknowledge.arrived) return;
  const bool moves = acknowledge.arrived > arrived_there_ || acknowledge.taken > taken_there_;
  arrived_there_ = std::max(arrived_there_, acknowledge.arrived);
  const std::uint64_t done = COORD_RULE_OR(channel_keeps_until_taken, acknowledge.taken, acknowledge.arrived);
  while (taken_there_ < done) {
    ++taken_there_;
    const std::size_t size = queue_.front().size;
    queued_bytes_ -= size;
    if (taken_there_ < next_) on_way_bytes_ -= size;
    forget(queue_.front());
    queue_.pop_front();
  }
  next_ = std::max(next_, taken_there_ + 1);
  if (COORD_RULE_OR(channel_gives_back_what_is_refused, acknowledge.refuses, false)) {
    is_refused_ = true;
    refused_ = take_back();
    next_ = taken_there_ + 1;
    return;
  }
  if (moves) {
    resend_after_ = limits_.resend_low;
    resend_at_.reset();
    start_timer(now);
  }
}

void Channel::reconnected() {
  if (closed_ || queue_.empty()) return;
  for (; next_ > arrived_there_ + 1; --next_)
    on_way_bytes_ -= queue_[static_cast<std::size_t>(next_ - 2 - taken_there_)].size;
  probe_ = true;
  resend_at_.reset();
}

std::optional<Parcel> Channel::next_parcel() {
  Parcel parcel{self_, other_, next_, {}};
  std::size_t bytes = 0;
  while (parcel.pieces.size() < limits_.parcel_items && bytes < limits_.fragment) {
    const std::size_t at = static_cast<std::size_t>(next_ - 1 - taken_there_);
    if (at >= queue_.size()) break;
    const Queued& piece = queue_[at];
    if (!COORD_RULE(channel_sends_what_there_is_room_for, on_way_bytes_ + piece.size <= limits_.window))
      break;
    if (bytes > 0 && bytes + piece.size > limits_.fragment) break;
    auto content = bytes_of(piece);
    if (!content) break;  // the owner of the spill knows
    bytes += piece.size;
    on_way_bytes_ += piece.size;
    parcel.pieces.push_back({piece.last, std::move(*content)});
    ++(next_ <= highest_sent_ ? counts_.resent : counts_.sent);
    highest_sent_ = std::max(highest_sent_, next_);
    ++next_;
  }
  if (parcel.pieces.empty() && !probe_) return std::nullopt;
  probe_ = false;
  return parcel;
}

void Channel::start_timer(Instant now) {
  if (!resend_at_ && next_ > taken_there_ + 1) resend_at_ = now + resend_after_;
}

std::vector<Message> Channel::poll(Instant now) {
  std::vector<Message> out;
  if (closed_) return out;
  if (resend_at_ && now >= *resend_at_) {
    resend_after_ = std::min(2 * resend_after_, limits_.resend_high);
    if (COORD_RULE_OR(channel_sends_again, true, false)) reconnected();
    resend_at_.reset();
  }
  if (refuse_at_ && now >= *refuse_at_) acknowledge_ = urgent_ = true;
  if (acknowledge_ && !acknowledge_at_) acknowledge_at_ = now + limits_.acknowledge_after;
  // Much has come: the sender may wait for room.
  if (unacknowledged_ >= limits_.parcel_items / 4 || unacknowledged_bytes_ >= limits_.window / 4)
    urgent_ = true;
  if (acknowledge_ && (urgent_ || now >= *acknowledge_at_)) {
    acknowledge_ = urgent_ = false;
    acknowledge_at_.reset();
    unacknowledged_ = unacknowledged_bytes_ = 0;
    ++counts_.acknowledgements;
    out.push_back(Acknowledge{self_, other_, arrived_, taken_, refuses_, is_refused_, is_known_});
    if (refuses_ && COORD_RULE_OR(channel_says_until_it_is_known_that_it_refuses, !may_end(), false))
      refuse_at_ = now + limits_.resend_low;
  }
  while (auto parcel = next_parcel()) out.push_back(std::move(*parcel));
  start_timer(now);
  return out;
}

std::optional<Instant> Channel::deadline() const {
  std::optional<Instant> first;
  for (const auto& at : {resend_at_, acknowledge_at_, refuse_at_})
    if (at && (!first || *at < *first)) first = at;
  return first;
}

Bytes encode(const Message& message) {
  ByteWriter out;
  if (const auto* acknowledge = std::get_if<Acknowledge>(&message)) {
    out.put(static_cast<std::uint8_t>(1U + (acknowledge->refuses ? 1U : 0U) + (acknowledge->knows ? 2U : 0U) +
                                      (acknowledge->settled ? 4U : 0U)));
    for (const std::uint64_t value :
         {acknowledge->from, acknowledge->to, acknowledge->arrived, acknowledge->taken})
      out.put(value);
    return out.take();
  }
  const auto& parcel = std::get<Parcel>(message);
  out.put(std::uint8_t{0});
  for (const std::uint64_t value : {parcel.from, parcel.to, parcel.first}) out.put(value);
  for (const Parcel::Piece& piece : parcel.pieces) {
    out.put(std::uint8_t{piece.last ? std::uint8_t{1} : std::uint8_t{0}});
    out.put(static_cast<std::uint32_t>(piece.bytes.size()));
    out.put(piece.bytes);
  }
  return out.take();
}

std::optional<Message> decode(ByteView bytes) {
  ByteReader in(bytes);
  const auto kind = in.get<std::uint8_t>();
  if (kind >= 1 && kind <= 8) {
    Acknowledge acknowledge;
    const auto said = static_cast<unsigned>(kind - 1);
    acknowledge.refuses = (said & 1U) != 0;
    acknowledge.knows = (said & 2U) != 0;
    acknowledge.settled = (said & 4U) != 0;
    for (std::uint64_t* value :
         {&acknowledge.from, &acknowledge.to, &acknowledge.arrived, &acknowledge.taken})
      *value = in.get<std::uint64_t>();
    if (in.failed() || in.left() > 0) return std::nullopt;
    return acknowledge;
  }
  if (kind != 0) return std::nullopt;
  Parcel parcel;
  for (std::uint64_t* value : {&parcel.from, &parcel.to, &parcel.first}) *value = in.get<std::uint64_t>();
  while (!in.failed() && in.left() > 0) {
    const auto last = in.get<std::uint8_t>();
    const ByteView piece = in.get(in.get<std::uint32_t>());
    if (last > 1 || in.failed()) return std::nullopt;
    parcel.pieces.push_back({last == 1, Bytes(piece.begin(), piece.end())});
  }
  if (in.failed()) return std::nullopt;
  return parcel;
}

}  // namespace coord::channel
