// SPDX-License-Identifier: MIT
#include "engines/native_redis.hpp"

#include <algorithm>
#include <chrono>

#include "base/format.hpp"

namespace coord::engines {

namespace {

using Why = native::Cannot::Why;
using resp::Value;

constexpr Duration reply_within = std::chrono::seconds(2);
constexpr std::size_t most_listed = 100'000;

// Of SCAN: a key's beginning as it is.
std::string pattern_of(const std::string& prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (std::string_view("*?[]\\^").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + "*";
}

}  // namespace

NativeRedis::NativeRedis(Access access, std::string host, std::shared_ptr<NativeJob> job)
    : NativeAdapter(std::move(job), std::move(host)), access_(std::move(access)) {}

void NativeRedis::call(Instant now, Kind kind, const std::vector<std::string_view>& words) {
  if (is_closed()) return;
  calls_.emplace_back(kind, now);
  write(resp::command(words));
}

void NativeRedis::begin(Instant now) {
  tell(engine::Up{});
  if (access_.user.empty()) {
    call(now, Kind::hello, {"HELLO", "3"});
  } else {
    call(now, Kind::hello, {"HELLO", "3", "AUTH", access_.user, access_.password});
  }
}

void NativeRedis::receive(Instant now, ByteView bytes) {
  if (is_closed()) return;
  heard_at_ = now;
  in_.add(bytes);
  while (auto value = in_.next()) {
    if (value->kind == Value::Kind::push) continue;
    if (calls_.empty()) return fail("the server there is not Redis");
    const Kind kind = calls_.front().first;
    calls_.pop_front();
    const bool is_error = value->kind == Value::Kind::error;
    if (is_error && kind == Kind::size && value->text.starts_with("WRONGTYPE")) {
      take_size(0);  // a list, a set, a hash: it has no text
    } else if (is_error) {
      if (kind == Kind::put || kind == Kind::remove) not_changed();  // an error's command was not run
      refused(value->text);
    } else {
      tell(engine::Reached{});
      answered(now, kind, *value);
    }
    if (is_closed()) return;
  }
  if (in_.failed()) fail("the server there is not Redis");
}

void NativeRedis::refused(const std::string& text) {
  const std::string word = text.substr(0, text.find(' '));
  if (word == "WRONGTYPE") {
    cannot(Why::wrong, "that key has no text, but something else of Redis'");
  } else if (word == "OOM" || word == "MISCONF" || word == "NOREPLICAS" || word == "NOPERM") {
    cannot(Why::unreachable, fmt::format("{}: {}", host(), text));
  }
  fail(word == "NOAUTH" || word == "WRONGPASS" ? text + ": --engine-user and --engine-password-file" : text);
}

void NativeRedis::start(Instant now) {
  if (const auto* get = std::get_if<native::Get>(&job().what)) {
    call(now, Kind::get, {"GET", get->key});
  } else if (const auto* put = std::get_if<native::Put>(&job().what)) {
    if (!may_change(put->wanted.has_value())) return;
    if (put->wanted) {
      call(now, Kind::put, {"SET", put->key, put->value, "NX"});
    } else {
      call(now, Kind::put, {"SET", put->key, put->value});
    }
  } else if (const auto* removal = std::get_if<native::Remove>(&job().what)) {
    if (may_change(false)) call(now, Kind::remove, {"DEL", removal->key});
  } else if (const auto* all = std::get_if<native::List>(&job().what)) {
    call(now, Kind::scan, {"SCAN", "0", "MATCH", pattern_of(all->prefix), "COUNT", "512"});
  }
}

void NativeRedis::answered(Instant now, Kind kind, const Value& value) {
  const bool is_there = value.kind != Value::Kind::nothing;
  switch (kind) {
    case Kind::hello:
      return call(now, Kind::role, {"ROLE"});
    case Kind::role:
      if (value.at(0) != "master") return fail("it is a replica");
      return start(now);
    case Kind::get:
      answer_value({is_there, 0, value.text});
      return;
    case Kind::put:
      return is_there ? answer_done(0) : answer_not({true, 0});
    case Kind::remove:
      return value.number != 0 ? answer_done(0) : answer_not({});
    case Kind::scan:
      return take_scan(now, value);
    case Kind::size:
      return take_size(static_cast<std::uint64_t>(value.number));
  }
}

void NativeRedis::take_size(std::uint64_t bytes) {
  const std::string& key = found_[sized_++];
  answer_key(native::Key{key, 0, bytes}, sized_ < found_.size());
}

// It may tell of a key several times.
void NativeRedis::take_scan(Instant now, const Value& value) {
  if (value.list.size() != 2) return fail("the server there is not Redis");
  for (const Value& key : value.list[1].list) {
    if (key.text.size() <= native::longest_key) found_.push_back(key.text);
  }
  if (found_.size() > most_listed) return cannot(Why::wrong, "there are more than 100,000: name a PREFIX");
  if (value.list[0].text != "0") {
    const auto& all = std::get<native::List>(job().what);
    return call(now, Kind::scan,
                {"SCAN", value.list[0].text, "MATCH", pattern_of(all.prefix), "COUNT", "512"});
  }
  std::ranges::sort(found_);
  const auto twice = std::ranges::unique(found_);
  found_.erase(twice.begin(), twice.end());
  std::erase_if(found_, [this](const std::string& key) { return key <= job().listed; });
  if (found_.empty()) return answer(native::Keys{});
  for (const std::string& key : found_) call(now, Kind::size, {"STRLEN", key});
}

void NativeRedis::tick(Instant now) {
  if (!is_closed() && !calls_.empty() && now >= std::max(calls_.front().second, heard_at_) + reply_within)
    fail("no answer within 2 s");
}

std::optional<Instant> NativeRedis::deadline() const {
  if (is_closed() || calls_.empty()) return std::nullopt;
  return std::max(calls_.front().second, heard_at_) + reply_within;
}

}  // namespace coord::engines
