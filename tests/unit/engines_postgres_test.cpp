// SPDX-License-Identifier: MIT
// The log in PostgreSQL, as an adapter reads it: answered statement by statement, without a server; and SCRAM
// by the example of RFC 7677.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "engines/jute.hpp"
#include "engines/postgres.hpp"
#include "engines/scram.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

class Told {
 public:
  Told() {
    postgres_.begin(now_);
    said('R', JuteWriter().number(0).out());
    ready();
    row({"false", "off", "on", "", "on", "read committed"});  // settings
    ready();
    ready();  // tables
    ready();  // statements
    ready();  // listen
  }
  void said(char type, const Bytes& body) {
    Bytes whole{static_cast<std::uint8_t>(type)};
    const Bytes rest = JuteWriter().number(static_cast<std::int32_t>(body.size() + 4)).append(body).out();
    whole.insert(whole.end(), rest.begin(), rest.end());
    postgres_.receive(now_, ByteView(whole).first(2));
    postgres_.receive(now_, ByteView(whole).subspan(2));
  }
  void ready() { said('Z', Bytes{'I'}); }
  void row(const std::vector<std::string>& values) {
    JuteWriter out;
    out.append(Bytes{0, static_cast<std::uint8_t>(values.size())});
    for (const std::string& value : values) out.text(value);
    said('D', out.out());
  }
  void error(const std::string& code, const std::string& text) {
    Bytes body;
    for (const std::string& field : {"C" + code, "M" + text}) {
      body.insert(body.end(), field.begin(), field.end());
      body.push_back(0);
    }
    body.push_back(0);
    said('E', body);
    ready();
  }
  void ask(const engine::Request& request) { postgres_.ask(now_, request); }
  std::vector<engine::Told> take() {
    std::vector<engine::Told> told;
    for (Adapter::Action& action : static_cast<Adapter&>(postgres_).take()) {
      if (auto* end = std::get_if<Adapter::Close>(&action)) closed = end->why;
      if (auto* out = std::get_if<Adapter::Write>(&action)) {
        ++written;
        asked.append(out->bytes.begin(), out->bytes.end());
      }
      if (auto* tell = std::get_if<Adapter::Tell>(&action)) told.push_back(std::move(tell->told));
    }
    return told;
  }
  void passes(Duration time) {
    now_ += time;
    postgres_.tick(now_);
  }
  std::string closed, asked;
  int written = 0;  // messages

 private:
  Instant now_{std::chrono::seconds(1)};
  Postgres postgres_{{"db/p/", "", "", 1, "nonce"}, "host:1", false};
};

const std::string log_name = "00000000000000aa";

void begins(Told& told) {
  told.ask(engine::Load{1});
  told.row({log_name, "1", "1", "state", ""});
  told.ready();
  const auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::State>(said[1]).position == 1);
}

bool tells_a_gap(const std::vector<engine::Told>& told) {
  return std::ranges::any_of(told, [](const auto& each) {
    const auto* said = std::get_if<engine::Entry>(&each);
    return said != nullptr && said->after == 0;
  });
}

}  // namespace

TEST_CASE("postgres: rows by their numbers, a seal, a notification, and a barrier") {
  Told told;
  begins(told);
  told.row({"2", "1", "k", "first", "102"});
  told.row({"3", "1", "~", "", "103"});
  told.ready();
  auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::Entry>(said[0]).after == 1);
  CHECK(std::get<engine::Sealed>(said[1]).epoch == 2);
  told.row({log_name, "3", "103"});
  told.ready();
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Reached>(said[0]).ticket == 1);
  told.row({"3", "1", "~", "", "103"});  // there were no more
  told.ready();
  told.said('A', JuteWriter().number(1).append(Bytes{'c', 0, '4', 0}).out());
  told.row({"3", "1", "~", "", "103"});
  told.row({"4", "2", "k", "second", "104"});
  told.ready();
  CHECK(told.take().size() == 1);
}

TEST_CASE("postgres: what is missing is a gap, on the way and to a barrier") {
  Told told;
  begins(told);
  told.row({"3", "1", "k", "second", "103"});
  told.ready();
  CHECK(tells_a_gap(told.take()));
  Told trimmed;
  begins(trimmed);
  trimmed.ready();
  trimmed.row({log_name, "9", ""});
  trimmed.ready();
  trimmed.ready();
  CHECK(tells_a_gap(trimmed.take()));
  Told other;
  begins(other);
  other.ready();
  other.row({"00000000000000bb", "1", ""});
  other.ready();
  CHECK(tells_a_gap(other.take()));
}

TEST_CASE("postgres_rows_follow_what_was_told: a dump that was restored while the server went on") {
  const auto notices = [](const std::vector<std::vector<std::string>>& rows, const std::string& head) {
    Told told;
    begins(told);
    told.row({"2", "1", "k", "first", "102"});
    told.row({"3", "1", "k", "second", "103"});
    told.ready();
    told.row({log_name, "3", "103"});
    told.ready();
    told.row({"3", "1", "k", "second", "103"});  // there were no more
    told.ready();
    CHECK_FALSE(tells_a_gap(told.take()));
    if (!head.empty()) {
      told.ask(engine::Barrier{7});
      told.row({log_name, "3", head});
      told.ready();
      return tells_a_gap(told.take());
    }
    told.said('A', JuteWriter().number(1).append(Bytes{'c', 0, '4', 0}).out());
    for (const auto& row : rows) told.row(row);
    told.ready();
    return tells_a_gap(told.take());
  };
  const std::vector<std::string> fourth{"4", "1", "k", "third", "204"};
  const auto another = [&] { return notices({{"3", "1", "k", "other", "203"}, fourth}, ""); };
  CHECK_FALSE(notices({{"3", "1", "k", "second", "103"}, fourth}, ""));
  CHECK(another());
  CHECK(notices({fourth}, ""));  // what was told is gone, and was no seal
  CHECK(notices({}, "203"));
  CHECK_FALSE(notices({}, "103"));
  mutants::removed = "postgres_rows_follow_what_was_told";
  CHECK_FALSE(another());
  mutants::removed.clear();
}

// The server looks whether the epoch is open, in the same statement: engine_verbs has real ones do it.
TEST_CASE("postgres: an append names the epoch that is open") {
  const auto names_its_epoch = [] {
    Told told;
    begins(told);
    const std::size_t first = told.asked.find("update coordutils_head set last = last + 1 where");
    REQUIRE(first != std::string::npos);
    const std::string add = told.asked.substr(first, told.asked.find('\0', first) - first);
    CHECK(add.find("where prefix = $1::text and log = $2::text and ") != std::string::npos);
    CHECK(add.find(" and epoch = $3::bigint and key = $4::text)") != std::string::npos);
    return add.find("log = $2::text and epoch = $3::bigint and not exists") != std::string::npos;
  };
  CHECK(names_its_epoch());
  mutants::removed = "postgres_append_is_of_the_open_epoch";
  CHECK_FALSE(names_its_epoch());
  mutants::removed.clear();
}

// A dump has its seals at the same numbers.
TEST_CASE("postgres: another log is known by the seal with which what is kept begins") {
  const std::vector<std::string> seal{"3", "1", "~", "", "103"}, other{"3", "1", "~", "", "203"};
  Told told;
  begins(told);
  told.row({"2", "1", "k", "first", "102"});
  told.row(seal);
  told.ready();
  told.row({log_name, "3", "103"});
  told.ready();
  told.row(seal);
  told.ready();
  CHECK_FALSE(tells_a_gap(told.take()));
  told.ask(engine::Barrier{7});
  told.row({log_name, "3", "203"});
  told.ready();
  CHECK(tells_a_gap(told.take()));
  const auto loads = [](const std::string& row) {
    auto loaded = std::make_unique<Told>();
    loaded->ask(engine::Load{1});
    loaded->row({log_name, "2", "3", "state", row});
    loaded->ready();
    return loaded;
  };
  auto loaded = loads("103");
  loaded->row(other);
  loaded->row({"4", "2", "k", "third", "204"});
  loaded->ready();
  CHECK(tells_a_gap(loaded->take()));
  auto gone = loads("103");
  gone->ready();
  CHECK(tells_a_gap(gone->take()));
  auto none = loads("");
  (void)none->take();
  CHECK_FALSE(none->closed.empty());
}

TEST_CASE("postgres: who hears nothing asks, and leaves a server that does not answer") {
  Told told;
  begins(told);
  told.ready();
  told.row({log_name, "1", ""});
  told.ready();
  told.passes(std::chrono::seconds(2));  // how large it is, once
  told.row({"1000"});
  told.ready();
  (void)told.take();
  told.written = 0;
  told.passes(std::chrono::seconds(3));
  (void)told.take();
  CHECK(told.written == 0);
  told.passes(std::chrono::seconds(1));
  (void)told.take();
  CHECK(told.written > 0);
  told.passes(std::chrono::seconds(3));
  (void)told.take();
  CHECK(told.closed == "host:1: no answer within 2 s");
}

TEST_CASE("postgres: a key that is there is no failure of an append, a standby is") {
  Told told;
  begins(told);
  told.ready();
  told.row({log_name, "1", ""});
  told.ready();
  told.ask(engine::Append{1, "k", Bytes{1}});
  told.error("23505", "duplicate key");
  (void)told.take();
  CHECK(told.closed.empty());
  told.ask(engine::Append{1, "k", Bytes{1}});
  told.error("25006", "cannot execute UPDATE in a read-only transaction");
  (void)told.take();
  CHECK(told.closed == "host:1: it is a standby");
}

TEST_CASE("postgres: without space or rights it takes nothing, and is followed all the same") {
  Told told;
  begins(told);
  told.ready();
  told.row({log_name, "1", ""});
  told.ready();
  (void)told.take();
  told.ask(engine::Append{1, "k", Bytes{1}});
  told.error("53100", "could not extend file: No space left on device");
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Refused>(said[0]).why == "host:1: could not extend file: No space left on device");
  CHECK(told.closed.empty());
}

TEST_CASE("postgres: many appends are answered one after the other, and silence is that of the connection") {
  Told told;
  begins(told);
  told.ready();
  told.row({log_name, "1", ""});
  told.ready();
  (void)told.take();
  told.written = 0;
  for (int i = 0; i < 200; ++i) told.ask(engine::Append{1, "k" + std::to_string(i), Bytes{1}});
  told.ask(engine::Append{1, "k0", Bytes{1}});
  (void)told.take();
  CHECK(told.written == 64 * 3);
  for (int i = 0; i < 8; ++i) {
    told.passes(std::chrono::seconds(1));
    told.ready();
  }
  (void)told.take();
  CHECK(told.closed.empty());
  CHECK(told.written == 72 * 3 + 1);  // and how large the database is
  told.passes(std::chrono::seconds(3));
  (void)told.take();
  CHECK(told.closed == "host:1: no answer within 2 s");
}

TEST_CASE("postgres: a server that leaves SCRAM before its end has shown nothing") {
  Postgres postgres({"db/p/", "user", "pencil", 1, "nonce"}, "host:1", false);
  const Instant now{std::chrono::seconds(1)};
  postgres.begin(now);
  const auto says = [&](const JuteWriter& what) {
    Bytes whole{'R'};
    const Bytes rest =
        JuteWriter().number(static_cast<std::int32_t>(what.out().size() + 4)).append(what.out()).out();
    whole.insert(whole.end(), rest.begin(), rest.end());
    postgres.receive(now, whole);
  };
  says(JuteWriter().number(10).append(bytes_of(std::string_view("SCRAM-SHA-256"))).append(Bytes{0, 0}));
  says(JuteWriter().number(0));
  const auto all = static_cast<Adapter&>(postgres).take();
  REQUIRE(std::holds_alternative<Adapter::Close>(all.back()));
  CHECK(std::get<Adapter::Close>(all.back()).why.find("has not shown") != std::string::npos);
}

TEST_CASE("postgres: SCRAM-SHA-256 as in RFC 7677, but for the name that PostgreSQL has elsewhere") {
  Scram scram("pencil", "rOprNGfwEbeRWgbNEkqO");
  CHECK(scram.first() == "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
  const std::string server =
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
  const auto proof = scram.proof(server);
  REQUIRE(proof);
  CHECK(proof->starts_with("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="));
  CHECK_FALSE(scram.is_server("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));  // signed for another name
  CHECK_FALSE(scram.is_server("e=other-error"));
  CHECK_FALSE(Scram("pencil", "another").proof(server));
  CHECK_FALSE(Scram("pencil", "rOprNGfwEbeRWgbNEkqO").proof("r=rOprNGfwEbeRWgbNEkqO1,s=W22Z,i=2000000000"));
}
