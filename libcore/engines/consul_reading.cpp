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
  if (++tries_ > loads_limit) return damaged();
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
  get(now, Kind::newest, in_log("state"), loads_);
}

void Consul::take_newest(Instant now, const http1::Answer& answer) {
  if (answer.status == 404) {
    again_ = now + load_pause;
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
  following_ = true;
  tell(engine::State{epoch_, last_, marks::bytes_in(done.bytes)});
  first_barrier_ = done.ticket;
  get(now, Kind::barrier, at("head"), done.ticket);
  watch(now);
  if (!about_at_) about_at_ = now + first_about;
}

// ---- entries

void Consul::watched(Instant now, const http1::Answer& answer) {
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
  if (!head_ || head->changed > head_->changed) head_ = head;
  known_ = std::max(known_, head->last);
  fetch(now);
}

void Consul::fetch(Instant now) {
  fetch_at_.reset();
  if (fetching_ || known_ <= last_ || !following_) return;
  consul::Transaction read;
  const std::uint64_t end = std::min(known_, last_ + entries_in_one_read);
  for (std::uint64_t number = last_ + 1; number <= end; ++number) read.get(entry(number));
  fetching_ = true;
  call(now, Kind::entries, "PUT", "/v1/txn?consistent", read.text(), loads_);
}

void Consul::take_entries(Instant now, const Call& call, const http1::Answer& answer) {
  if (!following_) return;
  if (call.number != loads_) return fetch(now);
  const auto read = consul::read_transaction(answer.body);
  if (!read) return unreadable();
  // One of them is gone, so a state is there that is newer than it.
  if (!COORD_RULE(consul_trim_is_noticed, answer.status == 200 && !read->pairs.empty())) return gap();
  std::uint64_t number = call.told;
  for (const consul::Pair& pair : read->pairs) {
    if (pair.key != entry(++number)) return gap();
    if (number == last_ + 1) deliver(number, pair.value);
  }
  fetch(now);
  reach();
}

void Consul::deliver(std::uint64_t number, std::string_view bytes) {
  const std::uint64_t after = std::exchange(last_, number);
  if (bytes == marks::seal_of(epoch_)) {
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, marks::bytes_in(bytes)});
  }
}

// ---- barriers

void Consul::take_barrier(Instant now, const Call& call, const http1::Answer& answer) {
  const auto head = head_in(answer);
  if (!head || head->log != log_ || head->last < call.told) return gap();
  if (!head_ || head->changed > head_->changed) head_ = head;
  known_ = std::max(known_, head->last);
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
