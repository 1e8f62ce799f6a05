// SPDX-License-Identifier: MIT
// Questions to all hosts, and the tools that answer them: who is missing, who is too slow, what is bounded.
#include <catch2/catch.hpp>

#include "casts_group.hpp"
#include "mutants/stories.hpp"

using namespace coord;
using namespace coord::casts;
using namespace coord::casts::test;

namespace {

bool answerers_of_a_connection_are_bounded() {
  return a_connection_has_so_many(Answer{"x"});
}

std::size_t questions_to(Network& net, std::uint64_t tool) {
  const auto& told = net.told[{NodeId{1}, tool}];
  return static_cast<std::size_t>(
      std::ranges::count_if(told, [](const ToTool& one) { return std::holds_alternative<Question>(one); }));
}

// An answerer works on a long one: those that came after it, and nobody waits for any more,
// are not in the way.
bool dead_questions_take_no_place() {
  Network net(1);
  net.ask(1, 5, Answer{"load"});
  for (std::uint64_t i = 0; i < Answerers::most_open; ++i)
    net.ask(1, 20 + i, Ask{"load", "", i == 0 ? Duration(1h) : 1s});
  net.run(5s);
  net.ask(1, 50, Ask{"load", "", 10s});
  return questions_to(net, 5) == Answerers::most_open + 1 &&
         std::get<Question>(net.told[{NodeId{1}, 5}].back()).until == net.now + 10s;
}

// One that is stopped reads no questions, however long ago they died.
bool what_an_answerer_does_not_read_is_bounded() {
  Network net(1);
  net.ask(1, 5, Answer{"load"});
  for (std::uint64_t i = 0; i < 200; ++i) {
    net.ask(1, 20 + i, Ask{"load", "", 100ms});
    net.run(200ms);
  }
  if (questions_to(net, 5) != Answerers::most_unread) return false;
  for (const ToTool& one : std::vector(net.told[{NodeId{1}, 5}]))
    if (const auto* question = std::get_if<Question>(&one)) net.ask(1, 5, Reply{question->id, {}});
  net.ask(1, 500, Ask{"load", "", 1s});
  return questions_to(net, 5) == Answerers::most_unread + 1;
}

// Of those who were there: one is held dead when the question is put, one has left.
bool who_is_held_dead_is_named() {
  Network net(5);
  for (std::uint64_t i = 1; i <= 5; ++i) net.ask(i, 5, Answer{"load"});
  net.run(1s);
  net.dead = {NodeId{3}};
  net.left = {NodeId{4}};
  for (const std::uint64_t i : {3, 4}) net.kill(i);
  net.run(1s);
  net.ask(1, 9, Ask{"load", "", 10s});
  net.run(50ms);
  for (const std::uint64_t i : {1, 2, 5})
    net.ask(i, 5, Reply{std::get<Question>(net.told[{NodeId{i}, 5}].back()).id, {"h", 0, "x"}});
  net.run(50ms);
  const auto& told = net.told[{NodeId{1}, 9}];
  if (told.size() != 1) return false;
  const auto& gathered = std::get<Gathered>(told.back());
  return gathered.answers.size() == 3 && gathered.missing == Payloads{"host3"};
}

// The peer of host 2 is started again when its answerer and one more have the question, and host 1 asks anew.
bool who_comes_back_is_asked() {
  Network net(2);
  for (const std::uint64_t tool : {5, 6}) net.ask(2, tool, Answer{"load"});
  net.ask(1, 9, Ask{"load", "", 10s});
  net.run(100ms);
  net.kill(2);
  net.start(2);
  const auto reply = [&](std::uint64_t tool) {
    net.ask(2, tool, Answer{"load"});
    const auto& told = net.told[{NodeId{2}, tool}];
    const auto* const question = std::get_if<Question>(&told.back());
    if (question != nullptr) net.ask(2, tool, Reply{question->id, {"h", 0, "x"}});
  };
  net.run(1200ms);  // it was asked again
  reply(5);
  net.run(300ms);
  reply(6);
  if (!net.told[{NodeId{1}, 9}].empty()) return false;
  net.run(1s);
  const auto& told = net.told[{NodeId{1}, 9}];
  if (told.size() != 1) return false;
  const auto& gathered = std::get<Gathered>(told.back());
  return gathered.answers.size() == 2 && gathered.missing.empty();
}

// The peer of host 2 is started again while its answerer is at work for long, which notices nothing
// until then.
bool who_comes_back_late_is_asked(Duration works_for, std::size_t answers) {
  Network net(2);
  net.ask(2, 5, Answer{"load"});
  net.ask(1, 9, Ask{"load", "", 60s});
  net.run(100ms);
  net.kill(2);
  net.start(2);
  net.run(works_for);
  if (!net.told[{NodeId{1}, 9}].empty()) return false;
  if (answers > 0) {
    net.ask(2, 5, Answer{"load"});
    const auto* const question = std::get_if<Question>(&net.told[{NodeId{2}, 5}].back());
    if (question == nullptr) return false;
    net.ask(2, 5, Reply{question->id, {"h", 0, "x"}});
  }
  net.run(answers > 0 ? Duration(1s) : Duration(60s));
  const auto& told = net.told[{NodeId{1}, 9}];
  if (told.size() != 1) return false;
  const auto& gathered = std::get<Gathered>(told.back());
  return gathered.answers.size() == answers &&
         gathered.missing == (answers > 0 ? Payloads{} : Payloads{"host2"});
}

bool who_was_asked_before_and_has_nobody_is_missing() {
  return who_comes_back_late_is_asked(20s, 1) && who_comes_back_late_is_asked(20s, 0);
}

}  // namespace

TEST_CASE("a question is told to all who answer to its name, and their answers are gathered", "[casts]") {
  Network net(5);
  for (std::uint64_t i = 1; i <= 4; ++i) net.ask(i, 5, Answer{"load"});
  net.ask(4, 6, Answer{"load"});
  net.ask(2, 7, Answer{"other"});
  net.ask(1, 9, Ask{"load", "query", 10s}, alice);
  net.run(100ms);
  const auto question = [&](std::uint64_t node, std::uint64_t tool) {
    const auto* asked = std::get_if<Question>(&net.told[{NodeId{node}, tool}].back());
    return asked == nullptr ? Question{} : *asked;
  };
  CHECK(question(4, 6).letter.payload == "query");
  CHECK(question(4, 6).letter.user == "alice");
  CHECK(question(2, 7).letter.payload.empty());
  for (std::uint64_t i = 1; i <= 4; ++i) net.ask(i, 5, Reply{question(i, 5).id, {"h", 0, std::to_string(i)}});
  net.run(1s);
  CHECK(net.told[{NodeId{1}, 9}].empty());  // one has not replied
  net.ask(4, 6, Reply{question(4, 6).id, {"h", 3, "4b"}});
  net.run(1s);
  REQUIRE(net.told[{NodeId{1}, 9}].size() == 1);
  const auto gathered = std::get<Gathered>(net.told[{NodeId{1}, 9}].back());
  CHECK(gathered.missing.empty());
  REQUIRE(gathered.answers.size() == 5);
  CHECK(std::ranges::count(gathered.answers, Answered{"host4", {"h", 3, "4b"}}) == 1);
  CHECK(std::ranges::count(gathered.answers, Answered{"host2", {"h", 0, "2"}}) == 1);
}

TEST_CASE("who does not answer is named: too slow, gone, dead, or with too many questions", "[casts]") {
  Network net(4);
  for (std::uint64_t i = 1; i <= 4; ++i) net.ask(i, 5, Answer{"load"});
  const auto missing = [&](std::uint64_t tool) {
    REQUIRE(net.told[{NodeId{1}, tool}].size() == 1);
    auto names = std::get<Gathered>(net.told[{NodeId{1}, tool}].back()).missing;
    std::ranges::sort(names);
    return names;
  };
  net.ask(1, 9, Ask{"load", "", 2s});
  net.run(1s);
  CHECK(net.told[{NodeId{1}, 9}].empty());
  net.step(2, node::ToolGone{replica::ConnectionId{5}});
  net.run(5s);
  CHECK(missing(9) == Payloads{"host1", "host2", "host3", "host4"});
  // Nobody of host 2 answers to the name any more; host 3 dies, and that is found out.
  net.ask(1, 10, Ask{"load", "", 1h});
  net.run(100ms);
  for (const std::uint64_t i : {1, 4})
    net.ask(i, 5, Reply{std::get<Question>(net.told[{NodeId{i}, 5}].back()).id, {"h", 0, "x"}});
  net.kill(3);
  net.run(1s);
  CHECK(net.told[{NodeId{1}, 10}].empty());
  net.dead = {NodeId{3}};
  net.run(1s);
  CHECK(missing(10) == Payloads{"host3"});
  for (std::uint64_t i = 0; i < Answerers::most_open + 3; ++i) net.ask(1, 20 + i, Ask{"load", "", 1s});
  net.run(100ms);
  CHECK(missing(20 + Answerers::most_open) == Payloads{"host1", "host3", "host4"});
  net.run(20s);
  // Whoever does not wait any more is told nothing, and nothing is left of it.
  net.ask(1, 90, Ask{"load", "", 1h});
  net.step(1, node::ToolGone{replica::ConnectionId{90}});
  net.run(10s);
  CHECK(net.told[{NodeId{1}, 90}].empty());
  CHECK(is_refused(net.say(1, "@alice/x", "y", bob), CannotCast::Why::not_yours));
  net.ask(1, 91, Ask{"@alice/x", "", 1s}, bob);
  CHECK(is_refused(net.told[{NodeId{1}, 91}].back(), CannotCast::Why::not_yours));
}

TEST_CASE("a host that is held dead when the question is put is named at once, one that has left is not",
          "[casts]") {
  CHECK(who_is_held_dead_is_named());
}

TEST_CASE("a peer that was started again waits a moment for its answerers, and tells each what was asked",
          "[casts]") {
  CHECK(who_comes_back_is_asked());
  Network net(2);
  net.kill(2);
  net.start(2);
  net.ask(1, 9, Ask{"load", "", 10s});
  net.run(1900ms);
  CHECK(net.told[{NodeId{1}, 9}].empty());
  net.run(500ms);
  REQUIRE(net.told[{NodeId{1}, 9}].size() == 1);
  CHECK(std::get<Gathered>(net.told[{NodeId{1}, 9}].back()) == Gathered{});  // nobody has come
  // There is less time than that: what has come counts, and its host is not missing.
  net.kill(2);
  net.start(2);
  net.ask(2, 5, Answer{"load"});
  net.ask(1, 10, Ask{"load", "", 1s});
  net.run(100ms);
  net.ask(2, 5, Reply{std::get<Question>(net.told[{NodeId{2}, 5}].back()).id, {"h", 0, "x"}});
  net.run(600ms);
  REQUIRE(net.told[{NodeId{1}, 10}].size() == 1);
  const auto gathered = std::get<Gathered>(net.told[{NodeId{1}, 10}].back());
  CHECK(gathered.missing.empty());
  CHECK(gathered.answers.size() == 1);
}

TEST_CASE("an answerer that is at work while its peer is started again is waited for, or its host is missing",
          "[casts]") {
  CHECK(who_was_asked_before_and_has_nobody_is_missing());
}

TEST_CASE("every rule of answerers that is removed is noticed", "[casts]") {
  mutants::check_stories(
      {{"answerers_are_bounded", answerers_of_a_connection_are_bounded},
       {"a_dead_question_takes_no_place", dead_questions_take_no_place},
       {"an_answerer_that_reads_nothing_is_bounded", what_an_answerer_does_not_read_is_bounded},
       {"who_comes_back_is_asked", who_comes_back_is_asked},
       {"nobody_is_no_answer_of_who_was_asked_before", who_was_asked_before_and_has_nobody_is_missing},
       {"who_is_held_dead_is_missing", who_is_held_dead_is_named}});
}
