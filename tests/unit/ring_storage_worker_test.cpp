// SPDX-License-Identifier: MIT
// The ring's part and its storage: what a tool asks, done on a real file, and what a bad one is refused.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ring/part.hpp"
#include "table/sqlite_storage.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

class OneHost {
 public:
  OneHost() : directory_(std::filesystem::temp_directory_path() / "ring-XXXXXX") {
    std::string name = directory_.string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    restart();
  }
  ~OneHost() { std::filesystem::remove_all(directory_); }
  OneHost(const OneHost&) = delete;
  OneHost& operator=(const OneHost&) = delete;

  std::string file() const { return (directory_ / "ring.db").string(); }
  void limit(Quota quota) {
    quota_ = quota;
    restart();
  }
  void restart() {
    part_ = std::make_unique<RingPart>();
    keeper_ = std::make_unique<StorageWorker>(
        NodeId{7}, [this] { return table::open_sqlite(file()); }, quota_);
  }
  // Handed to the part; its work is done with the next work().
  void ask(std::uint64_t tool, const Request& request, std::uint64_t number, const std::string& user = "u") {
    take(part_->step(
        {Instant{}, WallTime{static_cast<std::int64_t>(number)}, 2},
        node::FromTool{replica::ConnectionId{tool}, {1000, user}, number, wire::encode(request)}));
  }
  void ask_bytes(const Bytes& bytes) {
    take(part_->step({}, node::FromTool{replica::ConnectionId{1}, {1000, "u"}, 1, bytes}));
  }
  void leave(std::uint64_t tool) { take(part_->step({}, node::ToolGone{replica::ConnectionId{tool}})); }
  void work() {
    while (!batch_.empty()) {
      auto batch = std::exchange(batch_, {});
      keeper_->perform(batch);
      for (const auto& each : batch) take(part_->step({}, node::Worked{each}));
    }
  }
  // One request by itself.
  Answer answer(const Request& request, const std::string& user = "u") {
    ask(1, request, ++last_, user);
    work();
    REQUIRE(told.contains({1, last_}));
    return told.at({1, last_});
  }
  Answer put(const std::string& key, const std::string& value) {
    return answer(Put{"main", key, value.size(), Bytes(value.begin(), value.end()), {}});
  }
  std::string get(const std::string& key) {
    const Answer got = answer(Get{"main", key, {}, 0});
    const auto* found = std::get_if<Found>(&got);
    return found ? std::string(found->chunk.begin(), found->chunk.end()) : "absent";
  }
  std::size_t waiting_work() const { return batch_.size(); }

  std::map<std::pair<std::uint64_t, std::uint64_t>, Answer> told;  // by tool and request

 private:
  Quota quota_{};
  void take(node::PartActions actions) {
    for (auto& action : actions) {
      if (auto* work = std::get_if<node::Do>(&action)) batch_.push_back(work->work);
      if (auto* answer = std::get_if<node::ToTool>(&action)) {
        auto read = wire::decode<Answer>(answer->bytes);
        REQUIRE(read);
        told[{answer->connection.value, answer->request}] = *read;
      }
    }
  }

  std::filesystem::path directory_;
  std::unique_ptr<RingPart> part_;
  std::unique_ptr<StorageWorker> keeper_;
  std::vector<std::shared_ptr<node::Work>> batch_;
  std::uint64_t last_ = 100;
};

std::vector<std::string> keys_of(const Answer& answer) {
  std::vector<std::string> keys;
  for (const Row& row : std::get<Page>(answer).rows) keys.push_back(row.key);
  return keys;
}

Refused refusal(const Answer& answer) {
  const auto* refused = std::get_if<Refused>(&answer);
  return refused ? *refused : Refused{Why::failed, "not refused"};
}

bool was_stored(const Answer& answer) {
  return std::holds_alternative<Stored>(answer);
}

}  // namespace

TEST_CASE("a value is kept over a restart, and no version is given twice", "[ring]") {
  OneHost host;
  const Dot first = std::get<Stored>(host.put("a", "1")).dot;
  CHECK(first.host == NodeId{7});
  // Not from 1 on: a new file may be in the place of one that was lost.
  CHECK(first.number > std::uint64_t{1} << 50U);
  host.restart();
  CHECK(host.get("a") == "1");
  CHECK(std::get<Stored>(host.put("a", "2")).dot == Dot{NodeId{7}, first.number + 1});
  CHECK(host.get("a") == "2");
  CHECK(std::holds_alternative<Stored>(host.answer(Remove{"main", "a", {}})));
  CHECK(host.get("a") == "absent");
  CHECK(std::holds_alternative<Absent>(host.answer(Remove{"main", "a", {}})));
  host.restart();
  CHECK(std::get<Stored>(host.put("b", "")).dot == Dot{NodeId{7}, first.number + 3});
  CHECK(host.get("b").empty());
}

TEST_CASE("requests without an answer are bounded, and room comes back", "[ring]") {
  OneHost host;
  REQUIRE(std::holds_alternative<Page>(host.answer(Watch{"main", "", {}})));
  std::uint64_t number = 1000;
  const auto is_refused = [&](std::uint64_t tool) {
    host.ask(tool, Watch{"main", std::string(longest_key, 'p'), 1}, ++number);
    host.work();
    return host.told.contains({tool, number});
  };
  std::size_t taken = 0;
  while (taken < 100'000 && !is_refused(1)) ++taken;
  CHECK(taken > 1000);
  CHECK(taken < 20'000);
  CHECK(refusal(host.told.at({1, number})).why == Why::busy);
  CHECK(is_refused(2));
  host.leave(1);
  CHECK_FALSE(is_refused(2));
}

TEST_CASE("what comes and goes without waiting for the disk is bounded", "[ring]") {
  OneHost host;
  std::size_t taken = 0;
  for (std::uint64_t tool = 2; tool < 100'000 && host.waiting_work() == taken; ++tool, ++taken) {
    host.ask(tool, Get{"main", "k", {}, 0}, 1);
    host.leave(tool);
  }
  CHECK(taken > 1000);
  CHECK(taken < 20'000);
  host.work();
  CHECK(host.get("k") == "absent");
}

TEST_CASE("the number of an open request is no other one's", "[ring]") {
  OneHost host;
  host.ask(1, Get{"main", "k", {}, 0}, 1);
  host.ask(1, Get{"main", "l", {}, 0}, 1);
  CHECK(host.waiting_work() == 1);
  host.work();
  host.ask(1, Get{"main", "l", {}, 0}, 1);
  CHECK(host.waiting_work() == 1);
}

TEST_CASE("the rest of a value that was refused is no new one", "[ring]") {
  OneHost host;
  const Bytes chunk(chunk_bytes);
  const std::uint64_t total = 2 * chunk_bytes;
  // Firsts of values until the part holds no more.
  std::uint64_t last = 1;
  while (!host.told.contains({last, 1})) {
    REQUIRE(++last < 10'000);
    host.ask(last, Put{"main", "k", total, chunk, {}}, 1);
  }
  CHECK(refusal(host.told.at({last, 1})).why == Why::busy);
  for (std::uint64_t tool = 2; tool < last; ++tool) host.leave(tool);
  host.ask(last, Put{"main", "k", total, chunk, {}}, 1);
  // A third one would be the second of a value that began with the one before.
  host.ask(last, Put{"main", "k", total, chunk, {}}, 1);
  CHECK(host.waiting_work() == 0);
  host.ask(last, Put{"main", "k", total, chunk, {}}, 1);
  host.work();
  CHECK(std::holds_alternative<Stored>(host.told.at({last, 1})));
}

TEST_CASE("a value comes in chunks, and is read in chunks", "[ring]") {
  OneHost host;
  const std::size_t size = 2 * chunk_bytes + 5;
  Bytes value(size);
  for (std::size_t i = 0; i < size; ++i) value[i] = static_cast<std::uint8_t>(i % 251);
  for (std::size_t at = 0; at < size; at += chunk_bytes) {
    CHECK_FALSE(host.told.contains({1, 1}));
    const auto begin = value.begin() + static_cast<std::ptrdiff_t>(at);
    host.ask(1,
             Put{"main",
                 "k",
                 size,
                 Bytes(begin, begin + static_cast<std::ptrdiff_t>(std::min(chunk_bytes, size - at))),
                 {}},
             1);
    host.work();
  }
  REQUIRE(std::holds_alternative<Stored>(host.told.at({1, 1})));
  const Dot dot = std::get<Stored>(host.told.at({1, 1})).dot;
  Bytes read;
  while (read.size() < size) {
    const auto found = std::get<Found>(host.answer(Get{"main", "k", dot, read.size()}));
    REQUIRE_FALSE(found.chunk.empty());
    read.insert(read.end(), found.chunk.begin(), found.chunk.end());
  }
  CHECK(read == value);
  CHECK(refusal(host.answer(Put{"main", "k", 1, Bytes(2), {}})).text ==
        "the value has more bytes than were announced");
  CHECK(refusal(host.answer(Put{"main", "k", largest_value + 1, {}, {}})).text ==
        "the value is larger than 8 MiB");
}

TEST_CASE("what is being written by all tools together is bounded, and freed when a tool goes", "[ring]") {
  OneHost host;
  const Bytes chunk(chunk_bytes);
  const std::uint64_t fit = (std::uint64_t{64} << 20U) / chunk_bytes;
  for (std::uint64_t i = 1; i <= fit; ++i) host.ask(i, Put{"main", "k", chunk_bytes + 1, chunk, {}}, 1);
  CHECK(host.told.empty());
  CHECK(refusal(host.put("small", "1")).why == Why::busy);
  host.leave(5);
  CHECK(std::holds_alternative<Stored>(host.put("small", "1")));
  CHECK(std::holds_alternative<Stored>(host.put("small", "1")));  // what is durable is held no more
}

TEST_CASE("keys are listed by prefix, page after page, without those of others", "[ring]") {
  OneHost host;
  std::uint64_t number = 1000;
  for (const char* key : {"a", "b/1", "b/2", "b\xff", "c", "@u/x", "@v/x"})
    host.ask(1, Put{"main", key, 1, {1}, {}}, ++number);
  host.work();
  CHECK(refusal(host.told.at({1, number})).why == Why::foreign);  // @v/x is another user's
  CHECK(keys_of(host.answer(List{"main", "", ""})) ==
        std::vector<std::string>{"@u/x", "a", "b/1", "b/2", "b\xff", "c"});
  CHECK(keys_of(host.answer(List{"main", "b/", ""})) == std::vector<std::string>{"b/1", "b/2"});
  CHECK(keys_of(host.answer(List{"main", "b", "b/1"})) == std::vector<std::string>{"b/2", "b\xff"});
  CHECK(keys_of(host.answer(List{"main", "", ""}, "w")) ==
        std::vector<std::string>{"a", "b/1", "b/2", "b\xff", "c"});
  CHECK(keys_of(host.answer(List{"other", "", ""})).empty());
  for (int i = 0; i < 2500; ++i) host.ask(1, Put{"main", "many" + std::to_string(i), 1, {1}, {}}, ++number);
  host.work();
  std::set<std::string> seen;
  for (std::string after;;) {
    const auto page = std::get<Page>(host.answer(List{"main", "many", after}));
    for (const Row& row : page.rows) CHECK(seen.insert(row.key).second);
    if (!page.more) break;
    after = page.last;
  }
  CHECK(seen.size() == 2500);
}

TEST_CASE("a watch is answered when something changes, and not before", "[ring]") {
  OneHost host;
  host.put("w/old", "1");
  const auto begin = std::get<Page>(host.answer(Watch{"main", "w/", std::nullopt}));
  CHECK(begin.rows.empty());
  host.ask(2, Watch{"main", "w/", begin.since}, 1);
  host.work();
  CHECK_FALSE(host.told.contains({2, 1}));
  host.put("other", "1");
  CHECK_FALSE(host.told.contains({2, 1}));
  host.put("w/new", "1");
  REQUIRE(host.told.contains({2, 1}));
  CHECK(keys_of(host.told.at({2, 1})) == std::vector<std::string>{"w/new"});
  const std::uint64_t since = std::get<Page>(host.told.at({2, 1})).since;
  // While a watch is there, a removal is told too.
  host.answer(Remove{"main", "w/new", {}});
  host.ask(2, Watch{"main", "w/", since}, 2);
  host.work();
  REQUIRE(host.told.contains({2, 2}));
  CHECK(std::get<Page>(host.told.at({2, 2})).rows.front().versions.front().removed);
  host.leave(1);
  host.leave(2);
  host.put("w/x", "1");
  CHECK(host.waiting_work() == 0);
}

TEST_CASE("what is no request is refused", "[ring]") {
  OneHost host;
  host.ask_bytes({1, 2, 3});
  CHECK(refusal(host.told.at({1, 1})).why == Why::usage);
  host.ask_bytes({});
  CHECK(refusal(host.put("", "1")).text == "the key is empty");
  CHECK(refusal(host.put(std::string("a\0b", 3), "1")).text == "the key has a NUL in it");
  CHECK(refusal(host.answer(List{"", "", ""})).text == "the ring has no name");
  // Siblings without end.
  for (std::size_t i = 0; i < most_siblings; ++i) host.answer(Put{"main", "s", 1, {1}, std::vector<Dot>{}});
  CHECK(refusal(host.answer(Put{"main", "s", 1, {1}, std::vector<Dot>{}})).text ==
        "the key has too many siblings already");
}

TEST_CASE("a file that is none of ours, or damaged, is refused and left as it is", "[ring]") {
  OneHost host;
  const auto contents = [&] {
    std::ifstream in(host.file(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  std::ofstream(host.file(), std::ios::binary) << std::string(8192, 'x');
  const std::string before = contents();
  CHECK(refusal(host.answer(AskStatus{"main"})).why == Why::failed);
  CHECK(contents() == before);
  std::filesystem::remove(host.file());
  CHECK(std::holds_alternative<Stored>(host.put("a", "1")));  // it is opened anew
}

TEST_CASE("a user's keys have a quota on this host, those of others and of nobody have none", "[ring]") {
  OneHost host;
  host.limit({2, 10});
  const auto is_over = [](const Answer& answer) {
    const auto* refusal = std::get_if<Refused>(&answer);
    return refusal != nullptr && refusal->why == Why::quota;
  };
  CHECK(was_stored(host.put("@u/a", "1234")));
  CHECK(is_over(host.put("@u/b", "1234567")));
  CHECK(was_stored(host.put("@u/b", "123456")));
  CHECK(is_over(host.put("@u/c", "")));
  CHECK(was_stored(host.put("@u/b", "1")));
  host.restart();
  CHECK(is_over(host.put("@u/b", "1234567")));
  CHECK(host.get("@u/b") == "1");
  CHECK(is_over(host.answer(Put{"other", "@u/c", 1, {'x'}, {}})));
  CHECK(was_stored(host.put("c", "12345678901234567890")));
  CHECK(was_stored(host.answer(Put{"main", "@v/c", 1, {'x'}, {}}, "v")));
  CHECK(was_stored(host.answer(Remove{"main", "@u/a", {}})));
  CHECK(was_stored(host.put("@u/c", "123456789")));
}

TEST_CASE("a page of a listing names no key of another user, and ends nowhere among them", "[ring]") {
  OneHost host;
  std::uint64_t number = 1000;
  for (int i = 0; i < 1500; ++i)
    host.ask(1, Put{"main", "@v/hidden" + std::to_string(i), 1, {1}, {}}, ++number, "v");
  for (const char* key : {"@a", "z"}) host.ask(1, Put{"main", key, 1, {1}, {}}, ++number);
  host.work();
  std::vector<std::string> keys;
  for (std::string after;;) {
    const auto page = std::get<Page>(host.answer(List{"main", "", after}));
    for (const std::string& key : keys_of(page)) keys.push_back(key);
    CHECK(page.last.find("hidden") == std::string::npos);
    if (!page.more) break;
    REQUIRE(page.last > after);
    after = page.last;
  }
  CHECK(keys == std::vector<std::string>{"@a", "z"});
}

TEST_CASE("a quota refuses one write of a batch, and the others are durable at once", "[ring]") {
  OneHost host;
  host.limit({1, 0});
  CHECK(was_stored(host.put("@u/a", "1")));
  const auto log_size = [&] { return std::filesystem::file_size(host.file() + "-wal"); };
  const auto before = log_size();
  for (std::uint64_t i = 1; i <= 100; ++i)
    host.ask(2, Put{"main", i == 50 ? "@u/b" : "k" + std::to_string(i), 1, {1}, {}}, i);
  host.work();
  CHECK(refusal(host.told.at({2, 50})).why == Why::quota);
  for (std::uint64_t i = 1; i <= 100; ++i) CHECK((i == 50 || was_stored(host.told.at({2, i}))));
  // Each transaction by itself takes a page of each table at least.
  constexpr std::uintmax_t page = 4096, transactions = 20;
  CHECK(log_size() - before < transactions * page * 2);
  CHECK(host.get("@u/b") == "absent");
  CHECK(host.get("k100") == std::string(1, 1));
}

TEST_CASE("a version that names bogus ones does not grow a key without end", "[ring]") {
  OneHost host;
  const std::vector<Dot> nothing(200, Dot{NodeId{9}, 1});
  std::uint64_t number = 1000;
  for (std::size_t i = 0; i < most_siblings; ++i) host.ask(1, Put{"main", "s", 1, {1}, nothing}, ++number);
  host.work();
  CHECK(was_stored(host.told.at({1, number})));
  CHECK(refusal(host.answer(Put{"main", "s", 1, {1}, nothing})).why == Why::usage);
}
