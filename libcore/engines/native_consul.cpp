// SPDX-License-Identifier: MIT
#include "engines/native_consul.hpp"

#include <algorithm>
#include <chrono>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"

namespace coord::engines {

namespace {

using Why = native::Cannot::Why;

constexpr Duration answer_within = std::chrono::seconds(2);
constexpr Duration watch_for = std::chrono::seconds(60), watch_within = std::chrono::seconds(70);
constexpr Duration try_every = std::chrono::seconds(1);
constexpr Duration shortest_session = std::chrono::seconds(10);
constexpr std::string_view flags_of_locks = "3304740253564472344";  // api.LockFlagValue

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')).substr(0, 200));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = ' ';
  }
  return line;
}

// Inside of a JSON text.
std::string plain(std::string text) {
  std::erase_if(text, [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; });
  return text;
}

}  // namespace

NativeConsul::NativeConsul(Access access, std::string host, std::shared_ptr<NativeJob> job)
    : NativeAdapter(std::move(job), std::move(host)), access_(std::move(access)) {}

// ---- calls

void NativeConsul::call(Instant now, Kind kind, const char* method, const std::string& target,
                        std::string_view body) {
  if (is_closed()) return;
  http1::Headers headers;
  if (!access_.password.empty()) headers.emplace_back("X-Consul-Token", access_.password);
  const unsigned line = kind == Kind::watch ? waits : asks;
  write(http1::request(method, target, host(), headers, body), line);
  if (line == waits) {
    watch_ = Call{kind, now};
  } else {
    calls_.push_back({kind, now});
  }
}

void NativeConsul::begin(Instant now) {
  const auto is_of_line = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(access_.password, is_of_line))
    return fail("a token has no blanks: look into --engine-password-file");
  tell(engine::Up{});
  start(now);
}

void NativeConsul::receive_on(Instant now, unsigned line, ByteView bytes) {
  if (is_closed()) return;
  if (line == asks) heard_at_ = now;
  in_.at(line).add(bytes);
  while (auto answer = in_.at(line).next()) {
    if (line == waits ? !watch_ : calls_.empty()) return unasked(*answer);
    Call done;
    if (line == waits) {
      done = *watch_;
      watch_.reset();
    } else {
      done = calls_.front();
      calls_.pop_front();
    }
    // Of Consul's own: a proxy without a server, or any other program, says 404 as well.
    const bool is_consuls = done.kind == Kind::renew ? answer->body.find("not found") != std::string::npos
                                                     : !answer->header("x-consul-index").empty();
    if (answer->status == 404 && !is_consuls) return unreadable();
    if (answer->status == 200 || answer->status == 404) {
      tell(engine::Reached{});
      answered(now, done, *answer);
    } else {
      refused(done, *answer);
    }
    if (is_closed()) return;
  }
  if (!in_.at(line).failed()) return;
  // A list comes in one answer, with all values.
  const bool is_list = line == asks && !calls_.empty() && calls_.front().kind == Kind::list;
  if (is_list) cannot(Why::wrong, "its keys and values are too much for one answer (64 MiB): name a PREFIX");
  unreadable();
}

void NativeConsul::unasked(const http1::Answer& answer) {
  constexpr unsigned too_many = 429;
  if (answer.status != too_many) return unreadable();
  fail("it takes no more connections from this host: raise limits.http_max_conns_per_client");
}

void NativeConsul::refused(const Call& call, const http1::Answer& answer) {
  const bool is_never = answer.status == 403 || answer.status == 400 || answer.status == 413;
  if (call.kind == Kind::leave && is_never) return this->answer(native::Unlocked{false});
  const auto says = [&](std::string_view what) { return answer.body.find(what) != std::string::npos; };
  // It was handed on to nobody.
  if (call.kind == Kind::change &&
      (answer.status == 429 || says("No cluster leader") || says("rpc error getting client")))
    not_changed();
  const std::string text = one_line(answer.body);
  const std::string why = text.empty() ? fmt::format("it refuses (HTTP status {})", answer.status) : text;
  const bool is_ours = job().lock() == nullptr || !job().held;
  // A session that is gone is told so by a status of its own, or by these words.
  if (job().lock() != nullptr && answer.body.find("invalid session") != std::string::npos) {
    if (job().held) return is_lost("its session in Consul has ended");
    job().session_name.clear();
    return fail("its session has ended: it asks anew");
  }
  if (is_ours && is_never) {
    cannot(
        answer.status == 403 ? Why::unreachable : Why::wrong,
        fmt::format("{}: {}{}", host(), why,
                    answer.status == 403 ? ": give a token that may do so as --engine-password-file" : ""));
  }
  fail(why);
}

void NativeConsul::answered(Instant now, const Call& call, const http1::Answer& answer) {
  switch (call.kind) {
    case Kind::get:
      return take_get(now, answer);
    case Kind::version: {
      const auto pair = answer.status == 200 ? consul::read_pair(answer.body) : std::nullopt;
      return answer_not({pair.has_value(), pair ? pair->changed : 0});
    }
    case Kind::change:
      return take_change(now, answer);
    case Kind::list:
      return take_list(answer);
    case Kind::session: {
      const auto id = consul::read_session(answer.body);
      if (!id) return unreadable();
      job().session_name = *id;
      job().counted = call.sent;
      renew_at_ = lease::renew_at(call.sent, job().lock()->ttl);
      if (job().let_go) return leave(now);
      return look(now);
    }
    case Kind::look:
      if (job().lock() == nullptr) return take_number(now, answer);
      return take_look(now, answer);
    case Kind::watch:
      if (job().lock() == nullptr) return take_get(now, answer);
      return take_look(now, answer);
    case Kind::take:
      looking_ = false;
      if (job().let_go) return;
      if (answer.body.starts_with("true")) {
        is_held(job().counted);
        return look(now);  // for its index, from which it is watched
      }
      // Somebody was quicker, or a lock delay is in force.
      if (!job().lock()->wait) return this->answer(native::Busy{});
      look_at_ = now + try_every;
      return this->answer(native::Queued{key()});
    case Kind::renew:
      return take_renewal(call, answer);
    case Kind::leave:
      return this->answer(native::Unlocked{true});
  }
}

void NativeConsul::start(Instant now) {
  begun_ = true;
  if (const auto* get = std::get_if<native::Get>(&job().what)) {
    call(now, Kind::get, "GET", fmt::format("/v1/kv/{}?consistent", consul::in_path(get->key)));
  } else if (const auto* seen = std::get_if<native::Watch>(&job().what)) {
    call(now, Kind::get, "GET", fmt::format("/v1/kv/{}?consistent", consul::in_path(seen->key)));
  } else if (const auto* all = std::get_if<native::List>(&job().what)) {
    call(now, Kind::list, "GET", fmt::format("/v1/kv/{}?recurse&consistent", consul::in_path(all->prefix)));
  } else if (job().lock() == nullptr) {
    change(now);
  } else if (job().let_go) {
    leave(now);
  } else if (job().session_name.empty()) {
    open(now);
  } else {
    renew_at_ = now;
    look(now);
  }
}

// A query that is answered when the key changes.
void NativeConsul::watch(Instant now, const http1::Answer& answer) {
  if (watch_ || leaving_) return;
  const auto* one = std::get_if<native::Watch>(&job().what);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(watch_for).count();
  const std::string index(answer.header("x-consul-index"));
  const bool is_index =
      !index.empty() && std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_index) return unreadable();
  call(now, Kind::watch, "GET",
       fmt::format("/v1/kv/{}?consistent&index={}&wait={}s",
                   consul::in_path(one != nullptr ? one->key : key()), index, seconds));
}

// ---- keys

void NativeConsul::take_get(Instant now, const http1::Answer& answer) {
  native::Value value;
  if (answer.status == 200) {
    auto pair = consul::read_pair(answer.body);
    if (!pair) return unreadable();
    value = {true, pair->changed, std::move(pair->value)};
  }
  if (answer_value(std::move(value)) && std::holds_alternative<native::Watch>(job().what)) watch(now, answer);
}

// The index of the change is in a transaction's answer only.
void NativeConsul::change(Instant now) {
  if (const auto* put = std::get_if<native::Put>(&job().what)) {
    const std::string terms = put->wanted ? fmt::format("?cas={}", *put->wanted) : "";
    if (!may_change(put->wanted.has_value())) return;
    return call(now, Kind::change, "PUT", fmt::format("/v1/kv/{}{}", consul::in_path(put->key), terms),
                put->value);
  }
  const auto& removal = std::get<native::Remove>(job().what);
  if (!removal.wanted && job().number == 0)
    return call(now, Kind::look, "GET", fmt::format("/v1/kv/{}?consistent", consul::in_path(removal.key)));
  remove(now);
}

void NativeConsul::remove(Instant now) {
  const auto& removal = std::get<native::Remove>(job().what);
  if (!may_change(removal.wanted.has_value())) return;
  call(now, Kind::change, "DELETE",
       fmt::format("/v1/kv/{}?cas={}", consul::in_path(removal.key), removal.wanted.value_or(job().number)));
}

void NativeConsul::take_change(Instant now, const http1::Answer& answer) {
  if (answer.body.starts_with("true")) return answer_done(0);
  not_changed();
  const auto* put = std::get_if<native::Put>(&job().what);
  const std::string& key = put != nullptr ? put->key : std::get<native::Remove>(job().what).key;
  if (put == nullptr && !std::get<native::Remove>(job().what).wanted) {  // changed meanwhile: once more
    job().number = 0;
    return change(now);
  }
  call(now, Kind::version, "GET", fmt::format("/v1/kv/{}?consistent", consul::in_path(key)));
}

// Which change of the key is to be removed: where it is not there that would be told as done.
void NativeConsul::take_number(Instant now, const http1::Answer& answer) {
  const auto pair = answer.status == 200 ? consul::read_pair(answer.body) : std::nullopt;
  if (!pair) return answer_not({});
  job().number = pair->changed;
  remove(now);
}

void NativeConsul::take_list(const http1::Answer& answer) {
  constexpr std::size_t at_once = 512;
  auto pairs = answer.status == 200 ? consul::read_pairs(answer.body) : std::vector<consul::Pair>();
  if (!pairs) return unreadable();
  native::Keys keys;
  for (std::size_t i = 0; i < pairs->size(); ++i) {
    const consul::Pair& pair = (*pairs)[i];
    if (pair.key.size() <= native::longest_key)
      keys.keys.push_back({pair.key, pair.changed, pair.value.size()});
    if (keys.keys.size() < at_once) continue;
    keys.more = true;
    this->answer(std::exchange(keys, {}));
  }
  this->answer(std::move(keys));
}

// ---- the lock

std::string NativeConsul::key() const {
  std::string name = job().lock()->name;
  while (name.starts_with('/')) name.erase(0, 1);
  while (name.ends_with('/')) name.pop_back();
  return name + "/.lock";
}

void NativeConsul::open(Instant now) {
  const auto whole =
      std::chrono::ceil<std::chrono::seconds>(std::max<Duration>(job().lock()->ttl, shortest_session));
  call(now, Kind::session, "PUT", "/v1/session/create",
       fmt::format(R"({{"Name":"{}","TTL":"{}s","LockDelay":"0s","Behavior":"delete"}})",
                   plain(job().lock()->holder), whole.count()));
}

void NativeConsul::look(Instant now) {
  if (looking_ || job().let_go) return;
  looking_ = true;
  look_at_.reset();
  call(now, Kind::look, "GET", fmt::format("/v1/kv/{}?consistent", consul::in_path(key())));
}

void NativeConsul::take_look(Instant now, const http1::Answer& answer) {
  if (job().let_go || leaving_) return;
  looking_ = false;
  auto pair = answer.status == 200 ? consul::read_pair(answer.body) : std::optional(consul::Pair{});
  if (!pair) return unreadable();
  const bool is_ours = !pair->session.empty() && pair->session == job().session_name;
  if (job().held) {
    if (!is_ours) return is_lost("its key in Consul is not held by its session any more");
    return watch(now, answer);
  }
  if (is_ours) {
    is_held(job().counted);
    return watch(now, answer);
  }
  const bool is_there = answer.status == 200;
  if (is_there && pair->flags_text != flags_of_locks)
    return cannot(Why::wrong, key() + ": there is a key in Consul that is no lock, or a semaphore");
  if (COORD_RULE_OR(native_held_is_waited_for, is_there && !pair->session.empty(), false)) {
    if (!job().lock()->wait) return this->answer(native::Busy{});
    this->answer(native::Queued{key()});
    return watch(now, answer);
  }
  looking_ = true;
  call(now, Kind::take, "PUT",
       fmt::format("/v1/kv/{}?acquire={}&flags={}", consul::in_path(key()), job().session_name,
                   flags_of_locks),
       job().lock()->holder);
}

void NativeConsul::take_renewal(const Call& call, const http1::Answer& answer) {
  if (job().let_go) return;
  if (answer.status == 404) {
    if (job().held) return is_lost("its session in Consul has ended");
    job().session_name.clear();
    return fail("its session has ended: it asks anew");
  }
  job().counted = COORD_RULE_OR(native_session_counts_from_sending, call.sent, call.sent + answer_within);
  renew_at_ = lease::renew_at(call.sent, job().lock()->ttl);
  if (job().held) is_held(job().counted);
}

// With its session goes what it holds.
void NativeConsul::leave(Instant now) {
  const bool opens = std::ranges::any_of(calls_, [](const Call& each) { return each.kind == Kind::session; });
  if (leaving_ || opens) return;
  leaving_ = true;
  renew_at_.reset();
  look_at_.reset();
  if (job().session_name.empty()) return answer(native::Unlocked{true});
  call(now, Kind::leave, "PUT", fmt::format("/v1/session/destroy/{}", job().session_name));
}

void NativeConsul::tick(Instant now) {
  if (is_closed()) return;
  const bool is_silent = !calls_.empty() && now >= std::max(calls_.front().sent, heard_at_) + answer_within;
  if (is_silent || (watch_ && now >= watch_->sent + watch_within))
    return fail("no answer within 2 s: it has no leader, or cannot be reached");
  if (!begun_ || job().lock() == nullptr) return;
  if (job().let_go) return leave(now);
  if (renew_at_ && now >= *renew_at_) {
    renew_at_.reset();
    call(now, Kind::renew, "PUT", fmt::format("/v1/session/renew/{}", job().session_name));
  }
  if (look_at_ && now >= *look_at_) look(now);
}

std::optional<Instant> NativeConsul::deadline() const {
  if (is_closed()) return std::nullopt;
  Earliest first;
  if (!calls_.empty()) first.add(std::max(calls_.front().sent, heard_at_) + answer_within);
  if (watch_) first.add(watch_->sent + watch_within);
  first.add(renew_at_);
  first.add(look_at_);
  return first.get();
}

}  // namespace coord::engines
