// SPDX-License-Identifier: MIT
#include "engines/redis.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/marks.hpp"

namespace coord::engines {

namespace {

constexpr Duration redis_patience = std::chrono::seconds(2);
constexpr Duration used_every = std::chrono::minutes(5);
constexpr std::size_t bytes_a_second = 1U << 20U;  // a slow network
constexpr std::string_view entries_at_once = "512";

// KEYS: head, log, state. ARGV: the log's name, the prefix, then each script's own. XADD comes first: it may
// be refused, and a script is not undone. Each item has a digest of all before it and of itself: two logs
// that have the same one at a number are the same up to there.
constexpr std::string_view add_script = R"(
local h = redis.call('HMGET', KEYS[1], 'log', 'epoch', 'last', 'chain')
if h[1] ~= ARGV[1] or h[2] ~= ARGV[3] then return 0 end
local keys = ARGV[2] .. 'keys:' .. h[2]
if redis.call('SISMEMBER', keys, ARGV[4]) == 1 then return 0 end
local n = string.format('%.0f', h[3] + 1)
local c = redis.sha1hex((h[4] or h[1]) .. n .. 'b' .. ARGV[5])
redis.call('XADD', KEYS[2], n .. '-0', 'b', ARGV[5], 'c', c)
redis.call('SADD', keys, ARGV[4])
redis.call('HSET', KEYS[1], 'last', n, 'chain', c)
redis.call('PUBLISH', ARGV[2] .. 'tail', n)
return 1)";
constexpr std::string_view of_the_open_epoch = " or h[2] ~= ARGV[3]";  // what is not is refused
static_assert(add_script.find(of_the_open_epoch) != std::string_view::npos);
constexpr std::string_view seal_script = R"(
local h = redis.call('HMGET', KEYS[1], 'log', 'epoch', 'last', 'chain')
if h[1] ~= ARGV[1] or h[2] ~= ARGV[3] then return 0 end
local n = string.format('%.0f', h[3] + 1)
local c = redis.sha1hex((h[4] or h[1]) .. n .. 's' .. ARGV[4])
redis.call('XADD', KEYS[2], n .. '-0', 's', ARGV[4], 'c', c)
redis.call('HSET', KEYS[1], 'last', n, 'epoch', ARGV[4], 'chain', c)
redis.call('PUBLISH', ARGV[2] .. 'tail', n)
return 1)";
constexpr std::string_view make_script = R"(
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'epoch', '1', 'last', '1')
redis.call('HSET', KEYS[3], 'epoch', '1', 'position', '1', 'bytes', ARGV[3])
return 1)";
constexpr std::string_view keep_script = R"(
local h = redis.call('HMGET', KEYS[1], 'log', 'last')
local before = tonumber(redis.call('HGET', KEYS[3], 'epoch'))
if h[1] ~= ARGV[1] or before >= tonumber(ARGV[3]) or tonumber(h[2]) < tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[3], 'epoch', ARGV[3], 'position', ARGV[4], 'bytes', ARGV[5])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4] .. '-0')
for e = before, tonumber(ARGV[3]) - 1 do redis.call('DEL', ARGV[2] .. 'keys:' .. string.format('%.0f', e)) end
return 1)";
constexpr std::string_view load_script = R"(
local h = redis.call('HMGET', KEYS[1], 'log')
if not h[1] then return {} end
local s = redis.call('HMGET', KEYS[3], 'epoch', 'position', 'bytes')
local at = (s[2] or '0') .. '-0'
local i = redis.call('XRANGE', KEYS[2], at, at)
return {h[1], s[1] or '', s[2] or '', s[3] or '', i[1] and i[1][2][4] or ''})";

constexpr std::uint64_t before_items = 1;  // no item has this number

std::string chain_in(const resp::Value& item) {
  return item.list.size() == 2 ? std::string(item.list[1].at(3)) : std::string();
}

std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Redis::Redis(Access access, std::string host) : access_(std::move(access)), host_(std::move(host)) {}

// ---- calls

void Redis::call(Instant now, Kind kind, const std::vector<std::string_view>& words, std::uint64_t number) {
  if (closed_) return;
  Bytes bytes = resp::command(words);
  const auto more = std::chrono::seconds(bytes.size() / bytes_a_second);
  if (calls_.empty()) heard_at_ = now;
  calls_.push_back(Call{kind, now, number, more});
  write(std::move(bytes));
}

void Redis::script(Instant now, Kind kind, std::string_view text, const std::vector<std::string>& arguments,
                   std::uint64_t number) {
  const std::string head = at("head"), log = at("log"), state = at("state");
  std::vector<std::string_view> words{"EVAL", text, "3", head, log, state, log_, access_.prefix};
  words.insert(words.end(), arguments.begin(), arguments.end());
  call(now, kind, words, number);
}

void Redis::begin(Instant now) {
  if (access_.user.empty()) {
    call(now, Kind::hello, {"HELLO", "3"});
  } else {
    call(now, Kind::hello, {"HELLO", "3", "AUTH", access_.user, access_.password});
  }
}

void Redis::receive(Instant now, ByteView bytes) {
  if (closed_) return;
  heard_at_ = now;
  in_.add(bytes);
  while (auto value = in_.next()) {
    if (value->kind == resp::Value::Kind::push) {
      pushed(now, *value);
    } else if (calls_.empty()) {
      return refuse("the server there is not Redis");
    } else {
      const Call done = calls_.front();
      calls_.pop_front();
      if (value->kind == resp::Value::Kind::error) {
        refused(done, value->text);
        if (done.kind == Kind::append) append_next(now);
      } else {
        answered(now, done, *value);
      }
    }
    if (closed_) return;
  }
  if (in_.failed()) refuse("the server there is not Redis");
}

void Redis::refuse(const std::string& why) {
  if (closed_) return;
  closed_ = true;
  close(fmt::format("{}: {}", host_, why));
}

void Redis::refused(const Call& call, const std::string& text) {
  // Who may not ask for the configuration has somebody who looks after it.
  if (call.kind == Kind::memory || call.kind == Kind::policy || call.kind == Kind::used) return;
  const std::string word = text.substr(0, text.find(' '));
  if (word == "READONLY") return refuse("it is a replica");
  // It goes on answering what is asked.
  const bool writes = call.kind == Kind::append || call.kind == Kind::change;
  const bool is_full = word == "OOM" || word == "MISCONF" || word == "NOREPLICAS";
  if (writes && (is_full || word == "NOPERM" || text.find("can't run this command") != std::string::npos))
    return tell(engine::Refused{fmt::format("{}: {}", host_, text)});
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM")
    return refuse(text + ": --engine-user and --engine-password-file");
  if (word == "MOVED" || word == "CROSSSLOT")
    return refuse("it is a Redis Cluster: name one server with its replicas");
  if (call.kind == Kind::hello && word == "ERR") return refuse("it is older than Redis 6.2, which is needed");
  refuse(text);
}

void Redis::answered(Instant now, const Call& done, const resp::Value& value) {
  switch (done.kind) {
    case Kind::hello:
      take_hello(value);
      call(now, Kind::role, {"ROLE"});
      call(now, Kind::memory, {"CONFIG", "GET", "maxmemory"});
      call(now, Kind::policy, {"CONFIG", "GET", "maxmemory-policy"});
      write(resp::command({"SUBSCRIBE", at("tail")}));  // is answered by a push
      return call(now, Kind::subscribe, {"PING"});      // behind it
    case Kind::memory:
      evicts_ = value.at(1) != "0" && !value.at(1).empty();
      about_.quota = marks::number_in(value.at(1), 10).value_or(0);
      return;
    case Kind::policy:
      if (evicts_ && value.at(1).starts_with("allkeys"))
        refuse("it removes keys when its memory is full: CONFIG SET maxmemory-policy noeviction");
      return;
    case Kind::subscribe:
      return tell(engine::Up{});
    case Kind::role:
      return take_role(value);
    case Kind::load:
      if (done.number == loads_) take_load(now, value);
      return;
    case Kind::entries:
      fetching_ = false;
      if (following_ && done.number == loads_) return take_entries(now, value);
      if (following_) fetch(now);
      return;
    case Kind::head:
      if (following_) take_head(now, done.number, value);
      return;
    case Kind::append:
      return append_next(now);
    case Kind::used:
      return take_used(value);
    case Kind::change:
      return;
  }
}

// ---- what it says of itself

void Redis::take_hello(const resp::Value& value) {
  for (std::size_t i = 0; i + 1 < value.list.size(); i += 2) {
    if (value.at(i) == "version") about_.version = std::string(value.at(i + 1)).substr(0, 64);
  }
}

void Redis::take_used(const resp::Value& value) {
  constexpr std::string_view name = "used_memory:";
  const std::size_t begin = value.text.find(name);
  if (begin == std::string::npos) return;
  const std::string_view rest = std::string_view(value.text).substr(begin + name.size());
  about_.bytes = marks::number_in(rest.substr(0, rest.find('\r')), 10).value_or(0);
  about_.leader = host_;  // replicas are left
  say(about_);
}

void Redis::take_role(const resp::Value& value) {
  if (value.at(0) != "master") refuse("it is a replica");
}

void Redis::pushed(Instant now, const resp::Value& value) {
  if (value.at(0) != "message" || !following_) return;
  const auto number = marks::number_in(value.at(2), 10);
  if (number && *number > last_) fetch(now);
}

void Redis::ask(Instant now, const engine::Request& request) {
  if (closed_) return;
  if (const auto* one = std::get_if<engine::Append>(&request)) {
    if (appends_.admit(*one)) append(now, *one);
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    script(now, Kind::change, seal_script, {std::to_string(seal->epoch), std::to_string(seal->epoch + 1)});
  } else if (const auto* make = std::get_if<engine::Make>(&request)) {
    log_ = marks::name_of(access_.writer);
    script(now, Kind::change, make_script, {std::string(as_text(make->state))});
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    script(now, Kind::change, keep_script,
           {std::to_string(kept->epoch), std::to_string(kept->position), std::string(as_text(kept->state))});
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    if (following_) ask_head(now, barrier->ticket);
  } else {
    following_ = false;
    load_ticket_ = std::get<engine::Load>(request).ticket;
    call(now, Kind::role, {"ROLE"});
    script(now, Kind::load, load_script, {}, ++loads_);
  }
}

// With what was told last, which may be another one by now.
void Redis::ask_head(Instant now, std::uint64_t ticket) {
  const std::string head = at("head");
  call(now, Kind::role, {"ROLE"});
  fetch(now);
  call(now, Kind::head, {"HMGET", head, "log", "epoch", "last", "chain"}, ticket);
}

void Redis::append(Instant now, const engine::Append& append) {
  std::string text(add_script);
  if (COORD_RULE(redis_append_is_of_the_open_epoch, false))
    text.erase(text.find(of_the_open_epoch), of_the_open_epoch.size());
  script(now, Kind::append, text,
         {std::to_string(append.epoch), append.key, std::string(as_text(append.bytes))});
}

void Redis::append_next(Instant now) {
  if (const auto next = appends_.answered()) append(now, *next);
}

// Nothing has come since, of whatever.
Instant Redis::silent_at() const {
  return std::max(calls_.front().sent, heard_at_) + redis_patience + calls_.front().patience;
}

void Redis::tick(Instant now) {
  if (!closed_ && following_ && about_at_ && now >= *about_at_) {
    about_at_ = now + used_every;
    call(now, Kind::used, {"INFO", "memory"});
  }
  if (!closed_ && following_ && calls_.empty() && now >= heard_at_ + silence_is_asked_about) ask_head(now, 0);
  if (closed_ || calls_.empty() || now < silent_at()) return;
  refuse(fmt::format("no answer within {} s",
                     std::chrono::duration_cast<std::chrono::seconds>(redis_patience).count()));
}

std::optional<Instant> Redis::deadline() const {
  if (closed_) return std::nullopt;
  std::optional<Instant> due;
  if (!calls_.empty()) due = silent_at();
  if (calls_.empty() && following_) due = heard_at_ + silence_is_asked_about;
  if (following_ && about_at_ && (!due || *about_at_ < *due)) due = about_at_;
  return due;
}

// ---- the log

void Redis::take_load(Instant now, const resp::Value& value) {
  if (value.list.empty()) return tell(engine::Empty{});
  const auto epoch = marks::number_in(value.at(1), 10), position = marks::number_in(value.at(2), 10);
  const bool is_whole =
      epoch && position && (*position == before_items || (*position != 0 && !value.at(4).empty()));
  if (!marks::numbered(value.at(0)) || !is_whole)
    return refuse(
        fmt::format("the log under {} cannot be read: look for other writers there", access_.prefix));
  log_ = value.at(0);
  epoch_ = *epoch;
  last_ = *position;
  chain_ = value.at(4);
  following_ = true;
  waiting_.clear();
  if (!about_at_) about_at_ = now + std::chrono::seconds(1);
  tell(engine::State{epoch_, last_, marks::bytes_in(value.at(3))});
  fetch(now);
  const std::string head = at("head");
  call(now, Kind::head, {"HMGET", head, "log", "epoch", "last", "chain"}, load_ticket_);
}

void Redis::fetch(Instant now) {
  more_ = fetching_;
  if (std::exchange(fetching_, true)) return;
  const std::string log = at("log"), from = fmt::format("{}-0", last_);
  call(now, Kind::entries, {"XRANGE", log, from, "+", "COUNT", entries_at_once}, loads_);
}

void Redis::take_entries(Instant now, const resp::Value& value) {
  const auto& items = value.list;
  const bool has_last = !items.empty() && items.front().at(0) == fmt::format("{}-0", last_);
  const bool is_same = has_last ? chain_in(items.front()) == chain_ : last_ == before_items;
  if (!COORD_RULE(redis_entries_follow_what_was_told, is_same)) return gap();
  const std::size_t known = has_last ? 1 : 0;
  for (std::size_t i = known; i < items.size(); ++i) {
    if (!deliver(items[i])) return gap();
  }
  if (items.size() > known || more_) {
    fetch(now);
  } else if (std::ranges::any_of(waiting_, [this](const Waiting& each) { return each.need > last_; })) {
    return gap();
  }
  reach();
}

// False: what should be there is not.
bool Redis::deliver(const resp::Value& item) {
  if (item.list.size() != 2) return false;
  const std::string_view id = item.at(0);
  const auto position = marks::number_in(id.substr(0, id.find('-')), 10);
  if (!position || *position != last_ + 1) return false;
  const std::uint64_t after = std::exchange(last_, *position);
  const resp::Value& fields = item.list[1];
  chain_ = chain_in(item);
  if (fields.at(0) == "s") {
    if (fields.at(1) != std::to_string(epoch_ + 1)) return false;
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, marks::bytes_in(fields.at(1))});
  }
  return true;
}

void Redis::take_head(Instant now, std::uint64_t ticket, const resp::Value& value) {
  const auto last = marks::number_in(value.at(2), 10);
  if (value.at(0) != log_ || !last || *last < last_) return gap();
  if (*last == last_ && last_ != before_items && value.at(3) != chain_) return gap();
  waiting_.push_back(Waiting{ticket, *last});
  if (*last > last_) fetch(now);
  reach();
}

void Redis::reach() {
  std::vector<Waiting> left;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (waiting.need > last_) {
      left.push_back(waiting);
    } else {
      if (waiting.ticket != 0) tell(engine::Reached{waiting.ticket});
    }
  }
  waiting_ = std::move(left);
}

// Whoever follows reads all anew.
void Redis::gap() {
  following_ = false;
  waiting_.clear();
  tell(engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
}

}  // namespace coord::engines
