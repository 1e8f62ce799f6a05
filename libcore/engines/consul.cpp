// SPDX-License-Identifier: MIT
#include "engines/consul.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/earliest.hpp"

namespace coord::engines {

namespace {

constexpr Duration consul_patience = std::chrono::seconds(2);
constexpr Duration watch_lasts = std::chrono::seconds(60), watch_patience = std::chrono::seconds(70);
constexpr Duration busy_pause = std::chrono::milliseconds(100), busy_patience = std::chrono::seconds(2);
// An election takes up to 4.7 s: this server may be cut off from those that have a leader.
constexpr Duration follower_patience = std::chrono::seconds(6);
constexpr Duration ask_about_every = std::chrono::minutes(1);

}  // namespace

Consul::Consul(Access access, std::string host) : access_(std::move(access)), host_(std::move(host)) {}

std::string Consul::in_log(std::string_view what) const {
  return fmt::format("{}{}/{}", access_.prefix, log_, what);
}

std::string Consul::of_epoch(std::string_view what, std::uint64_t epoch) const {
  return fmt::format("{}/{}", in_log(what), marks::name_of(epoch));
}

// Removed with all in it.
std::string Consul::bucket(std::uint64_t number) const {
  return fmt::format("{}/", of_epoch("entry", number >> bits_of_a_bucket));
}

std::string Consul::entry(std::uint64_t number) const {
  return bucket(number) + marks::name_of(number);
}

// ---- calls

void Consul::call(Instant now, Kind kind, std::string_view method, const std::string& target,
                  std::string_view body, std::uint64_t number) {
  if (closed_) return;
  http1::Headers headers;
  if (!access_.password.empty()) headers.emplace_back("X-Consul-Token", access_.password);
  const unsigned line = kind == Kind::watch ? waits : asks;
  write(http1::request(method, target, host_, headers, body), line);
  Call asked{kind, now, number, last_};
  if (line == waits) {
    watch_ = asked;
  } else {
    if (calls_.empty()) heard_at_ = now;
    calls_.push_back(asked);
  }
}

void Consul::get(Instant now, Kind kind, const std::string& key, std::uint64_t number) {
  const std::string how = COORD_RULE_OR(consul_reads_are_confirmed, "?consistent", "");
  call(now, kind, "GET", "/v1/kv/" + key + how, {}, number);
}

void Consul::transact(Instant now, Kind kind, const consul::Transaction& change) {
  call(now, kind, "PUT", "/v1/txn", change.text());
}

void Consul::begin(Instant) {
  const auto is_of_line = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(access_.password, is_of_line))
    return refuse("a token has no blanks: look into --engine-password-file");
  tell(engine::Up{});
}

void Consul::receive_on(Instant now, unsigned line, ByteView bytes) {
  if (closed_) return;
  if (line == asks) heard_at_ = now;
  in_.at(line).add(bytes);
  while (auto answer = in_.at(line).next()) {
    if (line == waits ? !watch_ : calls_.empty()) return unasked(*answer);
    if (line == waits) {
      watch_.reset();
      watched(now, *answer);
    } else {
      const Call done = calls_.front();
      calls_.pop_front();
      answered(now, done, *answer);
    }
    if (closed_) return;
  }
  if (in_.at(line).failed()) unreadable();
}

void Consul::unasked(const http1::Answer& answer) {
  constexpr unsigned too_many = 429;
  if (answer.status != too_many) return unreadable();
  refuse("it takes no more connections from this host: raise limits.http_max_conns_per_client");
}

void Consul::unreadable() {
  refuse("the server there is not Consul");
}

void Consul::refuse(const std::string& why) {
  if (closed_) return;
  closed_ = true;
  close(fmt::format("{}: {}", host_, why));
}

void Consul::damaged() {
  refuse(fmt::format("the log under {} cannot be read: look for other writers there", access_.prefix));
}

void Consul::answered(Instant now, const Call& call, const http1::Answer& answer) {
  if (call.kind == Kind::version || call.kind == Kind::leader) return take_about(now, call, answer);
  // Of a transaction it is not the status that says so.
  if (answer.status == 409) {
    const auto outcome = consul::read_transaction(answer.body);
    if (outcome && outcome->is_forbidden) return failed(now, call, {403, {}, "Permission denied"});
  }
  // Of Consul's own: a proxy without a server, or any other program, says 404 as well.
  if (answer.status == 404 && answer.header("x-consul-index").empty()) return unreadable();
  const bool is_told = answer.status == 200 || answer.status == 404 || answer.status == 409;
  if (is_told) return answered_well(now, call, answer);
  failed(now, call, answer);
}

void Consul::answered_well(Instant now, const Call& call, const http1::Answer& answer) {
  const bool of_this_load = loading_ && loading_->number == call.number;
  if (call.kind != Kind::list) busy_since_.reset();  // all else needs the leader
  switch (call.kind) {
    case Kind::which:
      if (of_this_load) take_which(now, answer);
      break;
    case Kind::newest:
      if (of_this_load) take_newest(now, answer);
      break;
    case Kind::piece:
      if (of_this_load) take_piece(now, answer);
      break;
    case Kind::entries:
      fetching_ = false;
      take_entries(now, call, answer);
      break;
    case Kind::barrier:
      if (following_) take_barrier(now, call, answer);
      break;
    case Kind::head:
      take_head(now, call, answer);
      break;
    case Kind::change:
      take_change(now, answer);
      break;
    case Kind::put:
      if (answer.status != 200) keeping_.reset();
      keep(now);
      break;
    case Kind::before:
      take_before(now, answer);
      break;
    case Kind::kept:
      take_pointer(now, answer);
      break;
    case Kind::list:
      take_list(now, call, answer);
      break;
    default:
      break;
  }
}

// That Consul has no leader just now is no reason to go: what was asked is asked again here, and a barrier by
// those who want it. After a while the next server is tried, sooner on the way in.
void Consul::failed(Instant now, const Call& call, const http1::Answer& answer) {
  std::string text = answer.body.substr(0, answer.body.find('\n')).substr(0, 200);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = ' ';
  }
  if (text.empty()) text = fmt::format("it refuses (HTTP status {})", answer.status);
  const bool writes = call.kind == Kind::head || call.kind == Kind::change;
  const bool keeps = call.kind == Kind::put || call.kind == Kind::before || call.kind == Kind::kept;
  const bool is_busy = answer.status >= 500 || answer.status == 429;
  if (writes && is_busy) write_again(now);
  if (writes && !is_busy) drop_writes();
  if (keeps) keeping_.reset();
  if (call.kind == Kind::list) return;
  if (call.kind == Kind::entries) fetching_ = false;
  if (answer.status == 403) return forbidden(call, text);
  if (answer.status == 413) return tell(engine::Refused{fmt::format("{}: {}", host_, text)});
  if (!is_busy) return refuse(text);
  const bool is_first_barrier =
      call.kind == Kind::barrier && call.number != 0 && call.number == first_barrier_;
  const bool of_load = call.kind == Kind::which || call.kind == Kind::newest || call.kind == Kind::piece;
  if (!busy_since_) busy_since_ = now;
  const bool is_on_its_way = of_load || is_first_barrier;
  const Duration patience = is_on_its_way ? busy_patience : follower_patience;
  if (now >= *busy_since_ + patience) return refuse(text);
  if (is_on_its_way) (is_first_barrier ? barrier_at_ : again_) = now + busy_pause;
  if (call.kind == Kind::entries) fetch_at_ = now + busy_pause;
}

// Who may read but not write goes on reading.
void Consul::forbidden(const Call& call, const std::string& text) {
  const bool writes = call.kind == Kind::change || call.kind == Kind::made || call.kind == Kind::put ||
                      call.kind == Kind::kept || call.kind == Kind::clear;
  const std::string why =
      fmt::format("{}: give a token that may write {} as --engine-password-file", text, access_.prefix);
  if (!writes || !following_) return refuse(why);
  tell(engine::Refused{fmt::format("{}: {}", host_, why)});
}

std::optional<Consul::Head> Consul::head_in(const http1::Answer& answer) const {
  const auto pair = answer.status == 200 ? consul::read_pair(answer.body) : std::nullopt;
  if (!pair) return std::nullopt;
  const std::string_view said = pair->value;
  const std::size_t first = said.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : said.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto epoch = marks::number_in(said.substr(first + 1, second - first - 1), 10);
  const auto last = marks::number_in(said.substr(second + 1), 10);
  if (!marks::numbered(said.substr(0, first)) || !epoch || !last || *last == 0) return std::nullopt;
  return Head{std::string(said.substr(0, first)), *epoch, *last, pair->changed};
}

std::optional<Consul::Kept> Consul::state_in(const http1::Answer& answer) const {
  const auto pair = answer.status == 200 ? consul::read_pair(answer.body) : std::nullopt;
  if (!pair) return std::nullopt;
  const std::size_t blank = pair->value.find(' ');
  if (blank == std::string::npos) return std::nullopt;
  const auto epoch = marks::number_in(std::string_view(pair->value).substr(0, blank), 10);
  const auto where = marks::pointer_in(std::string_view(pair->value).substr(blank + 1));
  if (!epoch || !where || where->position == 0) return std::nullopt;
  return Kept{*epoch, pair->changed, *where};
}

// ---- what it says of itself: a token may be without the right to ask

void Consul::take_about(Instant, const Call& call, const http1::Answer& answer) {
  if (answer.status != 200) return;
  if (call.kind == Kind::version) {
    if (const auto version = consul::read_version(answer.body)) about_.version = *version;
  } else if (const auto leads = consul::read_leader(answer.body)) {
    about_.leader = *leads;
  }
  say(about_);
}

// ---- requests

void Consul::ask(Instant now, const engine::Request& request) {
  if (closed_) return;
  const auto text_in = [](const Bytes& bytes) { return std::string(bytes.begin(), bytes.end()); };
  if (const auto* one = std::get_if<engine::Append>(&request)) {
    append(now, Item{false, one->epoch, one->key, text_in(one->bytes)});
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    append(now, Item{true, seal->epoch, {}, marks::seal_of(seal->epoch)});
  } else if (const auto* made = std::get_if<engine::Make>(&request)) {
    make(now, *made);
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    if (keeping_ || log_.empty()) return;
    keeping_ = Keeping{*kept, marks::folder_of(access_.writer, access_.connection, ++keeps_), 0};
    keep(now);
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    if (following_) get(now, Kind::barrier, at("head"), barrier->ticket);
  } else {
    tries_ = 0;
    busy_since_.reset();
    load(now, std::get<engine::Load>(request).ticket);
  }
}

// Nothing has come since, of whatever.
Instant Consul::silent_at() const {
  return std::max(calls_.front().sent, heard_at_) + consul_patience;
}

void Consul::tick(Instant now) {
  if (closed_) return;
  const auto seconds_of = [](Duration time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  };
  if (!calls_.empty() && now >= silent_at())
    return refuse(fmt::format("no answer within {} s: it has no leader, or cannot be reached",
                              seconds_of(consul_patience)));
  if (watch_ && now >= watch_->sent + watch_patience)
    return refuse(fmt::format("the query that waits for entries was not answered within {} s",
                              seconds_of(watch_patience)));
  if (watch_due_ && now >= *watch_due_)
    return refuse("the query that waits for entries is not told of any: the leader that had it has stopped");
  if (following_ && calls_.empty() && now >= heard_at_ + silence_is_asked_about)
    get(now, Kind::barrier, at("head"));
  if (again_ && now >= *again_) load_again(now);
  if (watch_at_ && now >= *watch_at_) watch(now);
  if (fetch_at_ && now >= *fetch_at_) fetch(now);
  if (write_at_ && now >= *write_at_) write_next(now);
  if (barrier_at_ && now >= *barrier_at_) {
    barrier_at_.reset();
    get(now, Kind::barrier, at("head"), first_barrier_);
  }
  if (following_ && about_at_ && now >= *about_at_) {
    about_at_ = now + ask_about_every;
    call(now, Kind::version, "GET", "/v1/agent/self");
    call(now, Kind::leader, "GET", "/v1/status/leader");
  }
}

std::optional<Instant> Consul::deadline() const {
  if (closed_) return std::nullopt;
  Earliest first;
  if (!calls_.empty()) first.add(silent_at());
  if (calls_.empty() && following_) first.add(heard_at_ + silence_is_asked_about);
  if (watch_) first.add(watch_->sent + watch_patience);
  first.add(watch_due_);
  first.add(again_);
  first.add(watch_at_);
  first.add(fetch_at_);
  first.add(write_at_);
  first.add(barrier_at_);
  if (following_) first.add(about_at_);
  return first.get();
}

// ---- the query that blocks

void Consul::watch(Instant now) {
  watch_at_.reset();
  if (watch_ || !following_) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(watch_lasts).count();
  call(now, Kind::watch, "GET", fmt::format("/v1/kv/{}?index={}&wait={}s", at("head"), watch_from_, seconds));
}

// `head` was changed at that index: is the query told of it? A server carries it to the leader. When that
// stops without a word the others have another one soon, and the query waits at the former one to its end.
void Consul::expect_watch(Instant now, std::uint64_t changed) {
  if (watch_ && !watch_due_ && changed > watch_from_) watch_due_ = now + consul_patience;
}

}  // namespace coord::engines
