// SPDX-License-Identifier: MIT
// The log as it is read: a state, then entry after entry by their numbers, then what a watch says is there.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/zookeeper.hpp"

namespace coord::engines {

namespace {

using zookeeper::Operation;

constexpr std::uint64_t entries_asked = 64;
constexpr std::uint64_t load_tries = 5;

}  // namespace

// ---- on the way in

// Behind a transaction: what is read then is as new as all that anybody was told before.
void ZooKeeper::load(Instant now, std::uint64_t ticket) {
  following_ = false;
  ++walk_;
  loading_ = Loading{};
  loading_->ticket = ticket;
  loading_->number = ++loads_;
  zookeeper::Multi fresh;
  fresh.add(Operation::check, zookeeper::check("/", -1));
  call(now, Kind::fresh, Operation::multi, fresh.out());
  call(now, Kind::which, Operation::get, zookeeper::read(at("log"), false), loads_);
}

// What it was reading has been removed: a newer state is there by now.
void ZooKeeper::load_again(Instant now) {
  if (++tries_ > load_tries) return damaged();
  load(now, loading_->ticket);
}

void ZooKeeper::damaged() {
  refuse(fmt::format("the log under {} cannot be read: look for other writers there", root_));
}

void ZooKeeper::take_which(Instant now, bool found, JuteReader& reader) {
  if (!found) {
    log_.clear();
    loading_.reset();
    return tell(engine::Empty{});
  }
  log_ = reader.text();
  if (!marks::numbered(log_)) {
    log_.clear();
    return damaged();
  }
  call(now, Kind::states, Operation::children, zookeeper::read(in_log("state"), false), loads_);
}

void ZooKeeper::take_states(Instant now, bool found, JuteReader& reader) {
  if (!found) return load_again(now);
  std::optional<std::uint64_t> newest;
  for (std::size_t left = reader.count(); left > 0 && !reader.failed(); --left) {
    const auto epoch = marks::numbered(reader.text());
    if (epoch && (!newest || *epoch > *newest)) newest = epoch;
  }
  if (!newest) return damaged();
  loading_->epoch = *newest;
  call(now, Kind::pointer, Operation::get, zookeeper::read(of_epoch("state", *newest), false), loads_);
}

void ZooKeeper::take_pointer(Instant now, bool found, JuteReader& reader) {
  if (!found) return load_again(now);
  const auto pointer = marks::pointer_in(reader.text());
  const zookeeper::Stat stat = zookeeper::read_stat(reader);
  if (!pointer) return damaged();
  loading_->pointer = *pointer;
  if (pointer->position == 0) loading_->pointer.position = stat.created;
  ask_piece(now);
}

void ZooKeeper::ask_piece(Instant now) {
  const std::string path = fmt::format("{}/{}/{:04x}", of_epoch("piece", loading_->epoch),
                                       loading_->pointer.writer, loading_->pieces_here);
  call(now, Kind::piece, Operation::get, zookeeper::read(path, false), loads_);
}

void ZooKeeper::take_piece(Instant now, bool found, JuteReader& reader) {
  if (!found) return load_again(now);
  const ByteView piece = reader.buffer();
  if (loading_->state.size() + piece.size() > engine::state_bytes_limit) return damaged();
  loading_->state.insert(loading_->state.end(), piece.begin(), piece.end());
  if (++loading_->pieces_here < loading_->pointer.pieces) return ask_piece(now);
  last_ = loading_->pointer.position;
  tell(engine::State{loading_->epoch, last_, std::move(loading_->state)});
  waiting_.clear();
  following_ = true;
  enter(now, loading_->epoch);
  ask_barrier(now, loading_->ticket);
  loading_.reset();
}

// ---- what it says of itself

// Where a quota is set for the prefix, it is told with what is used of it.
void ZooKeeper::ask_about(Instant now) {
  constexpr Duration every = std::chrono::minutes(5);
  about_at_ = now + every;
  const std::string quota = "/zookeeper/quota" + root_;
  call(now, Kind::limits, Operation::get, zookeeper::read(quota + "/zookeeper_limits", false));
  call(now, Kind::used, Operation::get, zookeeper::read(quota + "/zookeeper_stats", false));
}

void ZooKeeper::take_about(const Call& call, std::int32_t error, JuteReader& reader) {
  const std::string text = error == 0 ? reader.text() : "";
  std::uint64_t bytes = 0;
  // "count=9,bytes=1000", with a semicolon and further words from 3.7 on.
  for (const std::string_view word : {"byteHardLimit=", "bytes="}) {
    const std::size_t at = text.find(word);
    if (at == std::string::npos || bytes != 0) continue;
    const std::string_view from = std::string_view(text).substr(at + word.size());
    bytes = marks::number_in(from.substr(0, from.find_first_of(",;")), 10).value_or(0);  // -1: none
  }
  (call.kind == Kind::limits ? about_.quota : about_.bytes) = bytes;
  if (call.kind == Kind::used) say(about_);
}

// "Zookeeper version: 3.8.0-..., built on ..." and then, among others, "Mode: follower". A server that no longer
// leads, or follows nobody, ends its clients' connections: so it counts as long as this one stands.
void ZooKeeper::told_aside(std::string_view text) {
  about_at_ = sent_;
  constexpr std::string_view begin = "Zookeeper version: ";
  if (!text.starts_with(begin)) return;  // who may not ask is not told
  text.remove_prefix(begin.size());
  about_.version = std::string(text.substr(0, std::min(text.find_first_of("-, \n"), std::size_t{32})));
  if (text.find("\nMode: leader") != std::string_view::npos ||
      text.find("\nMode: standalone") != std::string_view::npos)
    about_.leader = host_;
  else if (text.find("\nMode: follower") != std::string_view::npos)
    about_.leader = "another server";
  say(about_);
}

// ---- entries

void ZooKeeper::enter(Instant now, std::uint64_t epoch) {
  ++walk_;
  epoch_ = epoch;
  told_ = asked_ = known_ = 0;
  looked_.reset();
  arrived_.clear();
  look(now);
}

// For the first number that is not known: a watch, and how many there are by then. An event comes before any
// answer that is newer than it.
void ZooKeeper::look(Instant now) {
  looked_ = known_;
  call(now, Kind::next, Operation::exists, zookeeper::read(entry(known_), true), walk_, known_);
  call(now, Kind::epoch, Operation::exists, zookeeper::read(of_epoch("epoch", epoch_), false), walk_);
}

void ZooKeeper::advance(Instant now) {
  for (; asked_ < known_ && asked_ < told_ + entries_asked; ++asked_)
    call(now, Kind::entry, Operation::get, zookeeper::read(entry(asked_), false), walk_, asked_);
  if (looked_ && *looked_ < known_) look(now);
}

void ZooKeeper::event(Instant now, const std::string& path) {
  if (!following_ || !looked_ || path != entry(*looked_)) return;
  known_ = std::max(known_, *looked_ + 1);
  advance(now);
}

// By this gateway. Where another program has taken the number that is watched, no event tells of it.
void ZooKeeper::created(Instant now, const std::string& path) {
  if (!following_ || path.size() < 10 || !path.starts_with(of_epoch("epoch", epoch_) + "/e")) return;
  const auto number = marks::number_in(std::string_view(path).substr(path.size() - 10), 10);
  if (!number || *number < known_) return;
  known_ = *number + 1;
  advance(now);
}

// An epoch is marked before its entries are removed: where the mark is not, a number without an entry was
// another program's.
void ZooKeeper::take_epoch(Instant now, const Call& call, bool found, JuteReader& reader) {
  constexpr std::int32_t sealed = 1;
  const zookeeper::Stat stat = found ? zookeeper::read_stat(reader) : zookeeper::Stat{};
  if (!COORD_RULE(zookeeper_trim_is_noticed, found && stat.version <= sealed)) return gap();
  if (call.kind == Kind::hole) {
    arrived_[call.number].is_hole = true;
    return deliver(now);
  }
  known_ = std::max(known_, stat.creations());
  advance(now);
}

void ZooKeeper::take_entry(Instant now, std::uint64_t number, bool found, JuteReader& reader) {
  if (!found) {
    return call(now, Kind::hole, Operation::exists, zookeeper::read(of_epoch("epoch", epoch_), false), walk_,
                number);
  }
  const ByteView data = reader.buffer();
  Arrived entry{Bytes(data.begin(), data.end()), zookeeper::read_stat(reader).created, false};
  if (reader.failed()) return;
  arrived_[number] = std::move(entry);
  deliver(now);
}

// In the order of their numbers, in whichever they came.
void ZooKeeper::deliver(Instant now) {
  const std::uint64_t walk = walk_;
  while (following_ && walk == walk_) {
    const auto next = arrived_.find(told_);
    if (next == arrived_.end()) break;
    Arrived entry = std::move(next->second);
    arrived_.erase(next);
    ++told_;
    if (!entry.is_hole) tell_entry(now, std::move(entry));
  }
  if (!following_ || walk != walk_) return;
  advance(now);
  reach();
}

void ZooKeeper::tell_entry(Instant now, Arrived&& entry) {
  if (entry.position <= last_) return;  // of another program, with a name like ours
  const std::uint64_t after = std::exchange(last_, entry.position);
  if (entry.bytes != marks::bytes_in(marks::seal_of(epoch_)))
    return tell(engine::Entry{after, last_, std::move(entry.bytes)});
  tell(engine::Sealed{after, last_, epoch_ + 1});
  enter(now, epoch_ + 1);
  for (const Waiting& waiting : std::exchange(waiting_, {})) ask_barrier(now, waiting.ticket);
}

// Whoever follows reads all anew.
void ZooKeeper::gap() {
  following_ = false;
  ++walk_;
  loading_.reset();
  waiting_.clear();
  tell(engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
}

// ---- barriers

// The check goes through a quorum, whether it holds or not; the read behind it is answered when it has.
void ZooKeeper::ask_barrier(Instant now, std::uint64_t ticket) {
  const std::string epoch = of_epoch("epoch", epoch_);
  zookeeper::Multi quorum;
  quorum.add(Operation::check, zookeeper::check(epoch, 0));
  call(now, Kind::barrier, Operation::multi, quorum.out());
  call(now, Kind::behind, Operation::exists, zookeeper::read(epoch, false), walk_, ticket);
}

void ZooKeeper::take_behind(Instant now, std::uint64_t ticket, bool found, JuteReader& reader) {
  constexpr std::int32_t sealed = 1;
  const zookeeper::Stat stat = found ? zookeeper::read_stat(reader) : zookeeper::Stat{};
  if (!found || stat.version > sealed) return gap();
  known_ = std::max(known_, stat.creations());
  waiting_.push_back(Waiting{ticket, stat.version == sealed, stat.creations()});
  advance(now);
  reach();
}

void ZooKeeper::reach() {
  std::vector<Waiting> left;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (told_ < waiting.need) {
      left.push_back(waiting);
    } else if (waiting.sealed) {
      return damaged();  // the last entry of a sealed epoch is its seal
    } else {
      tell(engine::Reached{waiting.ticket});
    }
  }
  waiting_ = std::move(left);
}

}  // namespace coord::engines
