// SPDX-License-Identifier: MIT
#include "engines/native_etcd.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"
#include "engines/etcd_text.hpp"

namespace coord::engines {

namespace {

using Why = native::Cannot::Why;

constexpr Duration call_patience = std::chrono::seconds(2);
constexpr Duration look_every = std::chrono::seconds(1);  // a watch may be told of nothing (etcd #18089)
constexpr std::uint64_t keys_a_page = 8;                  // their values come with them, and may be long
constexpr char txn_call[] = "/etcdserverpb.KV/Txn", range_call[] = "/etcdserverpb.KV/Range";

// The comparisons of a transaction: of the revision of a key's last change, or of its creation.
enum class Of : std::uint8_t { creation = 1, change = 2 };
ProtoWriter is_revision(const std::string& key, Of of, std::uint64_t revision) {
  constexpr unsigned create_field = 5, change_field = 6;
  ProtoWriter compare;
  compare.number(2, static_cast<std::uint64_t>(of)).text(3, key);
  compare.number(of == Of::creation ? create_field : change_field, revision);
  return compare;
}
// 0 has to be said: the union must have a member.
Bytes is_absent(const std::string& key) {
  constexpr std::uint8_t create_field = 5U << 3U;
  Bytes whole = is_revision(key, Of::creation, 0).out();
  whole.push_back(create_field);
  whole.push_back(0);
  return whole;
}
ProtoWriter put_under(const std::string& key, const std::string& value, std::uint64_t lease) {
  ProtoWriter out;
  out.text(1, key).text(2, value).number(3, lease);
  return out;
}
ProtoWriter within(unsigned kind, const ProtoWriter& what) {
  ProtoWriter operation;
  operation.message(kind, what);
  return operation;
}
constexpr unsigned as_range = 1, as_put = 2, as_removal = 3;
constexpr unsigned compares = 1, then = 2, otherwise = 3;  // fields of a transaction

}  // namespace

NativeEtcd::NativeEtcd(Access access, std::string host, bool tls, std::shared_ptr<NativeJob> job)
    : NativeAdapter(std::move(job), host), access_(std::move(access)), channel_(std::move(host), tls) {}

// ---- calls

NativeEtcd::Call& NativeEtcd::call(Instant now, Kind kind, const char* method, const Bytes& message) {
  return await(now, kind, channel_.call(method, message));
}

NativeEtcd::Call& NativeEtcd::await(Instant now, Kind kind, Http2::Stream stream) {
  return calls_[stream] = Call{kind, now, 0, {}, {}, now};
}

void NativeEtcd::flush() {
  if (channel_.http().has_output()) write(channel_.http().take_output());
}

void NativeEtcd::begin(Instant now) {
  tell(engine::Up{});
  heard_at_ = now;
  if (access_.user.empty()) {
    start(now);
  } else {
    await(now, Kind::authenticate, channel_.authenticate(access_));
  }
  flush();
}

void NativeEtcd::receive(Instant now, ByteView bytes) {
  for (Http2::Event& event : channel_.http().receive(bytes)) {
    if (is_closed()) return;
    heard_at_ = now;
    if (const auto* body = std::get_if<Http2::Body>(&event)) {
      const auto found = calls_.find(body->stream);
      if (found == calls_.end()) continue;
      Bytes& answer = found->second.answer;
      if (answer.size() + body->bytes.size() > etcd::message_limit)
        return fail("an answer of it is longer than 16 MiB");
      answer.insert(answer.end(), body->bytes.begin(), body->bytes.end());
      found->second.heard = now;
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
  if (is_closed()) return;
  if (channel_.http().failed()) return unreadable();
  if (channel_.http().is_going() && calls_.size() <= (watch_ && calls_.contains(*watch_) ? 1U : 0U))
    return fail("it is shutting down");
  flush();
}

void NativeEtcd::ended(Instant now, Call&& done, const Http2::Ended& event) {
  const etcd::Ending ending = etcd::ending_of(event);
  if (!ending.is_good()) return refused(done, ending);
  if (done.kind == Kind::watch) return fail("it has ended the watch");
  const auto message = etcd::message_in(done.answer);
  if (!message) return unreadable();
  tell(engine::Reached{});
  answered(now, done, *message);
}

// A server that is busy, or without a leader, is left for the next one; what it will never do is told. While
// rights are being changed there (auth store is old) it is asked anew.
void NativeEtcd::refused(const Call& call, const etcd::Ending& ending) {
  const std::string& status = ending.status;
  const std::string& text = ending.text;
  const auto says = [&](std::string_view what) { return text.find(what) != std::string::npos; };
  constexpr auto denied = "7", invalid = "3", exhausted = "8";
  if (call.kind == Kind::revoke) return;
  if (call.kind == Kind::probe && status == denied) return;  // an answer
  // Said before anything is proposed, or when it is applied as nothing.
  if (call.kind == Kind::change && (says("auth store is old") || says("invalid auth token") ||
                                    says("no leader") || says("too many requests")))
    not_changed();
  const bool is_ours = job().lock() == nullptr || !job().held;
  const std::string why = fmt::format("{}: {}", host(), text.empty() ? "gRPC status " + status : text);
  if (is_ours && status == invalid && (says("key is not provided") || says("request is too large"))) {
    cannot(Why::wrong, why);
  } else if (is_ours && (status == denied || (status == invalid && !says("auth store is old")))) {
    cannot(Why::unreachable, why + ": --engine-user and --engine-password-file");
  } else if (is_ours && status == exhausted) {
    cannot(Why::unreachable, why);
  }
  fail(ending.why());
}

void NativeEtcd::answered(Instant now, const Call& call, ByteView message) {
  if (call.kind == Kind::authenticate) {
    channel_.authenticated(message);
    return start(now);
  }
  if (call.kind == Kind::lease) return take_lease(now, call, message);
  if (call.kind == Kind::revoke || call.kind == Kind::probe) return;
  const bool is_range = call.kind == Kind::get || call.kind == Kind::list || call.kind == Kind::queue ||
                        call.kind == Kind::whose;
  const auto answer = is_range ? etcd::read_range(message) : etcd::read_transaction(message);
  if (!answer || answer->revision == 0) return unreadable();  // some other server's
  switch (call.kind) {
    case Kind::get: {
      native::Value value;
      if (!answer->pairs.empty())
        value = {true, answer->pairs.front().changed, etcd::text_of(answer->pairs.front().value)};
      if (answer_value(std::move(value)) && std::holds_alternative<native::Watch>(job().what))
        watch(now, answer->revision + 1);
      break;
    }
    case Kind::change:
      take_change(*answer);
      break;
    case Kind::list:
      take_list(now, *answer);
      break;
    case Kind::place:
      take_place(now, call, *answer);
      break;
    case Kind::whose:
      take_whose(now, call, *answer);
      break;
    case Kind::queue:
      take_queue(now, *answer);
      break;
    case Kind::leave:
      this->answer(native::Unlocked{true});
      break;
    default:
      break;
  }
}

void NativeEtcd::start(Instant now) {
  begun_ = true;
  if (const auto* get = std::get_if<native::Get>(&job().what)) {
    call(now, Kind::get, range_call, etcd::range({get->key, {}, 0, 0, 0, {}}).out());
  } else if (const auto* seen = std::get_if<native::Watch>(&job().what)) {
    call(now, Kind::get, range_call, etcd::range({seen->key, {}, 0, 0, 0, {}}).out());
  } else if (const auto* all = std::get_if<native::List>(&job().what)) {
    list(now, job().listed.empty() ? all->prefix : job().listed + '\0');
  } else if (job().lock() == nullptr) {
    change(now);
  } else if (job().let_go) {
    leave(now);
  } else {
    lease(now);
  }
}

// ---- a watch

// Of one key, or of all in the lock's queue.
void NativeEtcd::watch(Instant now, std::uint64_t revision) {
  ProtoWriter create;
  const auto* one = std::get_if<native::Watch>(&job().what);
  create.text(1, one != nullptr ? one->key : folder());
  if (one == nullptr) create.text(2, etcd::after_prefix(folder()));
  create.number(3, revision);
  ProtoWriter request;
  request.message(1, create);
  watch_ = channel_.watch(request.out());
  await(now, Kind::watch, *watch_);
  watches_ = true;
}

void NativeEtcd::watched(Instant now, Bytes& answer) {
  std::size_t size = 0;
  bool failed = false;
  while (const auto message = etcd::next_message(answer, size, failed)) {
    ProtoReader reader(*message);
    bool changed = false, over = false;
    while (const auto field = reader.next()) {
      if (field->number == 4) over = field->value != 0;
      if (field->number == 11) changed = true;
    }
    if (reader.failed()) return unreadable();
    answer.erase(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(std::exchange(size, 0)));
    if (over) return fail("it has ended the watch");
    if (!changed) continue;
    if (job().lock() != nullptr) {
      look(now);
    } else if (const auto* one = std::get_if<native::Watch>(&job().what)) {
      // What it is now: of changes that follow each other at once the last one.
      const bool asks =
          std::ranges::any_of(calls_, [](const auto& each) { return each.second.kind == Kind::get; });
      if (!asks) {
        channel_.http().reset(*watch_);
        calls_.erase(*watch_);
        watch_.reset();
        call(now, Kind::get, range_call, etcd::range({one->key, {}, 0, 0, 0, {}}).out());
        return;  // `answer` is gone
      }
    }
    if (is_closed()) return;
  }
  if (failed) unreadable();
}

// ---- keys

void NativeEtcd::change(Instant now) {
  ProtoWriter transaction;
  const auto* put = std::get_if<native::Put>(&job().what);
  const auto* removal = std::get_if<native::Remove>(&job().what);
  const std::string& key = put != nullptr ? put->key : removal->key;
  const auto wanted = put != nullptr ? put->wanted : removal->wanted;
  if (wanted && *wanted == 0) transaction.bytes(compares, is_absent(key));
  if (wanted && *wanted != 0) transaction.message(compares, is_revision(key, Of::change, *wanted));
  if (!may_change(wanted.has_value())) return;
  const ProtoWriter shown = within(as_range, etcd::range({key, {}, 0, 0, 0, {}}));
  if (put != nullptr) {
    transaction.message(then, within(as_put, put_under(key, put->value, 0)));
  } else {
    transaction.message(then, shown);
    transaction.message(then, within(as_removal, etcd::remove(key, {})));
  }
  transaction.message(otherwise, shown);
  call(now, Kind::change, txn_call, transaction.out());
}

void NativeEtcd::take_change(const etcd::Answer& answer) {
  const std::uint64_t there = answer.pairs.empty() ? 0 : answer.pairs.front().changed;
  const bool removed = std::holds_alternative<native::Remove>(job().what);
  if (!answer.succeeded || (removed && there == 0)) return answer_not({there != 0, there});
  answer_done(removed ? 0 : answer.revision);
}

void NativeEtcd::list(Instant now, const std::string& from) {
  const std::string& prefix = std::get<native::List>(job().what).prefix;
  const std::string all(1, '\0');
  etcd::Range range{
      from.empty() ? all : from, prefix.empty() ? all : etcd::after_prefix(prefix), keys_a_page, 0, 0, {}};
  call(now, Kind::list, range_call, etcd::range(range).out());
}

void NativeEtcd::take_list(Instant now, const etcd::Answer& answer) {
  native::Keys keys;
  keys.more = answer.more && !answer.pairs.empty();
  for (const etcd::Pair& pair : answer.pairs) {
    if (pair.key.size() <= native::longest_key)
      keys.keys.push_back({pair.key, pair.changed, pair.value.size()});
  }
  const bool more = keys.more;
  answer_keys(std::move(keys));
  if (more) list(now, answer.pairs.back().key + '\0');
}

// ---- the lock

std::string NativeEtcd::folder() const {
  return job().lock()->name + "/";
}

void NativeEtcd::lease(Instant now) {
  renew_at_.reset();
  renewing_ = true;
  ProtoWriter request;
  const auto whole = std::chrono::ceil<std::chrono::seconds>(job().lock()->ttl);
  request.number(1, static_cast<std::uint64_t>(whole.count()));
  call(now, Kind::lease, "/etcdserverpb.Lease/LeaseGrant", request.out());
}

void NativeEtcd::take_lease(Instant now, const Call& call, ByteView message) {
  ProtoReader reader(message);
  std::uint64_t id = 0;
  while (const auto field = reader.next()) {
    if (field->number == 2) id = field->value;
  }
  if (reader.failed() || id == 0) return fail("it gives no lease");
  if (job().let_go) {
    renewing_ = false;
    return leave(now);
  }
  if (job().place.empty()) job().place = fmt::format("{}{:x}", folder(), id);
  place(now, id, call.sent);
}

void NativeEtcd::place(Instant now, std::uint64_t id, Instant counted) {
  const std::string& key = job().place;
  ProtoWriter transaction;
  if (job().number == 0) {
    transaction.bytes(compares, is_absent(key));
  } else {
    const Of of = COORD_RULE_OR(native_late_move_is_refused, Of::change, Of::creation);
    transaction.message(compares, is_revision(key, of, of == Of::change ? job().moved : job().number));
  }
  transaction.message(then, within(as_put, put_under(key, job().lock()->holder, id)));
  Call& sent = call(now, Kind::place, txn_call, transaction.out());
  sent.lease = id;
  sent.counted = counted;
}

void NativeEtcd::take_place(Instant now, const Call& call, const etcd::Answer& answer) {
  if (!answer.succeeded && !job().let_go) {
    Call& asked = this->call(now, Kind::whose, range_call, etcd::range({job().place, {}, 0, 0, 0, {}}).out());
    asked.lease = call.lease;
    asked.counted = call.counted;
    return;
  }
  renewing_ = false;
  if (job().let_go) return leave(now);
  if (job().number == 0) job().number = answer.revision;
  job().moved = answer.revision;
  if (const std::uint64_t before = std::exchange(job().session, call.lease); before != 0) {
    ProtoWriter request;
    request.number(1, before);
    this->call(now, Kind::revoke, "/etcdserverpb.Lease/LeaseRevoke", request.out());
  }
  job().counted = COORD_RULE_OR(native_lease_counts_from_asking, call.counted, now);
  renew_at_ = lease::renew_at(call.counted, job().lock()->ttl);
  if (job().held) is_held(job().counted);
  if (!job().held || !watches_) look(now);  // another connection than before: nobody watches
}

// The key is not as it was: by a move of ours that was not answered, or it is no more.
void NativeEtcd::take_whose(Instant now, const Call& call, const etcd::Answer& answer) {
  const std::uint64_t created = answer.pairs.empty() ? 0 : answer.pairs.front().created;
  if (!job().let_go && created != 0 && (job().number == 0 || job().number == created)) {
    job().number = created;
    job().moved = answer.pairs.front().changed;
    return place(now, call.lease, call.counted);
  }
  renewing_ = false;
  if (job().let_go) return leave(now);
  if (job().held) return is_lost("its key in etcd is gone: somebody removed it, or its lease has ended");
  job().number = 0;  // to the end of the line
  job().place.clear();
  look_at_.reset();
  lease(now);
}

// A linearizable read of who was created first.
void NativeEtcd::look(Instant now) {
  if (looking_ || job().number == 0 || job().let_go) return;
  looking_ = true;
  look_at_.reset();
  constexpr unsigned order_field = 5, target_field = 6, keys_only = 8;
  ProtoWriter range;
  range.text(1, folder()).text(2, etcd::after_prefix(folder())).number(3, 2);
  range.number(order_field, 1).number(target_field, 2).number(keys_only, 1);
  call(now, Kind::queue, range_call, range.out());
}

void NativeEtcd::take_queue(Instant now, const etcd::Answer& answer) {
  looking_ = false;
  if (job().let_go) return;
  if (!watches_) watch(now, answer.revision + 1);
  const bool is_first = !answer.pairs.empty() && answer.pairs.front().key == job().place;
  if (COORD_RULE_OR(native_first_has_it, is_first, true)) {
    if (!job().held) is_held(job().counted);
    return;
  }
  if (job().held) return is_lost("its key in etcd is gone: somebody removed it");
  if (!job().lock()->wait) return this->answer(native::Busy{});
  look_at_ = now + look_every;
  const std::string first = answer.pairs.empty() ? "" : answer.pairs.front().key;
  this->answer(native::Queued{first.substr(0, native::longest_key)});
}

void NativeEtcd::leave(Instant now) {
  if (std::exchange(leaving_, true)) return;
  renew_at_.reset();
  look_at_.reset();
  if (job().place.empty()) return answer(native::Unlocked{true});
  ProtoWriter transaction;
  transaction.message(then, within(as_removal, etcd::remove(job().place, {})));
  call(now, Kind::leave, txn_call, transaction.out());
  if (job().session == 0) return;
  ProtoWriter request;
  request.number(1, job().session);
  call(now, Kind::revoke, "/etcdserverpb.Lease/LeaseRevoke", request.out());
}

void NativeEtcd::tick(Instant now) {
  if (is_closed()) return;
  for (const auto& [stream, call] : calls_) {
    if (call.kind != Kind::watch && now >= call.heard + call_patience)
      return fail("no answer within 2 s: it has no leader, or cannot be reached");
  }
  if (const auto at = probe_at(); at && now >= *at) probe(now);
  if (begun_ && job().lock() != nullptr) {
    if (job().let_go && !renewing_) leave(now);  // what is put after that would stay
    if (!job().let_go && renew_at_ && now >= *renew_at_ && !renewing_) lease(now);
    if (!job().let_go && look_at_ && now >= *look_at_) look(now);
  }
  flush();
}

// Of the key that is watched: others may not be this user's to read.
void NativeEtcd::probe(Instant now) {
  constexpr unsigned keys_only = 8;
  ProtoWriter range = etcd::range({std::get<native::Watch>(job().what).key, {}, 1, 0, 0, {}});
  call(now, Kind::probe, range_call, range.number(keys_only, 1).out());
}

// Who only watches would not hear that it is gone.
std::optional<Instant> NativeEtcd::probe_at() const {
  if (job().lock() != nullptr || !watch_ || calls_.size() != 1 || !calls_.contains(*watch_))
    return std::nullopt;
  return heard_at_ + silence_is_asked_about;
}

std::optional<Instant> NativeEtcd::deadline() const {
  if (is_closed()) return std::nullopt;
  Earliest first;
  for (const auto& [stream, call] : calls_) {
    if (call.kind != Kind::watch) first.add(call.heard + call_patience);
  }
  first.add(probe_at());
  if (!renewing_) first.add(renew_at_);
  if (!job().let_go) first.add(look_at_);
  return first.get();
}

}  // namespace coord::engines
