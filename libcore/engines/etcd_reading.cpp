// SPDX-License-Identifier: MIT
// The log as it is read: a state and what is behind it on the way in, then what the watch tells, and what a
// barrier finds between.
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/etcd.hpp"
#include "engines/etcd_text.hpp"
#include "engines/marks.hpp"
#include "replica/engine_frame.hpp"

namespace coord::engines {

Bytes etcd::seal_of(std::uint64_t epoch) {
  return text_bytes(fmt::format("coordutils: sealed, {} is next", epoch + 1));
}

using etcd::Range;
using etcd::Transaction;

namespace {

constexpr Duration until_again = std::chrono::milliseconds(200);
constexpr unsigned tries_limit = 10;
constexpr Duration until_about = std::chrono::seconds(1);

}  // namespace

// ---- on the way in

void Etcd::load(Instant now, const engine::Load& request) {
  if (watch_) {
    channel_.http().reset(*watch_);
    calls_.erase(*watch_);
    watch_.reset();
  }
  following_ = looks_behind_ = false;
  const unsigned tries = loading_ && loading_->ticket == request.ticket ? loading_->tries : 0;
  loading_ = Loading{};
  loading_->ticket = request.ticket;
  loading_->number = ++loads_;
  loading_->tries = tries;
  Transaction read;
  read.then_range({at("open"), {}, 0, 0, 0, {}});
  const std::string states = at("state/");
  // Others may have put something there, too.
  constexpr std::uint64_t newest_few = 16;
  read.then_range({states, etcd::after_prefix(states), newest_few, 0, 0, Range::Order::by_key_down});
  call(now, Kind::top, "/etcdserverpb.KV/Txn", read.out(), loads_);
}

void Etcd::take_top(Instant now, const etcd::Answer& answer) {
  if (answer.revision == 0) return unreadable();  // some other server's: etcd says always how far it is
  if (answer.pairs.empty() || answer.pairs.front().key != at("open")) {
    loading_.reset();
    return tell(engine::Empty{});
  }
  const std::string damaged =
      fmt::format("{}: the log under {} cannot be read: look for other writers there", host_, access_.prefix);
  closed_ = true;
  const std::string opened = etcd::text_of(answer.pairs.front().value);
  const auto log = etcd::number_in(std::string_view(opened).substr(0, opened.find(' ')), 16);
  if (!log) return close(damaged);
  log_ = *log;
  const std::string states = at("state/");
  for (std::size_t i = 1; closed_ && i < answer.pairs.size(); ++i) {
    const etcd::Pair& pair = answer.pairs[i];
    if (!pair.key.starts_with(states)) continue;
    const auto epoch = marks::numbered(std::string_view(pair.key).substr(states.size()));
    const auto pointer = marks::pointer_in(etcd::text_of(pair.value));
    if (!epoch || !pointer) continue;
    closed_ = false;
    loading_->epoch = *epoch;
    loading_->pieces = static_cast<std::size_t>(pointer->pieces);
    loading_->writer = pointer->writer;
    loading_->position = pointer->position != 0 ? pointer->position : pair.changed;
  }
  if (closed_) return close(damaged);
  ask_pieces(now);
}

void Etcd::load_again(Instant now) {
  load(now, engine::Load{loading_->ticket});
}

void Etcd::ask_pieces(Instant now) {
  const std::string all = fmt::format("{}/{}/", of_epoch("piece", loading_->epoch), loading_->writer);
  const std::string from = fmt::format("{}{:04x}", all, loading_->pieces_here);
  constexpr std::uint64_t at_once = 8;
  call(now, Kind::pieces, "/etcdserverpb.KV/Range",
       etcd::range({from, etcd::after_prefix(all), at_once, 0, 0, Range::Order::by_key}).out(), loads_);
}

// Some are gone: a newer state is there by now, or it was damaged.
void Etcd::take_pieces(Instant now, const etcd::Answer& answer) {
  if (answer.pairs.empty()) {
    if (++loading_->tries >= tries_limit) {
      closed_ = true;
      return close(fmt::format("{}: the state that is kept under {} is not whole: pieces of it are missing",
                               host_, access_.prefix));
    }
    loading_->again = now + until_again;
    return;
  }
  for (const etcd::Pair& pair : answer.pairs) {
    if (loading_->state.size() + pair.value.size() > engine::state_bytes_limit) return unreadable();
    loading_->state.insert(loading_->state.end(), pair.value.begin(), pair.value.end());
    ++loading_->pieces_here;
  }
  if (loading_->pieces_here < loading_->pieces) return ask_pieces(now);
  last_ = loading_->position;
  epoch_ = loading_->epoch;
  tell(engine::State{loading_->epoch, loading_->position, std::move(loading_->state)});
  ask_tail(now);
}

void Etcd::ask_tail(Instant now) {
  ask_log(now, Kind::tail, loading_->at_revision, loads_);
}

// What is behind the place that was told last, and which epoch is open then, at one revision.
void Etcd::ask_log(Instant now, Kind kind, std::uint64_t at_revision, std::uint64_t number) {
  const std::string all = at("log/");
  Transaction read;
  read.then_range({all, etcd::after_prefix(all), page_, at_revision, last_ + 1, Range::Order::by_change});
  read.then_range({at("open"), {}, 0, at_revision, 0, {}});
  call(now, kind, "/etcdserverpb.KV/Txn", read.out(), number);
}

// True: all of it was told. Whole epochs are trimmed in one transaction, with what was not read of them; so
// if another epoch is open than the one that the last entry leads to, or another log is there,
// entries were lost.
bool Etcd::deliver_all(Instant now, Kind kind, std::uint64_t number, const etcd::Answer& answer) {
  bool is_open = false, any = false;
  for (const etcd::Pair& pair : answer.pairs) {
    if (pair.key == at("open")) {
      is_open = pair.value == open_in(log_, epoch_);
    } else if (!deliver(pair)) {
      return false;
    } else {
      any = true;
    }
  }
  if (answer.more && any) {
    if (kind == Kind::tail) {
      ask_tail(now);
    } else {
      ask_behind(now, number);
    }
    return false;
  }
  if (!COORD_RULE(etcd_no_epoch_is_missing, is_open)) gap();
  return following_ || loading_;
}

// Whoever follows reads all anew.
void Etcd::gap() {
  following_ = false;
  loading_.reset();
  tell(engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
}

void Etcd::take_tail(Instant now, const etcd::Answer& answer) {
  if (loading_->at_revision == 0) loading_->at_revision = answer.revision;
  if (!deliver_all(now, Kind::tail, loads_, answer)) return;
  const std::uint64_t revision = loading_->at_revision;
  tell(engine::Reached{loading_->ticket});
  loading_.reset();
  following_ = true;
  seen_ = std::max(last_, revision);
  const std::string all = at("log/");
  watch_ = channel_.watch(etcd::watch(all, etcd::after_prefix(all), seen_ + 1));
  await(now, Kind::watch, *watch_);
  if (!about_at_) about_at_ = now + until_about;
}

// What is older was told: a barrier was faster than the watch.
bool Etcd::deliver(const etcd::Pair& pair) {
  if (pair.changed <= last_) return true;
  const std::string own = of_epoch("log", epoch_) + "/";
  const bool is_seal = pair.key.ends_with(std::string("/") + etcd::seal_name) &&
                       pair.value.size() > sizeof etcd::seal_name &&
                       etcd::text_of(pair.value).starts_with("coordutils: sealed");
  const auto entry = replica::decode_engine_entry(pair.value);
  const bool is_ours = is_seal || !entry || *entry;  // a version that is not known is ours, too
  if (!COORD_RULE(etcd_entry_is_of_the_epoch_told, !is_ours || pair.key.starts_with(own))) {
    gap();
    return false;
  }
  const std::uint64_t after = std::exchange(last_, pair.changed);
  seen_ = std::max(seen_, last_);
  if (is_seal && pair.value == etcd::seal_of(epoch_)) {
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, pair.value});
  }
  return true;
}

// Several messages may have come, or a part of one.
void Etcd::watched(Bytes& bytes) {
  std::size_t at_byte = 0;
  bool failed = false;
  while (const auto message = etcd::next_message(bytes, at_byte, failed)) {
    const auto answer = etcd::read_watch(*message);
    if (!answer) return unreadable();
    if (answer->cancelled) {
      closed_ = true;
      const std::string why = answer->compacted != 0 ? "its history was compacted" : answer->why;
      return close(fmt::format("{}: {}", host_, why.empty() ? "it has ended the watch" : why));
    }
    if (!following_) continue;
    for (const etcd::Pair& pair : answer->pairs) {
      if (!deliver(pair)) break;
    }
  }
  if (failed) return unreadable();
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at_byte));
}

// ---- barriers

void Etcd::ask_barrier(Instant now, std::uint64_t ticket) {
  call(now, Kind::barrier, "/etcdserverpb.KV/Range", etcd::range({at("open"), {}, 0, 0, 0, {}}).out(),
       ticket);
}

// Revisions never go back but in a cluster that was restored, behind a proxy that was not.
void Etcd::take_barrier(Instant now, const Call& call, const etcd::Answer& answer) {
  if (!following_) return;
  if (!COORD_RULE(etcd_revision_goes_on, answer.revision >= call.seen)) return gap();
  const bool is_open = !answer.pairs.empty() && answer.pairs.front().value == open_in(log_, epoch_);
  if (answer.revision > seen_ || !is_open) return ask_behind(now, call.load);
  if (call.load != 0) tell(engine::Reached{call.load});
}

void Etcd::ask_behind(Instant now, std::uint64_t ticket) {
  ask_log(now, Kind::behind, 0, ticket);
}

void Etcd::take_behind(Instant now, const Call& call, const etcd::Answer& answer) {
  if (!following_) return;
  if (answer.revision < call.seen) return gap();
  if (!deliver_all(now, Kind::behind, call.load, answer)) return;
  seen_ = std::max(seen_, answer.revision);
  looks_behind_ = false;
  if (call.load != 0) tell(engine::Reached{call.load});
}

}  // namespace coord::engines
