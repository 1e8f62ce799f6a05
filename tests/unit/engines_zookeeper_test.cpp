// SPDX-License-Identifier: MIT
// The log in ZooKeeper, as an adapter reads it while others write and remove: answered call by call, without
// a server.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "engines/zookeeper.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

const std::string log_name = "00000000000000aa", epoch = "/p/" + log_name + "/epoch/0000000000000001";

Bytes stat(std::int64_t created, std::int32_t version, std::int32_t changes, std::int32_t children) {
  return JuteWriter()
      .longer(created)
      .longer(created)
      .longer(0)
      .longer(0)
      .number(version)
      .number(changes)
      .number(0)
      .longer(0)
      .number(0)
      .number(children)
      .longer(0)
      .out();
}

// A ZooKeeper that answers what the story says, call by call in their order.
class Told {
 public:
  Told() {
    zookeeper_.begin(now_);
    feed(JuteWriter().number(0).number(6000).longer(5).buffer(Bytes(16, 1)).flag(false).out());
    zookeeper_.ask(now_, engine::Load{1});
    CHECK(take().size() == 1);
  }

  void answer(std::int32_t error, const Bytes& body = {}) {
    feed(JuteWriter().number(++xid_).longer(9).number(error).append(body).out());
  }
  void multi(std::int32_t error = 0) {
    JuteWriter out;
    if (error == 0) {
      out.number(13).flag(false).number(0);
    } else {
      out.number(-1).flag(false).number(error).number(error);
    }
    answer(0, out.number(-1).flag(true).number(-1).out());
  }
  void data(const std::string& text, std::int64_t created) {
    answer(0, JuteWriter().text(text).append(stat(created, 0, 0, 0)).out());
  }
  void is_there(std::int32_t version, std::int32_t changes, std::int32_t children) {
    answer(0, stat(2, version, changes, children));
  }
  void event(const std::string& path) {
    feed(JuteWriter().number(-1).longer(-1).number(0).number(1).number(3).text(path).out());
  }
  void answers_a_ping() { feed(JuteWriter().number(-2).longer(9).number(0).out()); }
  // Of a frame that is longer than all that comes.
  void begins_an_answer() { zookeeper_.receive(now_, Bytes{0, 0, 9, 9, 0, 0, 0, 1}); }
  void goes_on_with_it() { zookeeper_.receive(now_, Bytes{0}); }
  void ask(const engine::Request& request) { zookeeper_.ask(now_, request); }
  void passes(Duration time) {
    now_ += time;
    zookeeper_.tick(now_);
  }

  std::vector<engine::Told> take() {
    std::vector<engine::Told> told;
    for (Adapter::Action& action : zookeeper_.take()) {
      if (auto* end = std::get_if<Adapter::Close>(&action)) closed = end->why;
      if (auto* tell = std::get_if<Adapter::Tell>(&action)) told.push_back(std::move(tell->told));
      if (auto* out = std::get_if<Adapter::Write>(&action)) written.push_back(std::move(out->bytes));
    }
    return told;
  }
  std::vector<Bytes> written;
  std::string closed;

 private:
  void feed(const Bytes& frame) {
    const Bytes whole = JuteWriter().buffer(frame).out();
    // In two pieces, as it may come.
    zookeeper_.receive(now_, ByteView(whole).first(3));
    zookeeper_.receive(now_, ByteView(whole).subspan(3));
  }

  Instant now_{std::chrono::seconds(1)};
  ZooKeeper zookeeper_{{"p/", "", "", 1}, "host:1"};
  std::int32_t xid_ = 0;
};

// Up to the first look behind a state, which the story answers: `next`, its epoch, then the barrier's two.
void begins(Told& told) {
  told.multi();
  told.data(log_name, 3);
  told.answer(0, JuteWriter().number(2).text("foreign").text("0000000000000001").out());
  told.data("w 1 0", 7);
  told.data("state", 7);
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::State>(said.front()).position == 7);
}

template <class What>
std::size_t count(const std::vector<engine::Told>& told) {
  return static_cast<std::size_t>(
      std::ranges::count_if(told, [](const auto& each) { return std::holds_alternative<What>(each); }));
}
bool tells_a_gap(const std::vector<engine::Told>& told) {
  return std::ranges::any_of(told, [](const auto& each) {
    const auto* said = std::get_if<engine::Entry>(&each);
    return said != nullptr && said->after == 0;
  });
}

}  // namespace

// Without --engine-user every node may be written by everybody.
TEST_CASE("zookeeper: a state that is said to be longer than any can be is not collected") {
  Told told;
  told.multi();
  told.data(log_name, 3);
  told.answer(0, JuteWriter().number(1).text("0000000000000001").out());
  told.data("w 1024 0", 7);
  constexpr std::size_t piece = std::size_t{15} << 20U;
  const std::string text(piece, 'x');
  std::size_t collected = 0;
  for (; told.closed.empty() && collected <= engine::state_bytes_limit + piece; collected += piece) {
    told.data(text, 7);
    CHECK(told.take().empty());
  }
  CHECK(told.closed.find("cannot be read") != std::string::npos);
  CHECK(collected <= engine::state_bytes_limit + piece);
}

TEST_CASE("zookeeper: entries by their numbers, a seal, and a barrier that waits for both") {
  Told told;
  begins(told);
  told.is_there(0, 0, 0);  // e0 is there
  told.is_there(1, 2, 2);  // two entries, sealed
  told.multi(-103);        // the barrier's check: it is sealed
  told.is_there(1, 2, 2);
  CHECK(told.take().empty());
  told.data("first", 10);  // e0
  told.data("coordutils: sealed, 2 is next", 12);
  auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::Entry>(said[0]).after == 7);
  CHECK(std::get<engine::Entry>(said[0]).position == 10);
  CHECK(std::get<engine::Sealed>(said[1]).epoch == 2);
  told.answer(-101);  // e2 of the first epoch, asked before the seal was seen
  told.is_there(1, 2, 2);
  told.answer(-101);  // e0 of the second
  told.is_there(0, 0, 0);
  told.multi();  // the barrier, asked again there
  told.is_there(0, 0, 0);
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Reached>(said[0]).ticket == 1);
}

TEST_CASE("zookeeper: a number without an entry is another program's, or its epoch is being removed") {
  const auto run = [](std::int32_t version) {
    Told told;
    begins(told);
    told.answer(-101);       // e0
    told.is_there(0, 3, 1);  // two were created, one is left
    told.multi();
    told.is_there(0, 3, 1);
    told.answer(-101);        // get e0
    told.data("second", 11);  // get e1
    told.answer(-101);        // exists e2
    told.is_there(0, 3, 1);
    told.is_there(version, 3, 1);  // is the epoch being removed?
    return told.take();
  };
  auto said = run(0);
  CHECK(count<engine::Entry>(said) == 1);
  CHECK(count<engine::Reached>(said) == 1);
  CHECK_FALSE(tells_a_gap(said));
  CHECK(tells_a_gap(run(3)));
  CHECK(count<engine::Reached>(run(3)) == 0);

  mutants::removed = "zookeeper_trim_is_noticed";
  CHECK(count<engine::Reached>(run(3)) == 1);  // told as if nothing lay before it
  mutants::removed.clear();
}

TEST_CASE("zookeeper: an epoch that is gone is a gap, also to a barrier") {
  Told told;
  begins(told);
  told.answer(-101);
  told.is_there(0, 0, 0);
  told.multi();
  told.is_there(0, 0, 0);
  CHECK(count<engine::Reached>(told.take()) == 1);
  told.ask(engine::Barrier{7});
  told.multi(-101);
  told.answer(-101);
  const auto said = told.take();
  CHECK(tells_a_gap(said));
  CHECK(count<engine::Reached>(said) == 0);
}

TEST_CASE("zookeeper: an event leads to its entry, an idle connection asks now and then and is given up") {
  Told told;
  begins(told);
  told.answer(-101);
  told.is_there(0, 0, 0);
  told.multi();
  told.is_there(0, 0, 0);
  CHECK(count<engine::Reached>(told.take()) == 1);
  told.event(epoch + "/e0000000000");
  told.data("first", 10);
  CHECK(count<engine::Entry>(told.take()) == 1);
  told.answer(-101);
  told.is_there(0, 1, 1);
  told.written.clear();
  told.passes(std::chrono::seconds(2));
  told.take();
  CHECK(told.written.size() == 1);
  told.is_there(0, 2, 2);  // one that no event has told of
  told.data("second", 11);
  CHECK(count<engine::Entry>(told.take()) == 1);
  told.passes(std::chrono::seconds(2));
  told.take();
  CHECK(told.closed.find("no answer within 2 s") != std::string::npos);
}

TEST_CASE("zookeeper: an append is one transaction on its epoch, and what its bytes are") {
  Told told;
  begins(told);
  told.written.clear();
  told.ask(engine::Append{1, "k", Bytes{0xab}});
  told.take();
  REQUIRE(told.written.size() == 1);
  const std::string key = "/p/" + log_name + "/key/0000000000000001/k";
  JuteWriter expected;
  expected.number(9 + 1).number(14);
  expected.number(13).flag(false).number(-1).text(epoch).number(0);
  expected.number(1).flag(false).number(-1).text(key).number(0);
  expected.number(1).number(31).text("world").text("anyone").number(0);
  expected.number(1).flag(false).number(-1).text(epoch + "/e").buffer(Bytes{0xab});
  expected.number(1).number(31).text("world").text("anyone").number(2);
  expected.number(-1).flag(true).number(-1);
  CHECK(told.written.front() == JuteWriter().buffer(expected.out()).out());
}

TEST_CASE("zookeeper: an append checks its epoch, and a state is found when all of it is there") {
  const auto writes = [](const Told& told, const Bytes& what) {
    return std::ranges::any_of(told.written, [&](const Bytes& bytes) {
      return std::ranges::search(bytes, what).begin() != bytes.end();
    });
  };
  const auto following = [](Told& told) {
    begins(told);
    told.answer(-101);
    told.is_there(0, 0, 0);
    told.multi();
    told.is_there(0, 0, 0);
    (void)told.take();
    told.written.clear();
  };
  const auto checks_its_epoch = [&] {
    Told told;
    following(told);
    told.ask(engine::Append{1, "k", Bytes{1}});
    (void)told.take();
    return writes(told, JuteWriter().number(13).flag(false).number(-1).text(epoch).number(0).out());
  };
  const auto begins_with_a_piece = [&] {
    Told told;
    following(told);
    told.ask(engine::Keep{2, 9, Bytes{1}});
    for (int folder = 0; folder < 2; ++folder) told.answer(0);
    (void)told.take();
    const ByteView pointer = bytes_of("/state/0000000000000002");
    return !writes(told, Bytes(pointer.begin(), pointer.end()));
  };
  CHECK(checks_its_epoch());
  CHECK(begins_with_a_piece());
  mutants::removed = "zookeeper_append_is_of_the_open_epoch";
  CHECK_FALSE(checks_its_epoch());
  mutants::removed = "zookeeper_pointer_follows_its_pieces";
  CHECK_FALSE(begins_with_a_piece());
  mutants::removed.clear();
}

TEST_CASE("zookeeper: who may not write is told, and reads on") {
  Told told;
  begins(told);
  told.answer(-101);
  told.is_there(0, 0, 0);
  told.multi();
  told.is_there(0, 0, 0);
  (void)told.take();
  told.ask(engine::Append{1, "k", Bytes{1}});
  told.multi(-102);
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Refused>(said[0]).why.find("may not write there") != std::string::npos);
  CHECK(told.closed.empty());
}

TEST_CASE("zookeeper: what is no ZooKeeper ends the connection") {
  Told told;
  told.answer(0, Bytes{1, 2, 3});
  told.take();
  CHECK(told.closed.find("not ZooKeeper") != std::string::npos);
}

TEST_CASE("zookeeper: a root that may not be read is no reason, its check went through a quorum") {
  Told told;
  told.multi(-102);
  told.answer(-101);
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::holds_alternative<engine::Empty>(said.front()));
  CHECK(told.closed.empty());
}

TEST_CASE("zookeeper: a long answer on a slow way is no silence, an event or a ping is no answer") {
  Told slow;
  slow.begins_an_answer();
  for (int i = 0; i < 9; ++i) {
    slow.goes_on_with_it();
    slow.passes(std::chrono::seconds(1));
  }
  (void)slow.take();
  CHECK(slow.closed.empty());
  slow.passes(std::chrono::seconds(3));
  (void)slow.take();
  CHECK(slow.closed.find("no answer within 2 s") != std::string::npos);
  Told told;
  begins(told);
  for (int i = 0; i < 5; ++i) {
    told.passes(std::chrono::milliseconds(500));
    told.event("/p/other");
    told.answers_a_ping();
  }
  (void)told.take();
  CHECK(told.closed.find("no answer within 2 s") != std::string::npos);
}
