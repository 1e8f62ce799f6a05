// SPDX-License-Identifier: MIT
#include "engines/etcd.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_frame.hpp"

namespace coord::engines {

namespace {

using etcd::Range;
using etcd::Transaction;

constexpr Duration patience = std::chrono::seconds(2);  // a change of its leader takes 1.2 to 1.8 s
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t pieces_limit = 1024;
constexpr std::uint64_t page = 512;
constexpr std::size_t message_limit = 16U << 20U;
constexpr char seal_name[] = "~";
constexpr std::size_t epoch_digits = 16;

Bytes text_bytes(const std::string& text) {
  const ByteView view = bytes_of(text);
  return {view.begin(), view.end()};
}

std::string text_of(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

std::optional<std::uint64_t> number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// How a seal is told from what another program may have put under its name.
Bytes seal_of(std::uint64_t epoch) {
  return text_bytes(fmt::format("coordutils: sealed, {} is next", epoch + 1));
}

std::string header_in(const Headers& headers, std::string_view name) {
  std::string value;
  for (const auto& [known, said] : headers) {
    if (known == name) value = said;
  }
  return value;
}

}  // namespace

Etcd::Etcd(Access access, std::string host, bool tls)
    : access_(std::move(access)), host_(std::move(host)), tls_(tls) {}

std::string Etcd::of_epoch(const char* what, std::uint64_t epoch) const {
  return fmt::format("{}{}/{:016x}", access_.prefix, what, epoch);
}

// Which log it is, and which epoch of it is open: what every append compares. So what was meant for a log
// that was removed does not get into one that was made in its place.
Bytes Etcd::open_in(std::uint64_t log, std::uint64_t epoch) {
  return text_bytes(fmt::format("{:016x} {}", log, epoch));
}

std::string Etcd::own_pieces(std::uint64_t epoch) const {
  return fmt::format("{}/{:016x}/", of_epoch("piece", epoch), access_.writer);
}

// ---- calls

void Etcd::call(Instant now, Kind kind, const char* method, const Bytes& message, std::uint64_t number) {
  Headers headers{{":method", "POST"},   {":scheme", tls_ ? "https" : "http"}, {":path", method},
                  {":authority", host_}, {"content-type", "application/grpc"}, {"te", "trailers"}};
  if (kind == Kind::watch) headers.emplace_back("hasleader", "true");
  if (!token_.empty()) headers.emplace_back("token", token_);
  const Http2::Stream stream = http_.open(headers);
  Bytes framed{0};
  for (unsigned shift = 32; shift > 0; shift -= 8)
    framed.push_back(static_cast<std::uint8_t>(message.size() >> (shift - 8)));
  framed.insert(framed.end(), message.begin(), message.end());
  http_.send(stream, framed, kind != Kind::watch);
  calls_[stream] = Call{kind, now, number, {}};
  if (kind == Kind::watch) watch_ = stream;
}

void Etcd::flush() {
  if (http_.has_output()) write(http_.take_output());
}

void Etcd::begin(Instant now) {
  if (access_.user.empty()) {
    tell(engine::Up{});
  } else {
    ProtoWriter who;
    who.text(1, access_.user).text(2, access_.password);
    call(now, Kind::authenticate, "/etcdserverpb.Auth/Authenticate", who.out());
  }
  flush();
}

void Etcd::receive(Instant now, ByteView bytes) {
  for (Http2::Event& event : http_.receive(bytes)) {
    if (closed_) return;
    if (const auto* body = std::get_if<Http2::Body>(&event)) {
      const auto found = calls_.find(body->stream);
      if (found == calls_.end()) continue;
      Bytes& answer = found->second.answer;
      if (answer.size() + body->bytes.size() > message_limit) return unreadable();
      answer.insert(answer.end(), body->bytes.begin(), body->bytes.end());
      if (watch_ == body->stream) watched(now, answer);
      continue;
    }
    const auto& end = std::get<Http2::Ended>(event);
    const auto found = calls_.find(end.stream);
    if (found == calls_.end()) continue;
    Call done = std::move(found->second);
    calls_.erase(found);
    ended(now, std::move(done), end);
  }
  if (http_.failed()) return unreadable();
  if (http_.is_going() && calls_.empty()) close(fmt::format("{}: it is shutting down", host_));
  flush();
}

void Etcd::unreadable() {
  closed_ = true;
  close(fmt::format("{}: what answers there is not etcd's", host_));
}

void Etcd::ended(Instant now, Call&& done, const Http2::Ended& event) {
  const std::string status = header_in(event.headers, "grpc-status");
  if (event.reset || status != "0") {
    std::string text = header_in(event.headers, "grpc-message");
    if (event.reset) text = "it broke off";
    return refused(done.kind, status, text);
  }
  if (done.kind == Kind::watch) return refused(done.kind, status, "it has ended the watch");
  if (done.answer.size() < 5 || done.answer.front() != 0) return unreadable();
  answered(now, done, ByteView(done.answer).subspan(5));
}

// An append, a state or a barrier is asked again by those who want it: that etcd was busy is no reason to go.
bool Etcd::comes_again(Kind kind) {
  return kind == Kind::change || kind == Kind::piece || kind == Kind::pointer || kind == Kind::barrier ||
         kind == Kind::behind;
}

void Etcd::refused(Kind kind, const std::string& status, const std::string& text) {
  const bool is_busy = status == "14" || status == "4" || status.empty();
  if (kind == Kind::piece || kind == Kind::pointer) keeping_.reset();
  if (comes_again(kind) && is_busy) return;
  closed_ = true;
  std::string remedy;
  if (text.find("database space exceeded") != std::string::npos)
    remedy = ": compact and defragment it, then disarm the alarm";
  close(fmt::format("{}: {}{}", host_, text.empty() ? "it refuses (gRPC status " + status + ")" : text,
                    remedy));
}

void Etcd::answered(Instant now, const Call& call, ByteView message) {
  answered_at_ = now;
  if (call.kind == Kind::authenticate) {
    ProtoReader reader(message);
    while (const auto field = reader.next()) {
      if (field->number == 2) token_.assign(field->bytes.begin(), field->bytes.end());
    }
    tell(engine::Up{});
    return;
  }
  const bool is_range = call.kind == Kind::pieces || call.kind == Kind::barrier;
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
      take_barrier(now, call.load, *answer);
      break;
    case Kind::behind:
      take_behind(now, call.load, *answer);
      break;
    case Kind::piece:
      keep(now);
      break;
    case Kind::pointer:
      take_pointer(now, *answer);
      break;
    case Kind::authenticate:
    case Kind::watch:
    case Kind::change:
      break;
  }
}

// ---- requests

void Etcd::ask(Instant now, const engine::Request& request) {
  constexpr char txn[] = "/etcdserverpb.KV/Txn";
  if (const auto* append = std::get_if<engine::Append>(&request)) {
    const std::string key = of_epoch("log", append->epoch) + "/" + append->key;
    Transaction change;
    change.if_value(at("open"), open_in(log_, append->epoch)).if_absent(key);
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
    change.then_put(own_pieces(1) + "0000", make->state);
    change.then_put(of_epoch("state", 1), text_bytes(fmt::format("{:016x} 1 0", access_.writer)));
    call(now, Kind::change, txn, change.out());
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    if (!keeping_) {
      keeping_ = Keeping{*kept, 0};
      keep(now);
    }
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    call(now, Kind::barrier, "/etcdserverpb.KV/Range", etcd::range({at("open"), {}, 0, 0, 0, {}}).out(),
         barrier->ticket);
  } else {
    load(now, std::get<engine::Load>(request));
  }
  flush();
}

// A leader that is gone keeps the calls that it had taken, for seconds: they are not waited for while others
// are answered. What matters of them is asked again.
void Etcd::tick(Instant now) {
  if (closed_) return;
  std::vector<Http2::Stream> given_up;
  for (const auto& [stream, call] : calls_) {
    if (call.kind == Kind::watch || now < call.sent + patience) continue;
    if (comes_again(call.kind) && now < answered_at_ + patience) {
      given_up.push_back(stream);
      continue;
    }
    closed_ = true;
    return close(fmt::format("{}: no answer within {} s: it has no leader, or cannot be reached", host_,
                             std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
  }
  for (const Http2::Stream stream : given_up) {
    const Kind kind = calls_.at(stream).kind;
    if (kind == Kind::piece || kind == Kind::pointer) keeping_.reset();
    calls_.erase(stream);
    http_.reset(stream);
  }
  flush();
}

std::optional<Instant> Etcd::deadline() const {
  std::optional<Instant> first;
  for (const auto& [stream, call] : calls_) {
    if (call.kind != Kind::watch && (!first || call.sent + patience < *first)) first = call.sent + patience;
  }
  return first;
}

// ---- on the way in

void Etcd::load(Instant now, const engine::Load& request) {
  if (watch_) {
    http_.reset(*watch_);
    calls_.erase(*watch_);
    watch_.reset();
  }
  following_ = false;
  loading_ = Loading{};
  loading_->ticket = request.ticket;
  loading_->number = ++loads_;
  Transaction read;
  read.then_range({at("open"), {}, 0, 0, 0, {}});
  const std::string states = at("state/");
  // Of what others may have put there nothing is behind 16 digits.
  read.then_range({states, states + std::string(epoch_digits, 'f'), 1, 0, 0, Range::Order::by_key_down});
  call(now, Kind::top, "/etcdserverpb.KV/Txn", read.out(), loads_);
}

void Etcd::take_top(Instant now, const etcd::Answer& answer) {
  if (answer.pairs.empty() || answer.pairs.front().key != at("open")) {
    loading_.reset();
    return tell(engine::Empty{});
  }
  const std::string damaged = fmt::format(
      "{}: what is kept under {} cannot be read: look who else writes there", host_, access_.prefix);
  closed_ = true;
  const std::string opened = text_of(answer.pairs.front().value);
  const auto log = number_in(std::string_view(opened).substr(0, opened.find(' ')), 16);
  if (answer.pairs.size() < 2 || !log) return close(damaged);
  log_ = *log;
  const etcd::Pair& pointer = answer.pairs.at(1);
  const std::string said = text_of(pointer.value);
  const std::size_t first = said.find(' '), second = said.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return close(damaged);
  const std::string states = at("state/");
  const auto epoch = number_in(std::string_view(pointer.key).substr(states.size()), 16);
  const auto pieces = number_in(std::string_view(said).substr(first + 1, second - first - 1), 10);
  const auto position = number_in(std::string_view(said).substr(second + 1), 10);
  if (!epoch || !pieces || !position || *pieces > pieces_limit) return close(damaged);
  closed_ = false;
  loading_->epoch = *epoch;
  loading_->pieces = static_cast<std::size_t>(*pieces);
  loading_->writer = said.substr(0, first);
  loading_->position = *position != 0 ? *position : pointer.changed;
  ask_pieces(now);
}

void Etcd::ask_pieces(Instant now) {
  const std::string all = fmt::format("{}/{}/", of_epoch("piece", loading_->epoch), loading_->writer);
  const std::string from = fmt::format("{}{:04x}", all, loading_->pieces_here);
  constexpr std::uint64_t at_once = 8;
  call(now, Kind::pieces, "/etcdserverpb.KV/Range",
       etcd::range({from, etcd::after_prefix(all), at_once, 0, 0, Range::Order::by_key}).out(), loads_);
}

// They are gone: a newer state is there by now.
void Etcd::take_pieces(Instant now, const etcd::Answer& answer) {
  if (answer.pairs.empty()) return load(now, engine::Load{loading_->ticket});
  for (const etcd::Pair& pair : answer.pairs) {
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
  read.then_range({all, etcd::after_prefix(all), page, at_revision, last_ + 1, Range::Order::by_change});
  read.then_range({at("open"), {}, 0, at_revision, 0, {}});
  call(now, kind, "/etcdserverpb.KV/Txn", read.out(), number);
}

// True: all of it was told. Whole epochs are trimmed in one transaction, with what was not read of them; so
// if another epoch is open than the one that the last entry leads to, or another log is there, entries were
// lost.
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
  call(now, Kind::watch, "/etcdserverpb.Watch/Watch", etcd::watch(all, etcd::after_prefix(all), seen_ + 1));
}

// What is older was told: a barrier was faster than the watch.
bool Etcd::deliver(const etcd::Pair& pair) {
  if (pair.changed <= last_) return true;
  const std::string own = of_epoch("log", epoch_) + "/";
  const bool is_seal = pair.key.ends_with(std::string("/") + seal_name) &&
                       pair.value.size() > sizeof seal_name &&
                       text_of(pair.value).starts_with("coordutils: sealed");
  const auto entry = replica::decode_engine_entry(pair.value);
  const bool is_ours = is_seal || !entry || *entry;  // a version that is not known is ours, too
  if (!COORD_RULE(etcd_entry_is_of_the_epoch_told, !is_ours || pair.key.starts_with(own))) {
    gap();
    return false;
  }
  const std::uint64_t after = std::exchange(last_, pair.changed);
  seen_ = std::max(seen_, last_);
  if (is_seal && pair.value == seal_of(epoch_)) {
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, pair.value});
  }
  return true;
}

// Several messages may have come, or a part of one.
void Etcd::watched(Instant, ByteView) {
  Bytes& bytes = calls_.at(*watch_).answer;
  std::size_t at_byte = 0;
  while (bytes.size() - at_byte >= 5) {
    std::size_t size = 0;
    for (std::size_t i = 1; i < 5; ++i) size = (size << 8U) | bytes[at_byte + i];
    if (bytes[at_byte] != 0 || size > message_limit) return unreadable();
    if (bytes.size() - at_byte - 5 < size) break;
    const auto answer = etcd::read_watch(ByteView(bytes).subspan(at_byte + 5, size));
    if (!answer) return unreadable();
    at_byte += 5 + size;
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
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at_byte));
}

// ---- barriers

void Etcd::take_barrier(Instant now, std::uint64_t ticket, const etcd::Answer& answer) {
  if (!following_) return;
  const bool is_open = !answer.pairs.empty() && answer.pairs.front().value == open_in(log_, epoch_);
  if (answer.revision <= seen_ && is_open) return tell(engine::Reached{ticket});
  ask_behind(now, ticket);
}

void Etcd::ask_behind(Instant now, std::uint64_t ticket) {
  ask_log(now, Kind::behind, 0, ticket);
}

void Etcd::take_behind(Instant now, std::uint64_t ticket, const etcd::Answer& answer) {
  if (!following_) return;
  if (!deliver_all(now, Kind::behind, ticket, answer)) return;
  seen_ = std::max(seen_, answer.revision);
  tell(engine::Reached{ticket});
}

// ---- states

// Piece by piece, then the pointer to them: nobody can find a part of a state.
void Etcd::keep(Instant now) {
  if (!keeping_) return;
  const Bytes& state = keeping_->what.state;
  const std::uint64_t epoch = keeping_->what.epoch;
  const std::size_t pieces = (state.size() + piece_bytes - 1) / piece_bytes;
  if (keeping_->next < pieces) {
    const std::size_t from = keeping_->next * piece_bytes;
    const ByteView piece = ByteView(state).subspan(from, std::min(piece_bytes, state.size() - from));
    const std::string key = fmt::format("{}{:04x}", own_pieces(epoch), keeping_->next++);
    return call(now, Kind::piece, "/etcdserverpb.KV/Put", etcd::put(key, piece).out());
  }
  const std::string pointer = of_epoch("state", epoch);
  Transaction change;
  change.if_absent(pointer);
  change.then_put(pointer,
                  text_bytes(fmt::format("{:016x} {} {}", access_.writer, pieces, keeping_->what.position)));
  call(now, Kind::pointer, "/etcdserverpb.KV/Txn", change.out());
}

// Whose it is has to clear away: what was there before, or what came too late.
void Etcd::take_pointer(Instant now, const etcd::Answer& answer) {
  if (!keeping_) return;
  const std::uint64_t epoch = keeping_->what.epoch;
  keeping_.reset();
  Transaction change;
  if (answer.succeeded) {
    for (const char* what : {"log", "state", "piece"})
      change.then_remove(of_epoch(what, 0), of_epoch(what, epoch));
  } else {
    change.then_remove(own_pieces(epoch), etcd::after_prefix(own_pieces(epoch)));
  }
  call(now, Kind::change, "/etcdserverpb.KV/Txn", change.out());
}

}  // namespace coord::engines
