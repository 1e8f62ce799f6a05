// SPDX-License-Identifier: MIT
#include "engines/etcd.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"
#include "engines/etcd_text.hpp"
#include "engines/marks.hpp"

namespace coord::engines {

namespace {

using etcd::message_limit;
using etcd::number_in;
using etcd::Range;
using etcd::seal_name;
using etcd::seal_of;
using etcd::text_bytes;
using etcd::text_of;
using etcd::Transaction;

constexpr Duration patience = std::chrono::seconds(2);  // a change of its leader takes 1.2 to 1.8 s
constexpr Duration watch_tells = std::chrono::seconds(1);
constexpr Duration about_every = std::chrono::minutes(1);
constexpr std::uint64_t much_history = 100'000;  // revisions: who keeps so many keeps all
constexpr std::size_t piece_bytes = 256 * 1024;

std::size_t pieces_in(const Bytes& state) {
  return (state.size() + piece_bytes - 1) / piece_bytes;
}

}  // namespace

Etcd::Etcd(Access access, std::string host, bool tls)
    : access_(std::move(access)), host_(std::move(host)), channel_(host_, tls) {}

std::string Etcd::of_epoch(const char* what, std::uint64_t epoch) const {
  return fmt::format("{}{}/{:016x}", access_.prefix, what, epoch);
}

// Which log it is, and which epoch of it is open: what every append compares. So what was meant for a log
// that was removed does not get into one that was made in its place.
Bytes Etcd::open_in(std::uint64_t log, std::uint64_t epoch) {
  return text_bytes(fmt::format("{:016x} {}", log, epoch));
}

std::string Etcd::pieces_of(std::uint64_t epoch, const std::string& folder) const {
  return fmt::format("{}/{}/", of_epoch("piece", epoch), folder);
}

// ---- calls

void Etcd::call(Instant now, Kind kind, const char* method, const Bytes& message, std::uint64_t number) {
  await(now, kind, channel_.call(method, message), number);
}

void Etcd::await(Instant now, Kind kind, Http2::Stream stream, std::uint64_t number) {
  calls_[stream] = Call{kind, now, number, seen_, {}};
}

void Etcd::flush() {
  if (channel_.http().has_output()) write(channel_.http().take_output());
}

void Etcd::begin(Instant now) {
  heard_at_ = now;
  if (access_.user.empty()) {
    tell(engine::Up{});
  } else {
    await(now, Kind::authenticate, channel_.authenticate(access_));
  }
  flush();
}

void Etcd::receive(Instant now, ByteView bytes) {
  for (Http2::Event& event : channel_.http().receive(bytes)) {
    if (closed_) return;
    heard_at_ = now;
    if (const auto* body = std::get_if<Http2::Body>(&event)) {
      const auto found = calls_.find(body->stream);
      if (found == calls_.end()) continue;
      if (is_of_load(found->second.kind)) loaded_at_ = now;
      Bytes& answer = found->second.answer;
      if (answer.size() + body->bytes.size() > message_limit) {
        too_long(now, body->stream);
        if (closed_) return;
        continue;
      }
      answer.insert(answer.end(), body->bytes.begin(), body->bytes.end());
      if (watch_ == body->stream) watched(answer);
      continue;
    }
    const auto& end = std::get<Http2::Ended>(event);
    const auto found = calls_.find(end.stream);
    if (found == calls_.end()) continue;
    Call done = std::move(found->second);
    calls_.erase(found);
    ended(now, std::move(done), end);
  }
  if (channel_.http().failed()) return unreadable();
  leave_if_going();
  flush();
}

// It says so, and then waits for the watch for seconds without taking anything new.
void Etcd::leave_if_going() {
  const std::size_t watches = watch_ && calls_.contains(*watch_) ? 1 : 0;
  if (closed_ || !channel_.http().is_going() || calls_.size() > watches) return;
  closed_ = true;
  close(fmt::format("{}: it is shutting down", host_));
}

void Etcd::unreadable() {
  closed_ = true;
  close(fmt::format("{}: the server there is not etcd", host_));
}

// Values of others' may be long: the same in smaller pages.
void Etcd::too_long(Instant now, Http2::Stream stream) {
  const Call call = calls_.at(stream);
  const bool is_page = call.kind == Kind::tail || call.kind == Kind::behind;
  if (!is_page || page_ == 1) return unreadable();
  calls_.erase(stream);
  channel_.http().reset(stream);
  page_ = std::max<std::uint64_t>(page_ / 8, 1);
  if (call.kind == Kind::behind) return ask_behind(now, call.load);
  if (loading_ && loading_->number == call.load) ask_tail(now);
}

void Etcd::ended(Instant now, Call&& done, const Http2::Ended& event) {
  const etcd::Ending ending = etcd::ending_of(event);
  if (!ending.is_good()) return refused(done.kind, ending);
  if (done.kind == Kind::watch) return refused(done.kind, {ending.status, "it has ended the watch"});
  const auto message = etcd::message_in(done.answer);
  if (!message) return unreadable();
  answered(now, done, *message);
}

// An append, a state or a barrier is asked again by those who want it: that etcd was busy is no reason to go.
bool Etcd::comes_again(Kind kind) {
  return kind == Kind::change || kind == Kind::piece || kind == Kind::pointer || kind == Kind::barrier ||
         kind == Kind::behind;
}

void Etcd::refused(Kind kind, const etcd::Ending& ending) {
  // Whoever may not ask is not told; a revision that was compacted is not there.
  if (kind == Kind::status || kind == Kind::members || kind == Kind::history) {
    if (kind == Kind::history) about_.keeps_all = false;
    return say(about_);
  }
  const bool is_busy = ending.status == "14" || ending.status == "4" || ending.status.empty();
  if (kind == Kind::piece || kind == Kind::pointer) keeping_.reset();
  if (kind == Kind::behind) looks_behind_ = false;
  if (comes_again(kind) && is_busy) return;
  // Reading goes on.
  if (comes_again(kind) && ending.text.find("database space exceeded") != std::string::npos)
    return tell(engine::Refused{
        fmt::format("{}: {}: compact and defragment it, then disarm the alarm", host_, ending.text)});
  closed_ = true;
  close(fmt::format("{}: {}", host_, ending.why()));
}

void Etcd::answered(Instant now, const Call& call, ByteView message) {
  if (call.kind == Kind::authenticate) {
    channel_.authenticated(message);
    return tell(engine::Up{});
  }
  if (call.kind == Kind::status) return take_status(now, message);
  if (call.kind == Kind::members) return take_members(message);
  const bool is_range = call.kind == Kind::history || call.kind == Kind::pieces || call.kind == Kind::barrier;
  const auto answer = call.kind == Kind::piece ? std::optional(etcd::Answer{})
                      : is_range               ? etcd::read_range(message)
                                               : etcd::read_transaction(message);
  if (!answer) return unreadable();
  const bool of_this_load = loading_ && loading_->number == call.load;
  switch (call.kind) {
    case Kind::top:
      if (of_this_load) take_top(now, *answer);
      break;
    case Kind::pieces:
      if (of_this_load) take_pieces(now, *answer);
      break;
    case Kind::tail:
      if (of_this_load) take_tail(now, *answer);
      break;
    case Kind::barrier:
      take_barrier(now, call, *answer);
      break;
    case Kind::behind:
      take_behind(now, call, *answer);
      break;
    case Kind::piece:
      keep(now);
      break;
    case Kind::pointer:
      take_pointer(now, *answer);
      break;
    case Kind::change:
      if (answer->succeeded && answer->revision > std::max(written_, seen_)) {
        if (written_ <= seen_) written_at_ = now;
        written_ = answer->revision;
      }
      break;
    case Kind::history:
      about_.keeps_all = true;
      say(about_);
      break;
    case Kind::authenticate:
    case Kind::watch:
    case Kind::status:
    case Kind::members:
      break;
  }
}

// ---- what it says of itself

void Etcd::ask_about(Instant now) {
  about_at_ = now + about_every;
  call(now, Kind::status, "/etcdserverpb.Maintenance/Status", {});
  if (seen_ <= much_history) return;
  call(now, Kind::history, "/etcdserverpb.KV/Range",
       etcd::range({at("open"), {}, 0, seen_ - much_history, 0, {}}).out());
}

void Etcd::take_status(Instant now, ByteView message) {
  const auto status = etcd::read_status(message);
  if (!status) return;
  about_.version = status->version;
  about_.bytes = status->bytes;
  about_.quota = status->quota;
  const bool is_another = leader_ != status->leader;
  leader_ = status->leader;
  const bool is_elsewhere = leader_ != 0 && leader_ != status->member;
  if (is_elsewhere) {
    if (is_another) about_.leader.reset();  // where it is may stay unknown
    call(now, Kind::members, "/etcdserverpb.Cluster/MemberList", {});
  } else {
    about_.leader = leader_ == 0 ? "" : host_;
  }
  say(about_);
}

void Etcd::take_members(ByteView message) {
  const auto where = etcd::read_member(message, leader_);
  if (!where || where->empty()) return;
  about_.leader = *where;
  say(about_);
}

// ---- requests

void Etcd::ask(Instant now, const engine::Request& request) {
  constexpr char txn[] = "/etcdserverpb.KV/Txn";
  leave_if_going();
  if (closed_) return;
  if (const auto* append = std::get_if<engine::Append>(&request)) {
    const std::string key = of_epoch("log", append->epoch) + "/" + append->key;
    Transaction change;
    if (COORD_RULE_OR(etcd_append_is_of_the_open_epoch, true, false))
      change.if_value(at("open"), open_in(log_, append->epoch));
    change.if_absent(key);
    call(now, Kind::change, txn, change.then_put(key, append->bytes).out());
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    Transaction change;
    change.if_value(at("open"), open_in(log_, seal->epoch));
    change.then_put(at("open"), open_in(log_, seal->epoch + 1));
    change.then_put(of_epoch("log", seal->epoch) + "/" + seal_name, seal_of(seal->epoch));
    call(now, Kind::change, txn, change.out());
  } else if (const auto* make = std::get_if<engine::Make>(&request)) {
    Transaction change;
    change.if_absent(at("open")).then_put(at("open"), open_in(access_.writer, 1));
    change.then_put(pieces_of(1, marks::name_of(access_.writer)) + "0000", make->state);
    change.then_put(of_epoch("state", 1), text_bytes(fmt::format("{:016x} 1 0", access_.writer)));
    call(now, Kind::change, txn, change.out());
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    if (!keeping_) {
      keeping_ = Keeping{*kept, marks::folder_of(access_.writer, access_.connection, ++keeps_), 0};
      keep(now);
    }
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    ask_barrier(now, barrier->ticket);
  } else {
    load(now, std::get<engine::Load>(request));
  }
  flush();
}

bool Etcd::is_of_load(Kind kind) {
  return kind == Kind::top || kind == Kind::pieces || kind == Kind::tail;
}

// A log is long, and a way may be slow: there it is silence since the last piece of it.
Instant Etcd::silent_at(const Call& call) const {
  return (is_of_load(call.kind) ? std::max(call.sent, loaded_at_) : call.sent) + patience;
}

std::optional<Instant> Etcd::idle_until() const {
  const std::size_t watches = watch_ && calls_.contains(*watch_) ? 1 : 0;
  if (!following_ || calls_.size() > watches) return std::nullopt;
  return heard_at_ + silence_is_asked_about;
}

// A leader that is gone keeps the calls that it had taken, for seconds: they are not waited for while others
// are answered. What matters of them is asked again.
void Etcd::tick(Instant now) {
  if (closed_) return;
  std::vector<Http2::Stream> given_up;
  for (const auto& [stream, call] : calls_) {
    if (call.kind == Kind::watch || now < silent_at(call)) continue;
    const bool is_about = call.kind == Kind::status || call.kind == Kind::history;
    if (is_about || (comes_again(call.kind) && now < heard_at_ + patience)) {
      given_up.push_back(stream);
      continue;
    }
    closed_ = true;
    return close(fmt::format("{}: no answer within {} s: it has no leader, or cannot be reached", host_,
                             std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
  }
  if (const auto idle = idle_until(); idle && now >= *idle) ask_barrier(now, 0);
  if (following_ && about_at_ && now >= *about_at_) ask_about(now);
  if (loading_ && loading_->again && now >= *loading_->again) load_again(now);
  if (following_ && written_ > seen_ && !looks_behind_ && now >= written_at_ + watch_tells) {
    looks_behind_ = true;
    ask_behind(now, 0);
  }
  for (const Http2::Stream stream : given_up) {
    const Kind kind = calls_.at(stream).kind;
    if (kind == Kind::piece || kind == Kind::pointer) keeping_.reset();
    if (kind == Kind::behind) looks_behind_ = false;
    calls_.erase(stream);
    channel_.http().reset(stream);
  }
  flush();
}

std::optional<Instant> Etcd::deadline() const {
  Earliest first;
  for (const auto& [stream, call] : calls_) {
    if (call.kind != Kind::watch) first.add(silent_at(call));
  }
  first.add(idle_until());
  if (following_) first.add(about_at_);
  if (loading_) first.add(loading_->again);
  if (following_ && written_ > seen_ && !looks_behind_) first.add(written_at_ + watch_tells);
  return first.get();
}

// ---- states

Bytes Etcd::pointer_of(const Keeping& kept) {
  return marks::bytes_in(marks::text_of({kept.folder, pieces_in(kept.what.state), kept.what.position}));
}

// Piece by piece, then the pointer to them: nobody can find a part of a state.
void Etcd::keep(Instant now) {
  if (!keeping_) return;
  const Bytes& state = keeping_->what.state;
  const std::uint64_t epoch = keeping_->what.epoch;
  if (COORD_RULE_OR(etcd_pointer_follows_its_pieces, keeping_->next < pieces_in(state), false)) {
    const std::size_t from = keeping_->next * piece_bytes;
    const ByteView piece = ByteView(state).subspan(from, std::min(piece_bytes, state.size() - from));
    const std::string key = fmt::format("{}{:04x}", pieces_of(epoch, keeping_->folder), keeping_->next++);
    return call(now, Kind::piece, "/etcdserverpb.KV/Put", etcd::put(key, piece).out());
  }
  const std::string pointer = of_epoch("state", epoch);
  Transaction change;
  // Not where another log was made in the place of this one.
  change.if_value_begins(at("open"), fmt::format("{:016x} ", log_)).if_absent(pointer);
  change.then_put(pointer, pointer_of(*keeping_));
  call(now, Kind::pointer, "/etcdserverpb.KV/Txn", change.out());
}

// Whose it is has to clear away: what was there before, or what came too late. Something between here and
// etcd may have asked twice: then the pointer that is there is this one's.
void Etcd::take_pointer(Instant now, const etcd::Answer& answer) {
  if (!keeping_) return;
  const Keeping kept = std::move(*keeping_);
  const std::uint64_t epoch = kept.what.epoch;
  keeping_.reset();
  Transaction change;
  if (answer.succeeded) {
    change.if_value_begins(at("open"), fmt::format("{:016x} ", log_));
    for (const char* what : {"log", "state", "piece"})
      change.then_remove(of_epoch(what, 0), of_epoch(what, epoch));
  } else {
    const std::string own = pieces_of(epoch, kept.folder);
    change.if_other_value(of_epoch("state", epoch), pointer_of(kept));
    change.then_remove(own, etcd::after_prefix(own));
  }
  call(now, Kind::change, "/etcdserverpb.KV/Txn", change.out());
}

}  // namespace coord::engines
