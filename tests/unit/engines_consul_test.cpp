// SPDX-License-Identifier: MIT
// The log in Consul, as an adapter reads and writes it beside others: answered call by
// call, without a server.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "consul_log_told.hpp"

using namespace coord;
using namespace coord::engines;
using namespace coord::engines::consul_log;

namespace {

// Another one's append came first: the next number is tried.
bool follows_the_head() {
  Told told;
  told.begins(1);
  told.append("k", "mine");
  return told.has_asked(R"("Verb":"cas","Key":"p/head","Index":9)");
}

bool notices_a_trim() {
  Told told;
  told.begins(3);
  told.not_done(R"({"OpIndex":0,"What":"key doesn't exist"})");
  return tells_a_gap(told.take());
}

bool reads_what_is_confirmed() {
  Told told;
  told.begins(1);
  told.ask(engine::Barrier{7});
  return told.has_asked("GET /v1/kv/p/head?consistent HTTP/1.1");
}

// A log that was restored from a backup, on servers that lived on: others' entries have the numbers of those
// that were lost.
bool notices_another_head() {
  Told told;
  told.follows_two_entries();
  told.head(3, 20, 1);
  return tells_a_gap(told.take());
}
bool notices_another_entry() {
  Told told;
  told.follows_two_entries();
  told.head(4, 21, 1);
  REQUIRE(told.has_asked(entry(3)));
  told.entries({{3, "another", 20}, {4, "third", 21}});
  return tells_a_gap(told.take());
}

// Where a connection keeps a state of the second epoch.
std::string folder_of_a_state(Told& told) {
  told.begins(1);
  told.ask(engine::Keep{2, 9, Bytes{1}});
  (void)told.take();
  const std::size_t from = told.asked.find("/piece/0000000000000002/");
  REQUIRE(from != std::string::npos);
  return told.asked.substr(from, told.asked.find("/0000 ") - from + 1);
}

bool begins_with_a_piece() {
  Told told;
  told.begins(1);
  told.ask(engine::Keep{2, 9, Bytes{1}});
  return told.has_asked("/piece/");
}

}  // namespace

TEST_CASE("consul: entries by their numbers, a seal, a query that blocks, and a barrier") {
  Told told;
  told.begins(3);
  told.entries({{2, "first"}, {3, marks::seal_of(1)}});
  auto said = told.take();
  REQUIRE(said.size() == 3);
  CHECK(std::get<engine::Entry>(said[0]).after == 1);
  CHECK(std::get<engine::Sealed>(said[1]).epoch == 2);
  CHECK(std::get<engine::Reached>(said[2]).ticket == 1);
  told.head(4, 12, 1, log_name, 2);
  told.entries({{3, marks::seal_of(1), 9}, {4, "second", 12}});
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Entry>(said[0]).position == 4);
  CHECK(told.has_asked("GET /v1/kv/p/head?index=12&wait=60s") == false);  // it is asked before the entries
  told.ask(engine::Barrier{7});
  told.head(4, 12, 0, log_name, 2);
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Reached>(said[0]).ticket == 7);
}

TEST_CASE("consul: an append follows the head, and what is acknowledged there is told at once") {
  Told told;
  told.begins(1);
  (void)told.take();
  told.append("k", "mine");
  REQUIRE(told.has_asked("PUT /v1/txn"));
  told.append("k", "mine");  // again: it is under way
  told.append("l", "next");
  told.not_done(Told::stale(0));
  REQUIRE(told.has_asked("GET /v1/kv/p/head?consistent"));
  told.head(2, 11);
  told.entries({{2, "another's", 11}});
  CHECK(entries_in(told.take()) == 1);
  CHECK(told.asked.find(R"("Index":11)") != std::string::npos);
  CHECK(told.asked.find(entry(3)) != std::string::npos);
  CHECK(told.asked.find(entry(4)) != std::string::npos);
  told.done(12);
  const auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::Entry>(said[0]).bytes == marks::bytes_in("mine"));
  CHECK(std::get<engine::Entry>(said[1]).position == 4);
}

TEST_CASE("consul: a key that is there is left out, and so is what is meant for an epoch that is sealed") {
  Told told;
  told.begins(1);
  told.append("there", "once");
  (void)told.take();
  told.append("new", "twice");
  told.not_done(Told::stale(1));
  REQUIRE(told.has_asked("p/" + log_name + "/key/0000000000000001/new"));
  CHECK(told.asked.find("/there") == std::string::npos);
  told.done(10);
  CHECK(entries_in(told.take()) == 1);
  told.ask(engine::Seal{1});
  (void)told.take();
  told.append("late", "late");
  told.done(11);
  told.asked.clear();
  CHECK_FALSE(told.has_asked("late"));
}

TEST_CASE("consul: a log that goes back, another one, and one that is gone are gaps") {
  Told back;
  back.begins(1);
  back.append("k", "mine");
  back.done(10);
  (void)back.take();
  back.ask(engine::Barrier{7});
  back.head(1, 9);
  CHECK(tells_a_gap(back.take()));
  Told other;
  other.begins(1);
  other.ask(engine::Barrier{7});
  other.head(1, 10, 0, "00000000000000bb");
  CHECK(tells_a_gap(other.take()));
  Told gone;
  gone.begins(1);
  gone.answer(404, "", 1);
  gone.answer(404, "");
  CHECK(tells_a_gap(gone.take()));
}

// A server that is well carries it to the leader, and goes on with the next one.
TEST_CASE("consul: a query that waits at a leader that has stopped is left, with its server") {
  const auto closed_after = [](Duration time, bool is_told) {
    Told told;
    told.follows_two_entries();
    told.ask(engine::Barrier{7});
    told.head(4, 12);  // of which the query was not told yet
    told.entries({{3, "second"}, {4, "third", 12}});
    if (is_told) told.head(4, 12, 1);
    told.passes(time);
    (void)told.take();
    return told.closed;
  };
  CHECK(closed_after(std::chrono::milliseconds(1900), false).empty());
  CHECK(closed_after(std::chrono::milliseconds(2000), false).find("has stopped") != std::string::npos);
  CHECK(closed_after(std::chrono::milliseconds(2000), true).empty());
  Told own;
  own.begins(1);
  own.append("k", "mine");
  own.done(10);
  own.passes(std::chrono::seconds(2));
  (void)own.take();
  CHECK(own.closed.find("has stopped") != std::string::npos);
}

TEST_CASE("consul: who may not write is told, and reads on, and who may not read is not let in") {
  Told told("secret");
  told.begins(1);
  told.append("k", "mine");
  REQUIRE(told.has_asked("X-Consul-Token: secret\r\n"));
  told.not_done(R"({"OpIndex":0,"What":"Permission denied"})");
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Refused>(said[0]).why.find("Permission denied") != std::string::npos);
  CHECK(told.closed.empty());
  Told stranger;
  stranger.ask(engine::Load{1});
  stranger.answer(403, "ACL not found");
  (void)stranger.take();
  CHECK(stranger.closed.find("--engine-password-file") != std::string::npos);
}

TEST_CASE("consul: without a leader what was asked comes again, and silence ends the connection") {
  Told told;
  told.begins(1);
  (void)told.take();
  told.append("k", "mine");
  told.answer(500, "No cluster leader");
  told.answer(500, "rpc error making call: EOF", 1);
  (void)told.take();
  CHECK(told.closed.empty());
  told.passes(std::chrono::milliseconds(250));
  (void)told.take();
  CHECK(told.all_asked.find("GET /v1/kv/p/head?index=0&wait=60s") != std::string::npos);
  told.passes(std::chrono::seconds(3));
  (void)told.take();
  CHECK(told.closed.find("no answer within 2 s") != std::string::npos);
}

TEST_CASE("consul: without a leader who is on the way in asks again, and leaves after two seconds") {
  Told told;
  told.ask(engine::Load{1});
  (void)told.take();
  told.all_asked.clear();
  for (int i = 0; i < 15; ++i) {  // more often than a damaged log would be read
    told.answer(500, "rpc error getting client");
    told.asked.clear();
    told.passes(std::chrono::milliseconds(50));
    CHECK_FALSE(told.has_asked("GET /v1/kv/p/head"));
    told.passes(std::chrono::milliseconds(50));
    REQUIRE(told.has_asked("GET /v1/kv/p/head"));
  }
  CHECK(told.closed.empty());
  told.passes(std::chrono::milliseconds(500));
  told.answer(500, "rpc error getting client");
  told.passes(std::chrono::milliseconds(100));
  told.answer(500, "rpc error getting client");
  (void)told.take();
  CHECK(told.closed.find("rpc error getting client") != std::string::npos);
}

TEST_CASE("consul: a server that stays without a leader is left for the next one") {
  const auto closed_after = [](int answers, bool one_is_well) {
    Told told;
    told.begins(1);
    (void)told.take();
    told.append("k", "mine");
    for (int i = 0; i < answers; ++i) {  // the first is the append itself, then it looks at `head`
      told.passes(std::chrono::milliseconds(900));
      if (one_is_well && i == 4)
        told.head(1, 9);  // and the append is sent again
      else
        told.answer(500, "No cluster leader");
      (void)told.take();
    }
    return told.closed;
  };
  CHECK(closed_after(6, false).empty());
  CHECK(closed_after(8, false).find("No cluster leader") != std::string::npos);
  CHECK(closed_after(8, true).empty());
}

TEST_CASE("consul: a log that cannot be read is told, also when a change of leader was on the way") {
  Told told;
  told.ask(engine::Load{1});
  told.answer(500, "No cluster leader");
  for (int i = 0; i < 13 && told.closed.empty(); ++i) {
    told.passes(std::chrono::milliseconds(200));
    told.head(1, 9);
    told.answer(404, "");
    (void)told.take();
  }
  CHECK(told.closed.find("look for other writers") != std::string::npos);
}

TEST_CASE("consul: what was to be written when its leader went is written again at once") {
  Told told;
  told.begins(1);
  (void)told.take();
  told.append("k", "mine");
  REQUIRE(told.has_asked("PUT /v1/txn"));
  told.answer(500, "rpc error making call: EOF");
  told.passes(std::chrono::milliseconds(100));
  REQUIRE(told.has_asked("GET /v1/kv/p/head"));
  told.head(1, 9);
  CHECK(told.has_asked("PUT /v1/txn"));
  CHECK(told.closed.empty());
}

TEST_CASE("consul: what is no Consul ends the connection") {
  Told told;
  told.ask(engine::Load{1});
  told.answer(200, "<html>");
  (void)told.take();
  CHECK(told.closed.find("cannot be read") != std::string::npos);
  Told blank("a b");
  CHECK(blank.closed.find("a token has no blanks") != std::string::npos);
}

TEST_CASE("consul: a state that comes too late is removed, and not the one that is there") {
  Told first("", 1), second("", 2);
  const std::string kept = folder_of_a_state(first), late = folder_of_a_state(second);
  CHECK(kept != late);
  second.answer(200, "true");
  second.answer(200, "[" + pair("p/" + log_name + "/state", "2 another 1 9", 12) + "]");
  REQUIRE(second.has_asked("delete-tree"));
  CHECK(second.asked.find(late) != std::string::npos);
  CHECK(second.asked.find(kept) == std::string::npos);
}

TEST_CASE("consul: a pointer whose answer got lost is there, and what is older goes, also from before") {
  Told told;
  told.begins(1);
  told.ask(engine::Keep{9, 9000, Bytes{1}});
  (void)told.take();
  const std::size_t from = told.asked.find("/piece/0000000000000009/") + 24;
  const std::string writer = told.asked.substr(from, told.asked.find("/0000 ") - from);
  told.answer(200, "true");
  told.answer(200, "[" + pair("p/" + log_name + "/state", "8 w 1 8000", 4) + "]");
  REQUIRE(told.has_asked(R"("Verb":"cas","Key":"p/00000000000000aa/state","Index":4)"));
  told.not_done(Told::stale(0));
  REQUIRE(told.has_asked("GET /v1/kv/p/00000000000000aa/state?consistent"));
  told.all_asked.clear();
  told.answer(200, "[" + pair("p/" + log_name + "/state", "9 " + writer + " 1 9000", 15) + "]");
  (void)told.take();
  CHECK(told.all_asked.find("delete-tree") == std::string::npos);
  for (const char* what : {"entry", "key", "piece"})
    CHECK(told.all_asked.find("GET /v1/kv/p/" + log_name + "/" + what + "/?keys&separator=/") !=
          std::string::npos);
  const std::string folder = "p/" + log_name + "/entry/";
  told.answer(200, "[\"" + folder + "0000000000000000/\",\"" + folder + "0000000000000001/\",\"" + folder +
                       "0000000000000002/\",\"" + folder + "foreign/\"]");
  REQUIRE(told.has_asked(R"("Verb":"check-index","Key":"p/00000000000000aa/state","Index":15)"));
  CHECK(told.asked.find(R"("delete-tree","Key":")" + folder + "0000000000000000/") != std::string::npos);
  CHECK(told.asked.find(folder + "0000000000000001/") != std::string::npos);
  CHECK(told.asked.find(folder + "0000000000000002/") == std::string::npos);
  CHECK(told.asked.find("foreign") == std::string::npos);
  told.all_asked.clear();
  told.answer(200, "[\"p/" + log_name + "/key/0000000000000009/\"]");
  (void)told.take();
  CHECK(told.all_asked.empty());
  told.answer(403, "Permission denied");
  (void)told.take();
  CHECK(told.closed.empty());
}

TEST_CASE("consul: a 404 of whatever answers there is none of Consul's") {
  Told proxy;
  proxy.ask(engine::Load{1});
  proxy.answer(404, "404 page not found", 0, -1);
  CHECK(proxy.take().empty());
  CHECK(proxy.closed.find("not Consul") != std::string::npos);
  Told consul;
  consul.ask(engine::Load{1});
  consul.answer(404, "");
  const auto said = consul.take();
  REQUIRE(said.size() == 1);
  CHECK(std::holds_alternative<engine::Empty>(said.front()));
}

TEST_CASE("consul: a long answer on a slow way is no silence, and who hears nothing asks") {
  Told slow;
  slow.ask(engine::Load{1});
  slow.head(1, 9);
  slow.answer(200, "[" + pair("p/" + log_name + "/state", "1 w 1 1", 4) + "]");
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  slow.bytes(text);
  for (int i = 0; i < 9; ++i) {
    slow.bytes(" ");
    slow.passes(std::chrono::seconds(1));
  }
  (void)slow.take();
  CHECK(slow.closed.empty());
  Told idle;
  idle.begins(1);
  idle.passes(std::chrono::seconds(1));  // what it is, and who leads
  for (int i = 0; i < 2; ++i) idle.answer(200, "{}");
  (void)idle.take();
  idle.asked.clear();
  idle.passes(std::chrono::seconds(3));
  CHECK_FALSE(idle.has_asked("GET"));
  idle.passes(std::chrono::seconds(1));
  CHECK(idle.has_asked("GET /v1/kv/p/head?consistent"));
  idle.passes(std::chrono::seconds(2));
  (void)idle.take();
  CHECK(idle.closed.find("no answer within 2 s") != std::string::npos);
}

TEST_CASE("consul: that it takes no more connections is said, unasked") {
  Told told;
  told.begins(1);
  told.head(1, 9, 1);
  (void)told.take();
  Told many;
  many.answer(429, "Your IP is issuing too many concurrent connections", 1);
  (void)many.take();
  CHECK(many.closed.find("http_max_conns_per_client") != std::string::npos);
}

TEST_CASE("consul: rules") {
  const std::pair<const char*, bool (*)()> rules[] = {
      {"consul_append_follows_the_head", follows_the_head},
      {"consul_trim_is_noticed", notices_a_trim},
      {"consul_reads_are_confirmed", reads_what_is_confirmed},
      {"consul_head_is_of_what_was_told", notices_another_head},
      {"consul_entries_follow_what_was_told", notices_another_entry},
      {"consul_pointer_follows_its_pieces", begins_with_a_piece},
  };
  for (const auto& [rule, story] : rules) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    CHECK_FALSE(story());
    mutants::removed.clear();
  }
}
