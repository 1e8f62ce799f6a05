// SPDX-License-Identifier: MIT
#include "engines/postgres.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/jute.hpp"
#include "engines/marks.hpp"
#include "engines/postgres_statements.hpp"

namespace coord::engines {

namespace {

using namespace sql;

constexpr Duration postgres_patience = std::chrono::seconds(2);
constexpr Duration size_every = std::chrono::minutes(5);
constexpr std::size_t bytes_a_second = 1U << 20U;  // a slow network
constexpr std::size_t message_bytes_limit = 300U << 20U;
constexpr std::uint64_t before_rows = 1;  // no row has this number
constexpr char usual_user[] = "coordutils";

Bytes bytes_in(std::string_view text) {
  return marks::bytes_in(text);
}
std::string text_in(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}
Bytes number_text(std::uint64_t number) {
  return bytes_in(std::to_string(number));
}
std::optional<std::uint64_t> number_of(const Bytes& bytes) {
  return marks::number_in(text_in(bytes), 10);
}

// Strings of the protocol end with a zero.
void put_string(JuteWriter& out, std::string_view text) {
  out.append(bytes_of(text)).flag(false);
}
void put_short(JuteWriter& out, std::size_t value) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(value >> 8U),
                                          static_cast<std::uint8_t>(value)};
  out.append(bytes);
}

Bytes with_size(const Bytes& body) {
  return JuteWriter().number(static_cast<std::int32_t>(body.size() + 4)).append(body).out();
}

}  // namespace

Postgres::Postgres(Access access, std::string host, bool tls)
    : access_(std::move(access)),
      host_(std::move(host)),
      tls_(tls),
      database_(access_.prefix.substr(0, access_.prefix.find('/'))),
      prefix_(access_.prefix.substr(std::min(database_.size() + 1, access_.prefix.size()))),
      scram_(access_.password, access_.nonce) {
  if (prefix_.empty()) prefix_ = "coordutils/";
  // Of 63 bytes at most; others' messages on it say nothing wrong.
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : prefix_) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  channel_ = fmt::format("coordutils_{:016x}", hash);
}

// ---- messages

Bytes Postgres::tls_request() {
  constexpr std::int32_t code = 80877103;
  return with_size(JuteWriter().number(code).out());
}

void Postgres::message(char type, const Bytes& body) {
  Bytes whole{static_cast<std::uint8_t>(type)};
  const Bytes sized = with_size(body);
  whole.insert(whole.end(), sized.begin(), sized.end());
  write(std::move(whole));
}

void Postgres::query(Instant now, Kind kind, const std::string& text) {
  if (closed_) return;
  JuteWriter out;
  put_string(out, text);
  message('Q', out.out());
  if (calls_.empty()) heard_at_ = now;
  calls_.push_back(Call{kind, now});
}

// Values and answers are in the binary form, which is that of their bytes: numbers go as texts that are cast.
void Postgres::execute(Instant now, Kind kind, std::size_t statement, const std::vector<Bytes>& values,
                       std::uint64_t number) {
  if (closed_) return;
  JuteWriter bind;
  put_string(bind, "");
  put_string(bind, fmt::format("s{}", statement));
  put_short(bind, values.size());
  const bool has_bytes = statement == add || statement == make || statement == keep;
  const std::size_t of_bytes = statement == make ? 2 : 4;
  for (std::size_t i = 0; i < values.size(); ++i) put_short(bind, has_bytes && i == of_bytes ? 1 : 0);
  put_short(bind, values.size());
  for (const Bytes& value : values) bind.buffer(value);
  put_short(bind, 1);
  put_short(bind, 1);
  message('B', bind.out());
  JuteWriter run;
  put_string(run, "");
  message('E', run.number(0).out());
  message('S', {});
  if (calls_.empty()) heard_at_ = now;
  calls_.push_back(Call{kind, now, number, std::chrono::seconds(bind.out().size() / bytes_a_second)});
}

void Postgres::begin(Instant now) {
  constexpr std::int32_t version = 196608;
  JuteWriter out;
  out.number(version);
  put_string(out, "user");
  put_string(out, access_.user.empty() ? std::string(usual_user) : access_.user);
  put_string(out, "database");
  put_string(out, database_);
  put_string(out, "application_name");
  put_string(out, "coordd");
  put_string(out, "");
  write(with_size(out.out()));
  calls_.push_back(Call{Kind::greeting, now});
}

void Postgres::receive(Instant now, ByteView bytes) {
  heard_at_ = now;
  in_.insert(in_.end(), bytes.begin(), bytes.end());
  std::size_t at_byte = 0;
  while (!closed_ && in_.size() - at_byte >= 5) {
    JuteReader head_of(ByteView(in_).subspan(at_byte + 1, 4));
    const std::int32_t said = head_of.number();
    if (said < 4 || static_cast<std::size_t>(said) > message_bytes_limit)
      return refuse("the server there is not PostgreSQL");
    const auto size = static_cast<std::size_t>(said);
    if (in_.size() - at_byte < size + 1) break;
    const char type = static_cast<char>(in_[at_byte]);
    take_message(now, type, ByteView(in_).subspan(at_byte + 5, size - 4));
    at_byte += size + 1;
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at_byte));
}

void Postgres::refuse(const std::string& why) {
  if (closed_) return;
  closed_ = true;
  close(fmt::format("{}: {}", host_, why));
}

void Postgres::take_message(Instant now, char type, ByteView body) {
  switch (type) {
    case 'R':
      return authenticate(body);
    case 'E':
      return fail(body);
    case 'D': {
      if (calls_.empty() || body.size() < 2) return refuse("the server there is not PostgreSQL");
      Call& call = calls_.front();
      call.size += body.size();
      if (call.size > message_bytes_limit) return refuse("the server there is not PostgreSQL");
      JuteReader reader(body.subspan(2));
      Row row(static_cast<std::size_t>(body[0]) << 8U | body[1]);
      for (Bytes& value : row) {
        const ByteView found = reader.buffer();
        value.assign(found.begin(), found.end());
      }
      if (reader.failed()) return refuse("the server there is not PostgreSQL");
      call.rows.push_back(std::move(row));
      return;
    }
    case 'A': {
      if (following_) fetch(now);
      return;
    }
    case 'Z': {
      if (calls_.empty()) return refuse("the server there is not PostgreSQL");
      Call done = std::move(calls_.front());
      calls_.pop_front();
      return answered(now, std::move(done));
    }
    default:
      return;
  }
}

void Postgres::authenticate(ByteView body) {
  enum : std::int32_t { fine = 0, in_the_clear = 3, sasl = 10, sasl_goes_on = 11, sasl_ends = 12 };
  JuteReader reader(body);
  const std::int32_t kind = reader.number();
  const std::string rest(reader.left().begin(), reader.left().end());
  if (reader.failed()) return refuse("the server there is not PostgreSQL");
  if (kind == fine) {
    if (scram_begun_ && !proven_) refuse("it has not shown that it knows the password itself");
    return;
  }
  if (access_.user.empty()) return refuse("it wants a password: --engine-user and --engine-password-file");
  JuteWriter out;
  if (kind == in_the_clear && tls_) {
    put_string(out, access_.password);
  } else if (kind == sasl && rest.find("SCRAM-SHA-256") != std::string::npos) {
    scram_begun_ = true;
    put_string(out, "SCRAM-SHA-256");
    out.text(scram_.first());
  } else if (kind == sasl_goes_on) {
    const auto proof = scram_.proof(rest);
    if (!proof) return refuse("the server there is not PostgreSQL");
    out.append(bytes_of(*proof));
  } else if (kind == sasl_ends) {
    proven_ = scram_.is_server(rest);
    if (!proven_) refuse("it does not know the password itself");
    return;
  } else {
    return refuse("it wants a kind of password that is not sent: set scram-sha-256 in its pg_hba.conf");
  }
  message('p', out.out());
}

void Postgres::fail(ByteView body) {
  std::string text, code;
  while (body.size() > 1) {
    const auto end = std::ranges::find(body, std::uint8_t{0});
    const std::string field(body.begin(), end);
    if (field.starts_with('M')) text = field.substr(1);
    if (field.starts_with('C')) code = field.substr(1);
    body = body.subspan(std::min(field.size() + 1, body.size()));
  }
  if (calls_.empty() || calls_.front().kind == Kind::greeting) return refuse(text);
  calls_.front().failure = text.empty() ? "it refuses" : text;
  calls_.front().code = code;
}

void Postgres::answered(Instant now, Call&& done) {
  if (!done.failure.empty()) return failed(now, done);
  switch (done.kind) {
    case Kind::greeting:
      return query(
          now, Kind::settings,
          "select pg_is_in_recovery()::text, current_setting('transaction_read_only'), "
          "current_setting('fsync'), current_setting('synchronous_standby_names'), "
          "set_config('synchronous_commit', case when current_setting('synchronous_commit') in ('off', "
          "'local') then 'on' else current_setting('synchronous_commit') end, false), "
          "set_config('default_transaction_isolation', 'read committed', false), "
          "current_setting('server_version')");
    case Kind::settings:
      return take_settings(now, done);
    case Kind::tables:
      return prepare(now);
    case Kind::prepare:
      return tell(engine::Up{});
    case Kind::load:
      if (done.number == loads_) take_load(now, done);
      return;
    case Kind::entries:
      fetching_ = false;
      if (following_ && done.number == loads_) return take_entries(now, done);
      if (following_) fetch(now);
      return;
    case Kind::head:
      if (following_) take_head(now, done);
      return;
    case Kind::append:
      return append_next(now);
    case Kind::size:
      about_.bytes = !done.rows.empty() && !done.rows[0].empty() ? number_of(done.rows[0][0]).value_or(0) : 0;
      about_.leader = host_;  // standbys are left
      return say(about_);
    case Kind::change:
      return;
  }
}

void Postgres::failed(Instant now, const Call& call) {
  if (call.kind == Kind::append) append_next(now);
  const bool writes = call.kind == Kind::append || call.kind == Kind::change;
  // The key is there, another was faster, or the server gives in to another: it comes again.
  const bool comes_again = call.code == "23505" || call.code == "40001" || call.code == "40P01";
  if (call.kind == Kind::size || (writes && comes_again)) return;
  if (call.code == "25006") return refuse("it is a standby");
  // No space, no memory, no right: it goes on answering what is asked.
  if (writes && following_ && (call.code.starts_with("53") || call.code == "42501"))
    return tell(engine::Refused{fmt::format("{}: {}", host_, call.failure)});
  refuse(call.failure);
}

void Postgres::take_settings(Instant now, const Call& call) {
  if (call.rows.size() != 1 || call.rows[0].size() < 4) return refuse("the server there is not PostgreSQL");
  const Row& said = call.rows[0];
  if (text_in(said[0]) != "false" || text_in(said[1]) == "on") return refuse("it is a standby");
  if (text_in(said[2]) == "off") return refuse("its fsync is off: it may lose acknowledged writes");
  has_standbys_ = !said[3].empty();
  if (said.size() > 6) about_.version = text_in(said[6]).substr(0, 64);
  query(now, Kind::tables, tables);
}

void Postgres::prepare(Instant now) {
  for (std::size_t i = 0; i < statements.size(); ++i) {
    std::string text = statements.at(i);
    if (COORD_RULE(postgres_append_is_of_the_open_epoch, false) && i == add)
      text.erase(text.find(of_the_open_epoch), of_the_open_epoch.size());
    JuteWriter out;
    put_string(out, fmt::format("s{}", i));
    put_string(out, text);
    put_short(out, 0);
    message('P', out.out());
  }
  message('S', {});
  calls_.push_back(Call{Kind::change, now});
  query(now, Kind::prepare, "listen " + channel_);
}

// ---- requests

void Postgres::ask(Instant now, const engine::Request& request) {
  if (closed_) return;
  const Bytes prefix = bytes_in(prefix_), log = bytes_in(log_), channel = bytes_in(channel_);
  if (const auto* one = std::get_if<engine::Append>(&request)) {
    if (appends_.admit(*one)) append(now, *one);
  } else if (const auto* sealed = std::get_if<engine::Seal>(&request)) {
    execute(now, Kind::change, seal, {prefix, log, number_text(sealed->epoch), channel});
  } else if (const auto* made = std::get_if<engine::Make>(&request)) {
    execute(now, Kind::change, make, {prefix, bytes_in(marks::name_of(access_.writer)), made->state});
  } else if (const auto* kept = std::get_if<engine::Keep>(&request)) {
    execute(now, Kind::change, keep,
            {prefix, log, number_text(kept->epoch), number_text(kept->position), kept->state});
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    if (following_) ask_head(now, barrier->ticket);
  } else {
    following_ = false;
    load_ticket_ = std::get<engine::Load>(request).ticket;
    // Behind a write where that means something: the row as all commits left it.
    if (has_standbys_) execute(now, Kind::change, written_head, {prefix});
    execute(now, Kind::load, load, {prefix}, ++loads_);
  }
}

void Postgres::ask_head(Instant now, std::uint64_t ticket) {
  execute(now, Kind::head, has_standbys_ ? written_head : head, {bytes_in(prefix_)}, ticket);
}

void Postgres::append(Instant now, const engine::Append& append) {
  execute(now, Kind::append, add,
          {bytes_in(prefix_), bytes_in(log_), number_text(append.epoch), bytes_in(append.key), append.bytes,
           bytes_in(channel_)});
}

void Postgres::append_next(Instant now) {
  if (const auto next = appends_.answered()) append(now, *next);
}

// Nothing has come since, of whatever.
Instant Postgres::silent_at() const {
  return std::max(calls_.front().sent, heard_at_) + postgres_patience + calls_.front().patience;
}

void Postgres::tick(Instant now) {
  if (!closed_ && following_ && about_at_ && now >= *about_at_) {
    about_at_ = now + size_every;
    query(now, Kind::size, "select pg_database_size(current_database())::text");
  }
  if (!closed_ && following_ && calls_.empty() && now >= heard_at_ + silence_is_asked_about)
    execute(now, Kind::head, head, {bytes_in(prefix_)}, 0);
  if (closed_ || calls_.empty() || now < silent_at()) return;
  refuse(fmt::format("no answer within {} s",
                     std::chrono::duration_cast<std::chrono::seconds>(postgres_patience).count()));
}

std::optional<Instant> Postgres::deadline() const {
  if (closed_) return std::nullopt;
  std::optional<Instant> due;
  if (!calls_.empty()) due = silent_at();
  if (calls_.empty() && following_) due = heard_at_ + silence_is_asked_about;
  if (following_ && about_at_ && (!due || *about_at_ < *due)) due = about_at_;
  return due;
}

// ---- the log

void Postgres::take_load(Instant now, const Call& call) {
  if (call.rows.empty()) return tell(engine::Empty{});
  const Row& row = call.rows.front();
  const auto epoch = row.size() == 5 ? number_of(row[1]) : std::nullopt;
  const auto position = row.size() == 5 ? number_of(row[2]) : std::nullopt;
  const bool is_whole = epoch && position && (*position == 1 || (*position != 0 && !text_in(row[4]).empty()));
  if (!is_whole || !marks::numbered(text_in(row[0])))
    return refuse("the log in coordutils_head cannot be read: look for other writers there");
  log_ = text_in(row[0]);
  epoch_ = *epoch;
  last_ = *position;
  last_row_ = text_in(row[4]);
  following_ = true;
  waiting_.clear();
  if (!about_at_) about_at_ = now + std::chrono::seconds(1);
  tell(engine::State{epoch_, last_, row[3]});
  fetch(now);
  ask_head(now, load_ticket_);
}

void Postgres::fetch(Instant now) {
  more_ = fetching_;
  if (std::exchange(fetching_, true)) return;
  execute(now, Kind::entries, entries, {bytes_in(prefix_), number_text(last_)}, loads_);
}

bool Postgres::is_last(const Row& row) const {
  return row.size() == 5 && number_of(row[0]) == last_;
}

void Postgres::take_entries(Instant now, const Call& call) {
  const bool has_last = !call.rows.empty() && is_last(call.rows.front());
  const bool is_same = has_last ? text_in(call.rows.front()[4]) == last_row_ : last_ == before_rows;
  if (!COORD_RULE(postgres_rows_follow_what_was_told, is_same)) return gap();
  const std::size_t known = has_last ? 1 : 0;
  for (std::size_t i = known; i < call.rows.size(); ++i) {
    if (!deliver(call.rows[i])) return gap();
  }
  if (call.rows.size() > known || more_) {
    fetch(now);
  } else if (std::ranges::any_of(waiting_, [this](const Waiting& each) { return each.need > last_; })) {
    return gap();
  }
  reach();
}

// False: what should be there is not.
bool Postgres::deliver(const Row& row) {
  if (row.size() != 5) return false;
  const auto position = number_of(row[0]), epoch = number_of(row[1]);
  if (!position || !epoch || *position != last_ + 1 || *epoch != epoch_) return false;
  const std::uint64_t after = std::exchange(last_, *position);
  last_row_ = text_in(row[4]);
  if (text_in(row[2]) == "~") {
    tell(engine::Sealed{after, last_, ++epoch_});
  } else {
    tell(engine::Entry{after, last_, row[3]});
  }
  return true;
}

void Postgres::take_head(Instant now, const Call& call) {
  const auto last =
      !call.rows.empty() && call.rows[0].size() == 3 ? number_of(call.rows[0][1]) : std::nullopt;
  if (!last || *last < last_ || text_in(call.rows[0][0]) != log_) return gap();
  if (*last == last_ && last_ != before_rows && text_in(call.rows[0][2]) != last_row_) return gap();
  waiting_.push_back(Waiting{call.number, *last});
  if (*last > last_) fetch(now);
  reach();
}

void Postgres::reach() {
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
void Postgres::gap() {
  following_ = false;
  waiting_.clear();
  tell(engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
}

}  // namespace coord::engines
