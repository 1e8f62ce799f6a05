// SPDX-License-Identifier: MIT
#include "engines/native_zookeeper.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"

namespace coord::engines {

namespace {

using zookeeper::Operation;
using Why = native::Cannot::Why;

constexpr Duration node_patience = std::chrono::seconds(2);
constexpr Duration queue_every = std::chrono::seconds(1);
constexpr Duration of_requests = std::chrono::seconds(10);  // their session
constexpr std::int32_t xid_of_event = -1, xid_of_ping = -2, xid_of_auth = -4;
constexpr std::string_view lock_mark = "lock-";

// As Curator does: by what is behind the last "lock-", or by the whole name where there is none.
std::string_view place_in(std::string_view name) {
  const std::size_t at = name.rfind(lock_mark);
  return at == std::string_view::npos ? name : name.substr(at + lock_mark.size());
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

NativeZooKeeper::NativeZooKeeper(Access access, std::string host, std::shared_ptr<NativeJob> job)
    : NativeAdapter(std::move(job), std::move(host)), access_(std::move(access)) {}

zookeeper::Rights NativeZooKeeper::rights() const {
  return access_.user.empty() ? zookeeper::Rights::everybody : zookeeper::Rights::creator;
}

// ---- packets

void NativeZooKeeper::packet(const Bytes& body) {
  write(JuteWriter().buffer(body).out());
}

void NativeZooKeeper::call(Instant now, Kind kind, Operation operation, const Bytes& body, std::string path) {
  if (is_closed()) return;
  last_xid_ = last_xid_ == std::numeric_limits<std::int32_t>::max() ? 1 : last_xid_ + 1;
  packet(JuteWriter().number(last_xid_).number(static_cast<std::int32_t>(operation)).append(body).out());
  calls_.emplace_back(last_xid_, Call{kind, now, std::move(path)});
  sent_ = now;
}

void NativeZooKeeper::begin(Instant now) {
  tell(engine::Up{});
  connecting_ = now;
  const Duration ttl = job().lock() != nullptr ? job().lock()->ttl : of_requests;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(ttl).count();
  packet(zookeeper::connect_request(static_cast<std::int32_t>(whole), job().session,
                                    bytes_of(job().session_name), job().seen));
}

void NativeZooKeeper::receive(Instant now, ByteView bytes) {
  in_.add(bytes);
  while (auto frame = in_.next()) {
    if (connected_) {
      take_frame(now, *frame);
    } else {
      connected(now, *frame);
    }
    if (is_closed()) return;
  }
  if (in_.failed()) return unreadable();
  if (in_.begun() > 0) heard_at_ = now;  // a part of an answer
}

// A session is opened by a majority's word. It is taken up again by the word of the leader alone, which may
// be a former one: that counts with the first write that is acknowledged on this connection, since a server
// that gets another leader leaves its clients.
void NativeZooKeeper::connected(Instant now, ByteView frame) {
  JuteReader reader(frame);
  (void)reader.number();
  const std::int32_t timeout_ms = reader.number();
  const auto session = static_cast<std::uint64_t>(reader.longer());
  const ByteView password = reader.buffer();
  if (reader.failed()) return unreadable();
  if (timeout_ms <= 0) {
    const bool was_held = job().held;
    job().session = 0;
    job().session_name.clear();
    job().place.clear();
    job().guid.clear();
    if (was_held) return is_lost("its session in ZooKeeper has ended");
    return fail("its session has ended: it stands in line anew");
  }
  const Duration given = std::chrono::milliseconds(timeout_ms);
  const auto* lock = job().lock();
  if (lock != nullptr && given < lock->ttl)
    return cannot(Why::wrong,
                  fmt::format("ZooKeeper here gives sessions of {} s at most: give a --ttl of that",
                              std::chrono::floor<std::chrono::seconds>(given).count()));
  tell(engine::Reached{});
  const bool is_new = std::exchange(job().session, session) == 0;
  job().session_name.assign(password.begin(), password.end());
  sendings_.clear();
  ping_every_ = given / 3;
  connected_ = true;
  sent_ = now;
  if (!access_.user.empty()) {
    packet(JuteWriter()
               .number(xid_of_auth)
               .number(static_cast<std::int32_t>(Operation::auth))
               .append(zookeeper::auth(access_.user, access_.password))
               .out());
  }
  opened_ = *connecting_;
  if (is_new) job().counted = opened_;
  connecting_.reset();
  start(now);
}

void NativeZooKeeper::take_frame(Instant now, ByteView frame) {
  JuteReader reader(frame);
  const std::int32_t xid = reader.number();
  const auto zxid = static_cast<std::uint64_t>(reader.longer());
  const std::int32_t error = reader.number();
  if (reader.failed()) return unreadable();
  if (xid != xid_of_event && xid != xid_of_ping) job().seen = std::max(job().seen, zxid);
  if (xid == xid_of_ping) return pinged_.reset();
  if (xid == xid_of_auth) {
    if (error != 0) fail("it knows no such user or password");
    return;
  }
  if (xid == xid_of_event) {
    if (job().lock() != nullptr) return look(now);
    if (std::holds_alternative<native::Watch>(job().what)) start(now);
    return;
  }
  if (calls_.empty() || calls_.front().first != xid) return unreadable();
  heard_at_ = now;
  const Call done = calls_.front().second;
  calls_.pop_front();
  answered(now, done, error, reader);
  if (reader.failed()) unreadable();
}

// It will never do that, whichever server is asked.
bool NativeZooKeeper::is_refused(std::int32_t error) {
  using namespace zookeeper;
  constexpr std::int32_t bad_arguments = -8, no_children_for_ephemerals = -108, quota = -125;
  switch (error) {
    case bad_arguments:
    case no_children_for_ephemerals:
      cannot(Why::wrong, fmt::format("{}: ZooKeeper takes no node of this name", host()));
      break;
    case quota:
      cannot(Why::unreachable, fmt::format("{}: its quota is used up: setquota", host()));
      break;
    case no_auth:
    case invalid_acl:
    case auth_failed:
      cannot(Why::unreachable, fmt::format("{}: this host may not do that there: --engine-user and "
                                           "--engine-password-file",
                                           host()));
      break;
    default:
      return false;
  }
  fail("it refuses");
  return true;
}

void NativeZooKeeper::answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader) {
  using namespace zookeeper;
  if (call.kind == Kind::parent) {  // one that is shut says so before it says that the node is there
    if (error != node_exists && parents_ == 0) parents_ = error;
    return;
  }
  if (is_refused(error)) return;
  const bool is_told =
      error == 0 || error == no_node || error == bad_version || error == node_exists || error == not_empty;
  if (!is_told) return fail(fmt::format("it refuses (error {})", error));
  switch (call.kind) {
    case Kind::get:
      return take_get(error, reader);
    case Kind::look:
      return take_look(now, error, reader);
    case Kind::change:
    case Kind::make:
      return take_change(now, call, error, reader);
    case Kind::list:
      return take_list(now, error, reader);
    case Kind::child:
      return take_child(call, error, reader);
    case Kind::mine:
      return take_mine(now, error, reader);
    case Kind::find:
    case Kind::queue:
      return take_queue(now, error, reader);
    case Kind::before:
      if (error == no_node) look(now);
      if (error == 0 && job().lock() == nullptr) start(now);  // it has come meanwhile
      return;
    case Kind::renew:
      return take_renewal(now, call, error);
    case Kind::leave:
      packet(
          JuteWriter().number(++last_xid_).number(static_cast<std::int32_t>(Operation::close_session)).out());
      return answer(native::Unlocked{true});
    case Kind::parent:
      return;
  }
}

void NativeZooKeeper::start(Instant now) {
  if (std::holds_alternative<native::Get>(job().what) || std::holds_alternative<native::Watch>(job().what)) {
    const bool watches = std::holds_alternative<native::Watch>(job().what);
    call(now, Kind::get, Operation::get, zookeeper::read(path_of_key(), watches));
  } else if (std::holds_alternative<native::List>(job().what)) {
    call(now, Kind::list, Operation::children, zookeeper::read(path_of_key(), false));
  } else if (const auto* put = std::get_if<native::Put>(&job().what)) {
    if (put->wanted && *put->wanted == 0) {
      make_parents(now, path_of_key(), true);
    } else if (put->wanted) {
      call(now, Kind::look, Operation::exists, zookeeper::read(path_of_key(), false));
    } else if (may_change(false)) {
      call(now, Kind::change, Operation::put, zookeeper::put(path_of_key(), bytes_of(put->value), -1));
    }
  } else if (const auto* removal = std::get_if<native::Remove>(&job().what)) {
    if (removal->wanted) {
      call(now, Kind::look, Operation::exists, zookeeper::read(path_of_key(), false));
    } else if (may_change(false)) {
      call(now, Kind::change, Operation::remove, zookeeper::remove(path_of_key()));
    }
  } else if (job().let_go) {
    leave(now);
  } else {
    stand(now);
  }
}

// ---- the lock

std::string NativeZooKeeper::folder() const {
  const std::string& name = job().lock()->name;
  return name.front() == '/' ? name : "/" + name;
}

void NativeZooKeeper::stand(Instant now) {
  if (!job().place.empty()) {
    renew(now);
    return look(now);
  }
  if (!job().guid.empty())
    return call(now, Kind::find, Operation::children, zookeeper::read(folder(), false));
  job().guid = access_.nonce;
  for (char& c : job().guid) {
    if (c == '/' || c == '+' || c == '=') c = '-';
  }
  make_parents(now, folder(), false);
  call(now, Kind::mine, Operation::create,
       zookeeper::create_for_session(fmt::format("{}/_c_{}-lock-", folder(), job().guid),
                                     bytes_of(job().lock()->holder), rights()));
}

void NativeZooKeeper::take_mine(Instant now, std::int32_t error, JuteReader& reader) {
  if (error != 0) {
    job().guid.clear();
    if (!is_refused(parents_)) fail("the lock's folder cannot be made");
    return;
  }
  job().place = reader.text();
  if (reader.failed()) return;
  renew_at_ = now;
  if (job().let_go) return leave(now);
  look(now);
}

void NativeZooKeeper::look(Instant now) {
  if (looking_ || job().place.empty() || job().let_go) return;
  looking_ = true;
  look_at_.reset();
  call(now, Kind::queue, Operation::children, zookeeper::read(folder(), false));
}

void NativeZooKeeper::take_queue(Instant now, std::int32_t error, JuteReader& reader) {
  looking_ = false;
  std::vector<std::string> names;
  const std::size_t count = error == 0 ? reader.count() : 0;
  for (std::size_t i = 0; i < count && !reader.failed(); ++i) names.push_back(reader.text());
  if (reader.failed()) return;
  if (job().place.empty()) {  // was it made?
    const auto found = std::ranges::find_if(
        names, [&](const std::string& name) { return name.starts_with("_c_" + job().guid); });
    if (found == names.end()) {
      job().guid.clear();
      return job().let_go ? answer(native::Unlocked{true}) : stand(now);
    }
    job().place = fmt::format("{}/{}", folder(), *found);
    renew_at_ = now;
  }
  if (job().let_go) return leave(now);
  std::ranges::sort(names, {}, [](const std::string& name) { return place_in(name); });
  const auto ours = std::ranges::find(names, last_part(job().place));
  if (ours == names.end()) {
    if (job().held)
      return is_lost("its node in ZooKeeper is gone: somebody removed it, or its session has ended");
    job().place.clear();
    job().guid.clear();
    renew_at_.reset();  // until there is a place again
    return stand(now);
  }
  if (COORD_RULE_OR(native_least_number_has_it, ours == names.begin(), true)) {
    if (!job().held) is_held(job().counted);
    return;
  }
  if (!job().lock()->wait) return answer(native::Busy{});
  look_at_ = now + queue_every;
  watched_ = fmt::format("{}/{}", folder(), *std::prev(ours));
  call(now, Kind::before, Operation::exists, zookeeper::read(watched_, true));
  answer(native::Queued{watched_.substr(0, native::longest_key)});
}

void NativeZooKeeper::renew(Instant now) {
  constexpr int writes = 8;  // in a TTL
  renew_at_ = now + job().lock()->ttl / writes;
  sendings_.push_back(now);
  call(now, Kind::renew, Operation::put, zookeeper::put(job().place, bytes_of(job().lock()->holder), -1));
}

void NativeZooKeeper::take_renewal(Instant now, const Call& call, std::int32_t error) {
  if (job().let_go) return;
  if (error != 0) {
    if (job().held)
      return is_lost("its node in ZooKeeper is gone: somebody removed it, or its session has ended");
    return look(now);
  }
  acknowledged(call.sent);
}

// What was sent then was taken by a majority: so the session is known to have been alive when what was sent
// a quarter of the TTL before was.
void NativeZooKeeper::acknowledged(Instant sent) {
  const Duration told_by =
      COORD_RULE_OR(native_session_counts_from_before, job().lock()->ttl / 4, Duration{});
  const Instant before = sent - told_by;
  while (sendings_.size() > 1 && sendings_[1] <= before) sendings_.pop_front();
  Instant counted = std::max(job().counted, opened_);
  if (sendings_.front() <= before) counted = std::max(counted, sendings_.front());
  if (counted == job().counted) return;
  job().counted = counted;
  if (job().held) is_held(counted);
}

void NativeZooKeeper::leave(Instant now) {
  if (leaving_) return;
  if (job().place.empty() && !job().guid.empty()) {  // is it there?
    if (std::ranges::none_of(calls_, [](const auto& each) {
          return each.second.kind == Kind::mine || each.second.kind == Kind::find;
        }))
      call(now, Kind::find, Operation::children, zookeeper::read(folder(), false));
    return;
  }
  leaving_ = true;
  renew_at_.reset();
  look_at_.reset();
  if (job().place.empty()) return answer(native::Unlocked{true});
  call(now, Kind::leave, Operation::remove, zookeeper::remove(job().place));
}

// Neither events nor answered pings are answers: a server that was cut off goes on with these.
std::optional<Instant> NativeZooKeeper::silent_at() const {
  Earliest since;
  since.add(connecting_);
  if (pinged_) since.add(std::max(*pinged_, heard_at_));
  if (!calls_.empty()) since.add(std::max(calls_.front().second.sent, heard_at_));
  return since.get() ? std::optional(*since.get() + node_patience) : std::nullopt;
}

void NativeZooKeeper::tick(Instant now) {
  if (is_closed()) return;
  const auto silent = silent_at();
  if (silent && now >= *silent) return fail("no answer within 2 s: it has no leader, or cannot be reached");
  if (!connected_) return;
  if (job().lock() != nullptr) {
    if (job().let_go) leave(now);
    if (!job().let_go && renew_at_ && now >= *renew_at_) renew(now);
    if (!job().let_go && look_at_ && now >= *look_at_) look(now);
  }
  if (pinged_ || now < sent_ + ping_every_) return;
  pinged_ = sent_ = now;
  packet(JuteWriter().number(xid_of_ping).number(static_cast<std::int32_t>(Operation::ping)).out());
}

std::optional<Instant> NativeZooKeeper::deadline() const {
  if (is_closed()) return std::nullopt;
  Earliest first;
  first.add(silent_at());
  if (connected_ && !pinged_) first.add(sent_ + ping_every_);
  first.add(renew_at_);
  first.add(look_at_);
  return first.get();
}

}  // namespace coord::engines
