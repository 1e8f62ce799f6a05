// SPDX-License-Identifier: MIT
// The log as it is read: a state, then entry after entry by their numbers, as far as `head` says that there
// are some.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/consul.hpp"

namespace coord::engines {

namespace {

constexpr std::uint64_t entries_in_one_read = 32;
constexpr std::uint64_t loads_limit = 10;
constexpr Duration load_pause = std::chrono::milliseconds(200), watch_pause = std::chrono::milliseconds(200);
constexpr Duration first_about = std::chrono::seconds(1);

}  // namespace

// ---- on the way in

void Consul::load(Instant now, std::uint64_t ticket) {
  following_ = false;
  again_.reset();
  barrier_at_.reset();
  waiting_.clear();
  loading_ = Loading{};
  loading_->ticket = ticket;
  loading_->number = ++loads_;
  get(now, Kind::which, at("head"), loads_);
}

// What it was reading has been removed: a newer state is there by now.
void Consul::load_again(Instant now) {
  again_.reset();
  if (!loading_) return;
  if (std::exchange(missing_, false) && ++tries_ > loads_limit) return damaged();
  load(now, loading_->ticket);
}

void Consul::take_which(Instant now, const http1::Answer& answer) {
  if (answer.status == 404) {
    log_.clear();
    head_.reset();
    loading_.reset();
    return tell(engine::Empty{});
  }
  head_ = head_in(answer);
  if (!head_) return damaged();
  log_ = head_->log;
  at_load_ = *head_;
  get(now, Kind::newest, in_log("state"), loads_);
}

void Consul::take_newest(Instant now, const http1::Answer& answer) {
  if (answer.status == 404) {
    again_ = now + load_pause;
    missing_ = true;
    return;
  }
  const auto state = state_in(answer);
  if (!state) return damaged();
  loading_->state = *state;
  ask_piece(now);
}

void Consul::ask_piece(Instant now) {
  const marks::Pointer& where = loading_->state.where;
  get(now, Kind::piece,
      fmt::format("{}/{}/{:04x}", of_epoch("piece", loading_->state.epoch), where.writer,
                  loading_->pieces_here),
      loads_);
}

void Consul::take_piece(Instant now, const http1::Answer& answer) {
  if (answer.status == 404) {
    again_ = now + load_pause;
    missing_ = true;
    return;
  }
  const auto piece = consul::read_pair(answer.body);
  if (!piece || loading_->bytes.size() + piece->value.size() > engine::state_bytes_limit) return damaged();
  loading_->bytes += piece->value;
  if (++loading_->pieces_here < loading_->state.where.pieces) return ask_piece(now);
  const Loading done = std::move(*loading_);
  loading_.reset();
  epoch_ = done.state.epoch;
  last_ = known_ = done.state.where.position;
  last_changed_ = at_load_.last == last_ ? at_load_.changed : 0;
  following_ = true;
  tell(engine::State{epoch_, last_, marks::bytes_in(done.bytes)});
  first_barrier_ = done.ticket;
  get(now, Kind::barrier, at("head"), done.ticket);
  watch(now);
  if (!about_at_) about_at_ = now + first_about;
}

// ---- entries

void Consul::watched(Instant now, const http1::Answer& answer) {
  watch_due_.reset();
  if (!following_) return;
  if (answer.status == 403) return refuse("it does not let this host in: --engine-password-file");
  watch_at_ = now;
  if (answer.status != 200) {  // it is busy, or `head` is gone: the barrier below finds which
    watch_at_ = now + watch_pause;
    watch_from_ = 0;
    if (answer.status == 404) get(now, Kind::barrier, at("head"));
    return;
  }
  const auto index = marks::number_in(answer.header("x-consul-index"), 10);
  watch_from_ = index && *index >= watch_from_ ? *index : 0;
  const auto head = head_in(answer);
  const bool is_new = head && head->log == log_ && head->last >= last_;
  if (!is_new) return get(now, Kind::barrier, at("head"));
  if (!is_of_what_was_told(*head)) return gap();
  if (!head_ || head->changed > head_->changed) head_ = head;
  known_ = std::max(known_, head->last);
  fetch(now);
}

// Numbers come again in a log that was restored, Consul's index does not.
bool Consul::is_of_what_was_told(const Head& head) const {
  const bool is_another = head.last == last_ && last_changed_ != 0 && head.changed != last_changed_;
  return COORD_RULE(consul_head_is_of_what_was_told, !is_another);
}

// With what was told last, if that is an entry: the first of a log is none.
void Consul::fetch(Instant now) {
  fetch_at_.reset();
  if (fetching_ || known_ <= last_ || !following_) return;
  consul::Transaction read;
  const bool compares = last_changed_ != 0 && last_ > 1;
  if (compares) read.get(entry(last_));
  const std::uint64_t end = std::min(known_, last_ + entries_in_one_read);
  for (std::uint64_t number = last_ + 1; number <= end; ++number) read.get(entry(number));
  fetching_ = true;
  call(now, Kind::entries, "PUT", "/v1/txn?consistent", read.text(), loads_);
  if (compares && !calls_.empty()) calls_.back().changed = last_changed_;
}

void Consul::take_entries(Instant now, const Call& call, const http1::Answer& answer) {
  if (!following_) return;
  if (call.number != loads_) return fetch(now);
  const auto read = consul::read_transaction(answer.body);
  if (!read) return unreadable();
  // One of them is gone, so a state is there that is newer than it.
  if (!COORD_RULE(consul_trim_is_noticed, answer.status == 200 && !read->pairs.empty())) return gap();
  std::uint64_t number = call.told - (call.changed != 0 ? 1 : 0);
  for (const consul::Pair& pair : read->pairs) {
    if (pair.key != entry(++number)) return gap();
    const bool is_another = number == call.told && pair.changed != call.changed;
    if (!COORD_RULE(consul_entries_follow_what_was_told, !is_another)) return gap();
    if (number == last_ + 1 && !deliver(number, pair.value, pair.changed)) return gap();
  }
  fetch(now);
  reach();
}

// False: it is not what led to the end of the log when it began to be read.
bool Consul::deliver(std::uint64_t number, std::string_view bytes, std::uint64_t changed) {
  if (number == at_load_.last && changed != at_load_.changed) return false;
  const std::uint64_t after = std::exchange(last_, number);
  last_changed_ = changed;
  if (bytes == marks::seal_of(epoch_)) {
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, marks::bytes_in(bytes)});
  }
  return true;
}

// ---- barriers

void Consul::take_barrier(Instant now, const Call& call, const http1::Answer& answer) {
  const auto head = head_in(answer);
  if (!head || head->log != log_ || head->last < call.told || !is_of_what_was_told(*head)) return gap();
  if (!head_ || head->changed > head_->changed) head_ = head;
  known_ = std::max(known_, head->last);
  expect_watch(now, head->changed);
  if (call.number != 0) waiting_.push_back(Waiting{call.number, head->last});
  fetch(now);
  reach();
}

void Consul::reach() {
  std::vector<Waiting> left;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (waiting.need > last_) {
      left.push_back(waiting);
    } else {
      if (waiting.ticket == first_barrier_) first_barrier_ = 0;
      tell(engine::Reached{waiting.ticket});
    }
  }
  waiting_ = std::move(left);
}

// Whoever follows reads all anew.
void Consul::gap() {
  following_ = false;
  waiting_.clear();
  tell(engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
}

}  // namespace coord::engines
