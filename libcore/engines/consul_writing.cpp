// SPDX-License-Identifier: MIT
// What is written: entries behind `head`, one transaction at a time, and states, piece by piece,
// then their pointer.
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/consul.hpp"

namespace coord::engines {

namespace {

constexpr std::size_t entries_in_one_write = 31;      // of two operations, and that of `head`
constexpr std::size_t bytes_in_one_write = 300'000;   // as base64, with keys, in 512 KiB
constexpr std::size_t bytes_of_a_piece = 256 * 1024;  // 512 KiB at most
constexpr std::size_t items_limit = 4096;
constexpr std::size_t trimmed_at_once = 60;
constexpr unsigned pointer_tries = 3;
constexpr Duration write_pause = std::chrono::milliseconds(100);
constexpr std::array<std::string_view, 3> folders{"entry", "key", "piece"};

std::size_t pieces_in(ByteView state) {
  return std::max<std::size_t>((state.size() + bytes_of_a_piece - 1) / bytes_of_a_piece, 1);
}

std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Consul::make(Instant now, const engine::Make& make) {
  log_ = marks::name_of(access_.writer);
  const std::string writer = log_ + ".0";
  consul::Transaction change;
  change.set_if(at("head"), 0, log_ + " 1 1");
  change.set(fmt::format("{}/{}/0000", of_epoch("piece", 1), writer), as_text(make.state));
  change.set(in_log("state"), "1 " + marks::text_of({writer, 1, 1}));
  transact(now, Kind::made, change);
}

// ---- entries

// The same key may be asked for until its entry is told.
void Consul::append(Instant now, Item item) {
  if (log_.empty() || items_.size() >= items_limit) return;
  const auto is_same = [&item](const Item& other) {
    return other.epoch == item.epoch && other.seals == item.seals && other.key == item.key;
  };
  if (std::ranges::any_of(items_, is_same) || std::ranges::any_of(written_, is_same)) return;
  items_.push_back(std::move(item));
  write_next(now);
}

// A seal goes alone. What is meant for an epoch that is open no more is too late.
void Consul::write_next(Instant now) {
  write_at_.reset();
  if (writing_ || items_.empty()) return;
  if (!head_) {
    writing_ = true;
    return get(now, Kind::head, at("head"));
  }
  const Head& head = *head_;
  std::erase_if(items_, [&](const Item& item) { return item.epoch != head.epoch; });
  if (items_.empty()) return;
  std::size_t size = 0;
  while (!items_.empty() && written_.size() < entries_in_one_write) {
    size += items_.front().bytes.size();
    const bool is_alone = items_.front().seals || (!written_.empty() && size > bytes_in_one_write);
    if (is_alone && !written_.empty()) break;
    written_.push_back(std::move(items_.front()));
    items_.pop_front();
    if (is_alone) break;
  }
  const bool seals = written_.front().seals;
  const std::string next =
      fmt::format("{} {} {}", log_, head.epoch + (seals ? 1 : 0), head.last + written_.size());
  consul::Transaction change;
  if (COORD_RULE(consul_append_follows_the_head, false)) {
    change.set(at("head"), next);
  } else {
    change.set_if(at("head"), head.changed, next);
  }
  std::uint64_t number = head.last;
  for (const Item& item : written_) {
    if (!item.seals) change.set_if(of_epoch("key", item.epoch) + "/" + item.key, 0, {});
    change.set(entry(++number), item.bytes);
  }
  writing_ = true;
  base_ = head;
  transact(now, Kind::change, change);
}

void Consul::take_head(Instant now, const Call& call, const http1::Answer& answer) {
  writing_ = false;
  head_ = head_in(answer);
  if (!head_ || head_->log != log_ || head_->last < call.told || !is_of_what_was_told(*head_)) {
    drop_writes();
    return following_ ? gap() : void();
  }
  known_ = std::max(known_, head_->last);
  fetch(now);
  write_next(now);
}

void Consul::take_change(Instant now, const http1::Answer& answer) {
  const auto outcome = consul::read_transaction(answer.body);
  const bool is_in = answer.status == 200;
  if (!outcome || (is_in && outcome->pairs.empty())) return unreadable();
  writing_ = false;
  if (!is_in) {
    try_again(outcome->failed);
    return write_next(now);
  }
  const std::vector<Item> done = std::exchange(written_, {});
  if (done.empty()) return;
  const Head next{base_.log, base_.epoch + (done.front().seals ? 1 : 0), base_.last + done.size(),
                  outcome->pairs.front().changed};
  if (!head_ || next.changed > head_->changed) head_ = next;
  expect_watch(now, next.changed);
  if (following_ && next.log == log_) {
    known_ = std::max(known_, next.last);
    if (last_ == base_.last && last_changed_ == base_.changed) {
      for (const Item& item : done) (void)deliver(last_ + 1, item.bytes, next.changed);
    }
    fetch(now);
    reach();
  }
  write_next(now);
}

// Another one was faster, or a key is there: then its entry is.
void Consul::try_again(const std::vector<std::size_t>& failed) {
  std::vector<Item> items = std::exchange(written_, {});
  if (failed.empty()) return;
  for (const std::size_t operation : failed) {
    if (operation == 0) head_.reset();
    if (operation == 0) continue;
    const std::size_t of = (operation - 1) / 2;
    if (of < items.size() && !items[of].seals) items[of].epoch = 0;
  }
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (item->epoch != 0) items_.push_front(std::move(*item));
  }
}

// It may be in all the same: then its key is there, or the head is another one.
void Consul::write_again(Instant now) {
  for (auto item = written_.rbegin(); item != written_.rend(); ++item) items_.push_front(std::move(*item));
  written_.clear();
  writing_ = false;
  head_.reset();
  write_at_ = now + write_pause;
}

void Consul::drop_writes() {
  writing_ = false;
  written_.clear();
  items_.clear();
  head_.reset();
}

// ---- states

// Nobody can find a part of a state.
void Consul::keep(Instant now) {
  if (!keeping_) return;
  const ByteView state = keeping_->what.state;
  if (COORD_RULE(consul_pointer_follows_its_pieces, keeping_->next == pieces_in(state)))
    return get(now, Kind::before, in_log("state"));
  const std::size_t from = keeping_->next * bytes_of_a_piece;
  const ByteView piece = state.subspan(from, std::min(bytes_of_a_piece, state.size() - from));
  const std::string key = fmt::format("{}/{}/{:04x}", of_epoch("piece", keeping_->what.epoch),
                                      keeping_->folder, keeping_->next++);
  call(now, Kind::put, "PUT", "/v1/kv/" + key, as_text(piece));
}

// The first who keeps one of an epoch does so. An answer may have got lost: then it is this one's.
void Consul::take_before(Instant now, const http1::Answer& answer) {
  if (!keeping_) return;
  const auto before = state_in(answer);
  const std::uint64_t epoch = keeping_->what.epoch;
  if (!before) return take_kept(now, {});
  const bool is_own = before->epoch == epoch && before->where.writer == keeping_->folder;
  if (is_own) return take_kept(now, before->changed);
  if (before->epoch >= epoch) return take_kept(now, {});
  if (++keeping_->tries > pointer_tries) return keeping_.reset();
  consul::Transaction change;
  change.set_if(in_log("state"), before->changed,
                fmt::format("{} {}", epoch,
                            marks::text_of({keeping_->folder, pieces_in(keeping_->what.state),
                                            keeping_->what.position})));
  transact(now, Kind::kept, change);
}

// Not in: who was faster, and does the pointer that is there name what is to be cleared away?
void Consul::take_pointer(Instant now, const http1::Answer& answer) {
  if (!keeping_) return;
  if (answer.status != 200) return get(now, Kind::before, in_log("state"));
  const auto outcome = consul::read_transaction(answer.body);
  if (!outcome || outcome->pairs.empty()) return unreadable();
  take_kept(now, outcome->pairs.front().changed);
}

void Consul::take_kept(Instant now, std::optional<std::uint64_t> changed) {
  if (!keeping_) return;
  const Keeping kept = std::move(*keeping_);
  keeping_.reset();
  if (!changed) {
    consul::Transaction change;
    change.remove_below(fmt::format("{}/{}/", of_epoch("piece", kept.what.epoch), kept.folder));
    return transact(now, Kind::clear, change);
  }
  trim_ = Trim{kept.what.epoch, kept.what.position, *changed};
  for (std::uint64_t what = 0; what < folders.size(); ++what)
    call(now, Kind::list, "GET", fmt::format("/v1/kv/{}/?keys&separator=/", in_log(folders.at(what))), {},
         what);
}

// What is older goes, also what an earlier trim has left that did not come to its end. Not in a log that was
// restored meanwhile.
void Consul::take_list(Instant now, const Call& call, const http1::Answer& answer) {
  if (answer.status != 200) return;
  const auto keys = consul::read_keys(answer.body);
  if (!keys) return unreadable();
  const std::string folder = in_log(folders.at(call.number)) + "/";
  const std::uint64_t end = call.number == 0 ? trim_.position >> bits_of_a_bucket : trim_.epoch;
  consul::Transaction change;
  change.check(in_log("state"), trim_.changed);
  for (const std::string& key : *keys) {
    if (!key.starts_with(folder) || !key.ends_with('/') || key.size() <= folder.size()) continue;
    const auto number =
        marks::numbered(std::string_view(key).substr(folder.size(), key.size() - folder.size() - 1));
    if (number && *number < end && change.operations() < trimmed_at_once) change.remove_below(key);
  }
  if (change.operations() > 1) transact(now, Kind::clear, change);
}

}  // namespace coord::engines
