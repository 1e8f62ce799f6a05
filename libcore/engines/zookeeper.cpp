// SPDX-License-Identifier: MIT
#include "engines/zookeeper.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"

namespace coord::engines {

namespace {

using zookeeper::Multi;
using zookeeper::Operation;

constexpr Duration zookeeper_patience = std::chrono::seconds(2);
constexpr std::int32_t session_ms = 10'000;
constexpr std::int32_t of_event = -1, of_ping = -2, of_auth = -4;

std::string path_of(const std::string& prefix) {
  return "/" + prefix.substr(0, prefix.find_last_not_of('/') + 1);
}

}  // namespace

ZooKeeper::ZooKeeper(Access access, std::string host)
    : access_(std::move(access)), host_(std::move(host)), root_(path_of(access_.prefix)) {}

std::string ZooKeeper::in_log(const char* what) const {
  return fmt::format("{}/{}/{}", root_, log_, what);
}

std::string ZooKeeper::of_epoch(const char* what, std::uint64_t epoch) const {
  return fmt::format("{}/{}", in_log(what), marks::name_of(epoch));
}

std::string ZooKeeper::entry(std::uint64_t number) const {
  return fmt::format("{}/e{:010}", of_epoch("epoch", epoch_), number);
}

zookeeper::Rights ZooKeeper::rights() const {
  return access_.user.empty() ? zookeeper::Rights::everybody : zookeeper::Rights::creator;
}

// ---- packets

void ZooKeeper::packet(const Bytes& body) {
  write(JuteWriter().buffer(body).out());
}

void ZooKeeper::call(Instant now, Kind kind, Operation operation, const Bytes& body, std::uint64_t of,
                     std::uint64_t number) {
  if (closed_) return;
  last_xid_ = last_xid_ == std::numeric_limits<std::int32_t>::max() ? 1 : last_xid_ + 1;
  packet(JuteWriter().number(last_xid_).number(static_cast<std::int32_t>(operation)).append(body).out());
  calls_.emplace_back(last_xid_, Call{kind, now, of, number});
  sent_ = now;
}

void ZooKeeper::begin(Instant now) {
  connecting_ = now;
  packet(zookeeper::connect_request(session_ms));
}

void ZooKeeper::receive(Instant now, ByteView bytes) {
  in_.add(bytes);
  while (auto frame = in_.next()) {
    if (connected_) {
      take_frame(now, *frame);
    } else {
      connected(now, *frame);
    }
    if (closed_) return;
  }
  if (in_.failed()) return unreadable();
  if (in_.begun() > 0) heard_at_ = now;  // a part of an answer
}

void ZooKeeper::unreadable() {
  closed_ = true;
  close(fmt::format("{}: the server there is not ZooKeeper", host_));
}

void ZooKeeper::refuse(const std::string& why) {
  if (closed_) return;
  closed_ = true;
  close(fmt::format("{}: {}", host_, why));
}

// A session is opened by a quorum: what is read on it is at least as new.
void ZooKeeper::connected(Instant now, ByteView frame) {
  JuteReader reader(frame);
  (void)reader.number();
  const std::int32_t timeout_ms = reader.number();
  if (reader.failed()) return unreadable();
  if (timeout_ms <= 0) return refuse("it gives no session");
  ping_every_ = std::chrono::milliseconds(timeout_ms) / 3;
  connecting_.reset();
  connected_ = true;
  sent_ = now;
  if (!access_.user.empty()) {
    packet(JuteWriter()
               .number(of_auth)
               .number(static_cast<std::int32_t>(Operation::auth))
               .append(zookeeper::auth(access_.user, access_.password))
               .out());
  }
  tell(engine::Up{});
}

void ZooKeeper::take_frame(Instant now, ByteView frame) {
  JuteReader reader(frame);
  const std::int32_t xid = reader.number();
  (void)reader.longer();  // zxid
  const std::int32_t error = reader.number();
  if (reader.failed()) return unreadable();
  if (xid == of_ping) return pinged_.reset();
  if (xid == of_auth) {
    if (error != 0) refuse("it knows no such user or password");
    return;
  }
  if (xid == of_event) {
    constexpr std::int32_t created = 1;
    const std::int32_t kind = reader.number();
    (void)reader.number();  // of the session
    const std::string path = reader.text();
    if (reader.failed()) return unreadable();
    if (kind == created) event(now, path);
    return;
  }
  if (calls_.empty() || calls_.front().first != xid) return unreadable();
  const Call done = calls_.front().second;
  calls_.pop_front();
  heard_at_ = now;
  answered(now, done, error, reader);
  if (reader.failed()) unreadable();
}

void ZooKeeper::answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader) {
  using namespace zookeeper;
  const bool is_multi = call.kind == Kind::change || call.kind == Kind::barrier ||
                        call.kind == Kind::remove || call.kind == Kind::fresh;
  if (is_multi && error == 0 && !reader.left().empty()) {
    const auto all = read_multi(reader);
    if (!all) return unreadable();
    error = all->error;
    if (error == 0 && call.kind == Kind::change) created(now, all->created);
  }
  // What may not be read has gone through the quorum all the same.
  if (call.kind == Kind::fresh && error == no_auth) return;
  if (call.kind == Kind::limits || call.kind == Kind::used) return take_about(call, error, reader);
  // A parent that is shut says so before it says that the node is there.
  if (call.kind == Kind::keep && call.of == 0) return;
  const bool writes = call.kind == Kind::change || call.kind == Kind::keep || call.kind == Kind::kept;
  constexpr std::int32_t quota_exceeded = -125;
  if (writes && (error == no_auth || error == quota_exceeded)) {
    if (call.kind != Kind::change) keeping_.reset();
    return tell(engine::Refused{fmt::format(
        "{}: {}", host_,
        error == no_auth ? "this host may not write there: --engine-user and --engine-password-file"
                         : "its quota is used up: setquota")});
  }
  if (error == no_auth || error == invalid_acl || error == auth_failed)
    return refuse("it does not let this host in: --engine-user and --engine-password-file");
  const bool is_told =
      error == 0 || error == no_node || error == bad_version || error == node_exists || error == not_empty;
  if (!is_told) return refuse(fmt::format("it refuses (error {})", error));
  switch (call.kind) {
    case Kind::change:
    case Kind::single:
    case Kind::fresh:
    case Kind::barrier:  // what was sealed or removed is seen by what comes behind it
      break;
    case Kind::keep:
    case Kind::kept:
    case Kind::list:
    case Kind::remove:
      write_answered(now, call, error, reader);
      break;
    default:
      read_answered(now, call, error, reader);
  }
}

void ZooKeeper::read_answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader) {
  const bool found = error == 0;
  const bool of_this_load = loading_ && loading_->number == call.of;
  switch (call.kind) {
    case Kind::which:
      if (of_this_load) return take_which(now, found, reader);
      break;
    case Kind::states:
      if (of_this_load) return take_states(now, found, reader);
      break;
    case Kind::pointer:
      if (of_this_load) return take_pointer(now, found, reader);
      break;
    case Kind::piece:
      if (of_this_load) return take_piece(now, found, reader);
      break;
    case Kind::next:
      if (is_behind(call.of) && found) known_ = std::max(known_, call.number + 1);
      break;
    case Kind::epoch:
    case Kind::hole:
      if (is_behind(call.of)) return take_epoch(now, call, found, reader);
      break;
    case Kind::entry:
      if (is_behind(call.of)) return take_entry(now, call.number, found, reader);
      break;
    case Kind::behind:
      if (is_behind(call.of)) return take_behind(now, call.number, found, reader);
      break;
    default:
      break;
  }
}

// ---- requests

void ZooKeeper::ask(Instant now, const engine::Request& request) {
  if (!connected_ || closed_) return;
  if (const auto* append = std::get_if<engine::Append>(&request)) {
    if (log_.empty()) return;
    const std::string epoch = of_epoch("epoch", append->epoch);
    Multi change;
    if (COORD_RULE_OR(zookeeper_append_is_of_the_open_epoch, true, false))
      change.add(Operation::check, zookeeper::check(epoch, 0));
    change.add(Operation::create,
               zookeeper::create(of_epoch("key", append->epoch) + "/" + append->key, {}, rights()));
    change.add(Operation::create, zookeeper::create(epoch + "/e", append->bytes, rights(), true));
    call(now, Kind::change, Operation::multi, change.out());
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    if (log_.empty()) return;
    const std::string epoch = of_epoch("epoch", seal->epoch);
    const std::string text = marks::seal_of(seal->epoch);
    Multi change;
    change.add(Operation::put, zookeeper::put(epoch, bytes_of("sealed"), 0));
    change.add(Operation::create, zookeeper::create(epoch + "/e", bytes_of(text), rights(), true));
    for (const char* what : {"epoch", "key"})
      change.add(Operation::create, zookeeper::create(of_epoch(what, seal->epoch + 1), {}, rights()));
    call(now, Kind::change, Operation::multi, change.out());
  } else if (const auto* made = std::get_if<engine::Make>(&request)) {
    make(now, *made);
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    if (!keeping_ && !log_.empty()) {
      keeping_ = Keeping{*kept, {}, 0};
      keep(now);
    }
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    if (following_) ask_barrier(now, barrier->ticket);
  } else {
    tries_ = 0;
    load(now, std::get<engine::Load>(request).ticket);
  }
}

// Neither events nor answered pings are answers: a server that was cut off goes on with these.
std::optional<Instant> ZooKeeper::silent_at() const {
  Earliest since;
  since.add(connecting_);
  if (pinged_) since.add(std::max(*pinged_, heard_at_));
  if (!calls_.empty()) since.add(std::max(calls_.front().second.sent, heard_at_));
  return since.get() ? std::optional(*since.get() + zookeeper_patience) : std::nullopt;
}

void ZooKeeper::tick(Instant now) {
  if (closed_) return;
  const auto silent = silent_at();
  if (silent && now >= *silent) {
    return refuse(fmt::format("no answer within {} s: it has no leader, or cannot be reached",
                              std::chrono::duration_cast<std::chrono::seconds>(zookeeper_patience).count()));
  }
  if (following_ && about_at_ && now >= *about_at_) ask_about(now);
  if (!connected_ || pinged_ || now < sent_ + ping_every_) return;
  if (following_)  // does as well as a ping, and finds what no event has told
    return call(now, Kind::epoch, Operation::exists, zookeeper::read(of_epoch("epoch", epoch_), false),
                walk_);
  pinged_ = sent_ = now;
  packet(JuteWriter().number(of_ping).number(static_cast<std::int32_t>(Operation::ping)).out());
}

std::optional<Instant> ZooKeeper::deadline() const {
  Earliest first;
  first.add(silent_at());
  if (connected_ && !pinged_) first.add(sent_ + ping_every_);
  if (following_) first.add(about_at_);
  return first.get();
}

}  // namespace coord::engines
