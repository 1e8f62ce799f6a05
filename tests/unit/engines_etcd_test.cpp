// SPDX-License-Identifier: MIT
// The log in etcd, as an adapter reads it while others write and trim: answered line by
// line, without a server.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "engines/etcd.hpp"
#include "http2_frames.hpp"
#include "replica/engine_frame.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

struct Key {
  std::string key;
  Bytes value;
  std::uint64_t changed = 0;
};

Bytes bytes_in(std::string_view text) {
  const ByteView view = bytes_of(text);
  return {view.begin(), view.end()};
}

// An etcd that answers what the story says, on the connection's streams in their order.
class Told {
 public:
  explicit Told(std::uint64_t connection = 1) : etcd_({"p/", "", "", 1, {}, connection}, "host:1", false) {
    etcd_.begin(now_);
    feed(4, 0, 0, {});
    CHECK(take().size() == 1);
    etcd_.ask(now_, engine::Load{1});
  }

  void range(std::uint64_t revision, const std::vector<Key>& keys) { answer(range_of(revision, keys)); }
  void transaction(std::uint64_t revision, const std::vector<Key>& log, const std::vector<Key>& open,
                   bool succeeded = true) {
    ProtoWriter header, whole;
    header.number(3, revision);
    whole.message(1, header).number(2, succeeded ? 1 : 0);
    for (const auto* keys : {&log, &open}) {
      ProtoWriter operation;
      operation.message(1, range_of(revision, *keys));
      whole.message(3, operation);
    }
    answer(whole);
  }
  void barrier() {
    etcd_.ask(now_, engine::Barrier{7});
    stream_ = next_;
    next_ += 2;
  }
  void append() {
    etcd_.ask(now_, engine::Append{1, "k", Bytes{1}});
    stream_ = next_;
    next_ += 2;
  }
  void not_done_at(std::uint64_t revision) { transaction(revision, {}, {}, false); }
  // A transaction that was carried out, of which nothing is asked.
  void done_at(std::uint64_t revision) { transaction(revision, {}, {}); }
  void refused(std::uint8_t status, std::string_view why) {
    Bytes headers{0x88};
    const auto add = [&headers](std::string_view name, std::string_view value) {
      headers.insert(headers.end(), {0x00, static_cast<std::uint8_t>(name.size())});
      headers.insert(headers.end(), name.begin(), name.end());
      headers.push_back(static_cast<std::uint8_t>(value.size()));
      headers.insert(headers.end(), value.begin(), value.end());
    };
    add("grpc-status", std::to_string(status));
    add("grpc-message", why);
    feed(1, 5, std::exchange(stream_, 0), headers);
  }
  // Whether it asks something then. What it tells is kept.
  void passes(Duration time) {
    now_ += time;
    etcd_.tick(now_);
  }
  bool asks_after(Duration time) {
    passes(time);
    bool asked = false;
    for (Adapter::Action& action : etcd_.take()) asked |= std::holds_alternative<Adapter::Write>(action);
    return asked;
  }
  // The beginning of an answer to what was asked first.
  void first_bytes_of_answer() {
    feed(1, 4, 1, {0x88});
    feed(0, 0, 1, {0, 0, 0, 1, 0});
  }
  void one_byte_of_answer() { feed(0, 0, 1, {0x0a}); }
  // As the last of so many calls, which the time that passes brings about.
  void asks_how_it_is(Duration time, std::uint32_t calls) {
    passes(time);
    next_ += 2 * calls;
    stream_ = next_ - 2;
  }
  void status(std::uint64_t own, std::uint64_t leader) {
    ProtoWriter header, whole;
    header.number(2, own);
    whole.message(1, header).number(4, leader);
    answer(whole);
  }
  void members_are_refused() {
    stream_ = next_;
    next_ += 2;
    refused('7', "permission denied");
  }
  // Who leads, each time that it was said: nothing is known, `?`.
  std::string leaders() {
    std::string all;
    for (Adapter::Action& action : etcd_.take()) {
      if (auto* about = std::get_if<About>(&action)) all += about->leader.value_or("?") + " ";
    }
    return all;
  }
  // It is going to stop, and takes no stream behind this one.
  void is_going(std::uint8_t last) { feed(7, 0, 0, {0, 0, 0, last, 0, 0, 0, 0}); }
  bool has_closed() {
    bool closed = false;
    for (Adapter::Action& action : etcd_.take()) closed |= std::holds_alternative<Adapter::Close>(action);
    return closed;
  }
  // Whether what it asks then has this in it.
  bool asks(const engine::Request& request, const std::string& text) {
    asks_something(request);
    return has_asked(text);
  }
  void asks_something(const engine::Request& request) {
    etcd_.ask(now_, request);
    stream_ = next_;
    next_ += 2;
  }
  bool has_asked(const std::string& text) { return asked().find(text) != std::string::npos; }
  std::string asked() {
    std::string all;
    for (Adapter::Action& action : etcd_.take()) {
      if (auto* out = std::get_if<Adapter::Write>(&action)) all.append(out->bytes.begin(), out->bytes.end());
    }
    return all;
  }
  // The next stream is the watch's: it stays open.
  void watch_begins() { next_ += 2; }

  std::vector<engine::Told> take() {
    std::vector<engine::Told> told;
    for (Adapter::Action& action : etcd_.take()) {
      REQUIRE_FALSE(std::holds_alternative<Adapter::Close>(action));
      if (auto* tell = std::get_if<Adapter::Tell>(&action)) told.push_back(std::move(tell->told));
    }
    return told;
  }

 private:
  static ProtoWriter range_of(std::uint64_t revision, const std::vector<Key>& keys) {
    ProtoWriter header, whole;
    header.number(3, revision);
    whole.message(1, header);
    for (const Key& key : keys) {
      ProtoWriter pair;
      pair.text(1, key.key).number(2, key.changed).number(3, key.changed).number(4, 1).bytes(5, key.value);
      whole.message(2, pair);
    }
    return whole;
  }

  void answer(const ProtoWriter& message) {
    if (stream_ == 0) {
      stream_ = next_;
      next_ += 2;
    }
    Bytes framed{0, 0, 0, static_cast<std::uint8_t>(message.out().size() >> 8U),
                 static_cast<std::uint8_t>(message.out().size())};
    framed.insert(framed.end(), message.out().begin(), message.out().end());
    feed(1, 4, stream_, {0x88});
    feed(0, 0, stream_, framed);
    Bytes status{0x00, 11};
    for (const char c : std::string_view("grpc-status")) status.push_back(static_cast<std::uint8_t>(c));
    status.insert(status.end(), {1, '0'});
    feed(1, 5, std::exchange(stream_, 0), status);
  }

  void feed(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, const Bytes& payload) {
    etcd_.receive(now_, frame(type, flags, stream, payload));
  }

  Instant now_{std::chrono::seconds(1)};
  Etcd etcd_;
  std::uint32_t next_ = 1, stream_ = 0;
};

const std::string first = "0000000000000001", second = "0000000000000002";
const Key of_the_first{"p/open", bytes_in(first + " 1"), 3};
const Key of_the_second{"p/open", bytes_in(first + " 2"), 30};

Key entry(const std::string& epoch, const std::string& key, std::uint64_t at) {
  const replica::EngineEntry said{NodeId{3}, replica::EngineEntry::Kind::command, first_level, Bytes{1, 2}};
  return {"p/log/" + epoch + "/" + key, replica::encode(said), at};
}
Key seal(std::uint64_t at) {
  return {"p/log/" + first + "/~", bytes_in("coordutils: sealed, 2 is next"), at};
}

// Read up to the tail, which the story answers.
void begins(Told& told) {
  told.transaction(4, {of_the_first}, {{"p/state/" + first, bytes_in(first + " 1 3"), 3}});
  told.range(4, {{"p/piece/" + first + "/" + first + "/0000", Bytes{9}, 3}});
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::State>(said.front()).position == 3);
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

// Where a connection keeps a state of the second epoch: below piece/.
std::string folder_of_a_state(Told& told) {
  begins(told);
  told.transaction(4, {}, {of_the_first});
  told.watch_begins();
  (void)told.take();
  const std::string name = "p/piece/" + second + "/";
  told.asks_something(engine::Keep{2, 9, Bytes{1}});
  const std::string said = told.asked();
  const std::size_t from = said.find(name);
  REQUIRE(from != std::string::npos);
  return said.substr(from, said.find("/0000", from + name.size()) - from + 1);
}

// A state that comes too late is cleared away by whoever kept it: with that of the same
// gateway, which is there?
bool removes_what_is_kept() {
  Told earlier(1), later(2);
  const std::string kept = folder_of_a_state(earlier), own = folder_of_a_state(later);
  later.range(5, {});
  CHECK(later.has_asked("p/state/" + second));
  later.not_done_at(6);
  const std::string removed = later.asked();
  CHECK(removed.find(own) != std::string::npos);
  CHECK(removed.find("p/state/" + second) != std::string::npos);  // unless it names just these
  return removed.find(kept) != std::string::npos;
}

}  // namespace

TEST_CASE("state_has_a_folder_of_its_own: what comes too late removes nothing that is kept") {
  CHECK_FALSE(removes_what_is_kept());
  mutants::removed = "state_has_a_folder_of_its_own";
  CHECK(removes_what_is_kept());
  mutants::removed.clear();
}

TEST_CASE("etcd: entries and a seal in their order, then a barrier") {
  Told told;
  begins(told);
  told.transaction(20, {entry(first, "a", 10), seal(12), entry(second, "b", 14)}, {of_the_second});
  told.watch_begins();
  auto said = told.take();
  CHECK(count<engine::Entry>(said) == 2);
  CHECK(count<engine::Sealed>(said) == 1);
  CHECK(count<engine::Reached>(said) == 1);
  CHECK_FALSE(tells_a_gap(said));
  told.barrier();
  told.range(20, {of_the_second});
  CHECK(count<engine::Reached>(told.take()) == 1);
}

TEST_CASE("etcd: what another trims while it is read is a gap, with entries behind it or none") {
  const auto run = [](bool with_entries) {
    Told told;
    begins(told);
    std::vector<Key> left;
    if (with_entries) left.push_back(entry(second, "b", 34));
    told.transaction(40, left, {of_the_second});
    return told.take();
  };
  CHECK(tells_a_gap(run(true)));
  CHECK(count<engine::Reached>(run(true)) == 0);
  CHECK(tells_a_gap(run(false)));
  CHECK(count<engine::Reached>(run(false)) == 0);

  mutants::removed = "etcd_entry_is_of_the_epoch_told";
  CHECK(count<engine::Entry>(run(true)) == 2);  // told as if nothing lay before it
  mutants::removed = "etcd_no_epoch_is_missing";
  CHECK(count<engine::Reached>(run(false)) == 1);
  mutants::removed.clear();
}

TEST_CASE("etcd: a barrier notices that the log was trimmed, removed or made anew") {
  for (const int what : {0, 1, 2}) {
    Told told;
    begins(told);
    told.transaction(20, {}, {of_the_first});
    told.watch_begins();
    CHECK(count<engine::Reached>(told.take()) == 1);
    told.barrier();
    std::vector<Key> open;
    if (what == 0) open = {of_the_second};
    if (what == 1) open = {{"p/open", bytes_in("00000000000000aa 1"), 50}};
    told.range(60, open);
    told.transaction(60, {}, open);
    const auto said = told.take();
    CHECK(tells_a_gap(said));
    CHECK(count<engine::Reached>(said) == 0);
  }
}

TEST_CASE("etcd: keys of others below the log are passed over, whatever their names") {
  Told told;
  begins(told);
  told.transaction(20,
                   {{"p/log/" + first + "/~", bytes_in("mine"), 9},
                    {"p/log/zz", {}, 10},
                    {"p/log/" + second + "/~", {}, 11},
                    {"p/log/ffffffffffffffff/x", bytes_in("mine"), 12},
                    entry(first, "a", 13)},
                   {of_the_first});
  told.watch_begins();
  const auto said = told.take();
  CHECK(count<engine::Entry>(said) == 5);
  CHECK(count<engine::Sealed>(said) == 0);
  CHECK(count<engine::Reached>(said) == 1);
  CHECK_FALSE(tells_a_gap(said));
}

TEST_CASE("etcd: what was written and is not told by the watch is read") {
  Told told;
  begins(told);
  told.transaction(20, {}, {of_the_first});
  told.watch_begins();
  (void)told.take();
  told.append();
  told.done_at(25);
  (void)told.take();
  CHECK_FALSE(told.asks_after(std::chrono::milliseconds(500)));
  CHECK(told.asks_after(std::chrono::milliseconds(700)));
}

TEST_CASE("etcd: a long answer on a slow way is no silence") {
  Told slow;
  slow.first_bytes_of_answer();
  for (int i = 0; i < 9; ++i) {
    slow.one_byte_of_answer();
    (void)slow.asks_after(std::chrono::seconds(1));
  }
  CHECK(slow.take().empty());  // nor is the connection closed
  slow.passes(std::chrono::seconds(3));
  CHECK(slow.has_closed());
}

TEST_CASE("etcd: who led is not named for who leads, where nobody tells who that is") {
  Told told;
  begins(told);
  told.transaction(20, {}, {of_the_first});
  told.watch_begins();
  CHECK(told.leaders().empty());
  told.asks_how_it_is(std::chrono::seconds(2), 1);
  told.status(1, 1);
  CHECK(told.leaders() == "host:1 ");
  told.asks_how_it_is(std::chrono::seconds(61), 2);  // whether it is there, too
  told.status(1, 2);
  CHECK(told.leaders() == "? ");
  told.members_are_refused();
  CHECK(told.leaders() == "? ");
}

TEST_CASE("etcd: who hears nothing asks, and leaves a server that does not answer") {
  Told told;
  begins(told);
  told.transaction(20, {}, {of_the_first});
  told.watch_begins();
  CHECK(count<engine::Reached>(told.take()) == 1);
  (void)told.asks_after(std::chrono::seconds(2));  // how it is, once
  told.range(20, {});
  CHECK_FALSE(told.asks_after(std::chrono::seconds(3)));
  CHECK(told.asks_after(std::chrono::seconds(1)));
  told.range(20, {of_the_first});
  CHECK(told.take().empty());
  CHECK(told.asks_after(std::chrono::seconds(4)));
  told.passes(std::chrono::seconds(3));
  CHECK(told.has_closed());
}

TEST_CASE("etcd: a server that is not etcd's has no empty log") {
  Told told;
  told.range(0, {});
  CHECK(told.has_closed());
}

TEST_CASE("etcd_revision_goes_on: a cluster that was restored behind a proxy is noticed") {
  const auto notices = [] {
    Told told;
    begins(told);
    told.transaction(20, {entry(first, "a", 10)}, {of_the_first});
    told.watch_begins();
    (void)told.take();
    told.barrier();
    told.range(9, {of_the_first});
    return tells_a_gap(told.take());
  };
  CHECK(notices());
  mutants::removed = "etcd_revision_goes_on";
  CHECK_FALSE(notices());
  mutants::removed.clear();
}

TEST_CASE("etcd: no space is told, and the connection stays") {
  Told told;
  begins(told);
  told.transaction(20, {}, {of_the_first});
  told.watch_begins();
  (void)told.take();
  told.append();
  told.refused(8, "etcdserver: mvcc: database space exceeded");
  const auto said = told.take();
  REQUIRE(count<engine::Refused>(said) == 1);
}

TEST_CASE("etcd: pieces that are not there are asked for after a pause") {
  Told told;
  told.transaction(4, {of_the_first}, {{"p/state/" + first, bytes_in(first + " 1 3"), 3}});
  (void)told.asks_after(Duration{});
  told.range(4, {});
  CHECK_FALSE(told.asks_after(std::chrono::milliseconds(10)));
  CHECK(told.asks_after(std::chrono::milliseconds(300)));
}

TEST_CASE("etcd: what others keep beside the states is passed over") {
  Told told;
  told.transaction(4, {of_the_first},
                   {{"p/state/later", bytes_in("x"), 4},
                    {"p/state/fffffffffffffff0", bytes_in("x"), 4},
                    {"p/state/" + first, bytes_in(first + " 1 3"), 3},
                    {"p/state/" + std::string(16, '0'), bytes_in(first + " 1 2"), 2}});
  told.range(4, {{"p/piece/" + first + "/" + first + "/0000", Bytes{9}, 3}});
  const auto said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::State>(said.front()).epoch == 1);
}

TEST_CASE("etcd: a member that stops is left as soon as nothing but the watch is open") {
  Told told;
  begins(told);
  told.transaction(4, {}, {of_the_first});
  told.watch_begins();
  (void)told.take();
  told.barrier();
  told.is_going(9);
  CHECK_FALSE(told.has_closed());
  told.range(4, {of_the_first});
  CHECK(told.has_closed());
}

TEST_CASE("etcd: an append names the epoch that is open, and a state is found when all of it is there") {
  const auto following = [](Told& told) {
    begins(told);
    told.transaction(4, {}, {of_the_first});
    told.watch_begins();
    (void)told.take();
  };
  const auto names_its_epoch = [&] {
    Told told;
    following(told);
    return told.asks(engine::Append{7, "k", Bytes{1}}, first + " 7");
  };
  const auto begins_with_a_piece = [&] {
    Told told;
    following(told);
    return told.asks(engine::Keep{2, 9, Bytes{1}}, "p/piece/");
  };
  CHECK(names_its_epoch());
  CHECK(begins_with_a_piece());
  mutants::removed = "etcd_append_is_of_the_open_epoch";
  CHECK_FALSE(names_its_epoch());
  mutants::removed = "etcd_pointer_follows_its_pieces";
  CHECK_FALSE(begins_with_a_piece());
  mutants::removed.clear();
}

TEST_CASE("etcd: a state, and what is removed for it, are of this log") {
  Told told;
  begins(told);
  told.transaction(4, {}, {of_the_first});
  told.watch_begins();
  (void)told.take();
  CHECK(told.asks(engine::Keep{2, 9, Bytes{1}}, "p/piece/"));
  told.range(5, {});
  CHECK(told.has_asked(first + "!"));
  told.done_at(6);
  CHECK(told.has_asked(first + "!"));
}
