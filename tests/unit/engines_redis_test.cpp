// SPDX-License-Identifier: MIT
// The log in Redis, as an adapter reads it: answered command by command, without a server.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "engines/native_redlock.hpp"
#include "engines/redis.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

// An answer of CONFIG GET.
std::string set_to(const std::string& name, const std::string& value) {
  const auto of = [](const std::string& word) {
    return "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  };
  return "%1\r\n" + of(name) + of(value);
}

class Told {
 public:
  explicit Told(const std::string& role = "master", const std::string& memory = "0",
                const std::string& policy = "noeviction") {
    redis_.begin(now_);
    feed("%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
    feed("*3\r\n$" + std::to_string(role.size()) + "\r\n" + role + "\r\n:0\r\n*0\r\n");
    feed(set_to("maxmemory", memory));
    feed(set_to("maxmemory-policy", policy));
    feed(">3\r\n$9\r\nsubscribe\r\n$6\r\np/tail\r\n:1\r\n");
    feed("+PONG\r\n");
  }
  void feed(const std::string& text) {
    // Byte for byte, as it may come.
    for (const char c : text) redis_.receive(now_, bytes_of(std::string_view(&c, 1)));
  }
  void ask(const engine::Request& request) { redis_.ask(now_, request); }
  void passes(Duration time) {
    now_ += time;
    redis_.tick(now_);
  }
  std::vector<engine::Told> take() {
    std::vector<engine::Told> told;
    for (Adapter::Action& action : static_cast<Adapter&>(redis_).take()) {
      if (auto* end = std::get_if<Adapter::Close>(&action)) closed = end->why;
      if (auto* tell = std::get_if<Adapter::Tell>(&action)) told.push_back(std::move(tell->told));
      if (auto* out = std::get_if<Adapter::Write>(&action))
        asked.append(out->bytes.begin(), out->bytes.end());
    }
    return told;
  }
  std::string closed, asked;

 private:
  Instant now_{std::chrono::seconds(1)};
  Redis redis_{{"p/", "", "", 1, {}}, "host:1"};
};

// Why a server of several, which is set so, is left; empty: it is used.
std::string why_store_is_left(const std::string& memory, const std::string& policy) {
  NativeStore store(Access{}, "host:1", std::make_shared<RedlockOrders>());
  const Instant now{std::chrono::seconds(1)};
  store.begin(now);
  for (const std::string& answer : {std::string("%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n"),
                                    std::string("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
                                    set_to("maxmemory", memory), set_to("maxmemory-policy", policy)})
    store.receive(now, bytes_of(answer));
  std::string why;
  bool is_used = false;
  for (Adapter::Action& action : static_cast<Adapter&>(store).take()) {
    if (auto* end = std::get_if<Adapter::Close>(&action)) why = end->why;
    const auto* tell = std::get_if<Adapter::Tell>(&action);
    is_used |= tell != nullptr && std::holds_alternative<engine::Reached>(tell->told);
  }
  CHECK(is_used == why.empty());
  return why;
}

const std::string master = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";

std::string text(const std::string& value) {
  return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}
// What is chained is here the number and what was written.
std::string head(const std::string& log, int last, const std::string& value = "") {
  return "*4\r\n" + text(log) + text("1") + text(std::to_string(last)) + text(std::to_string(last) + value);
}
std::string entry(int number, const std::string& field, const std::string& value) {
  return "*2\r\n" + text(std::to_string(number) + "-0") + "*4\r\n" + text(field) + text(value) + text("c") +
         text(std::to_string(number) + value);
}

const std::string log_name = "00000000000000aa";

// A state at 1, and the end of the log at `last`.
void begins(Told& told, int last) {
  told.ask(engine::Load{1});
  told.feed(master + "*5\r\n" + text(log_name) + text("1") + text("1") + text("state") + text(""));
  const auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::State>(said[1]).position == 1);
  (void)last;
}

bool tells_a_gap(const std::vector<engine::Told>& told) {
  return std::ranges::any_of(told, [](const auto& each) {
    const auto* said = std::get_if<engine::Entry>(&each);
    return said != nullptr && said->after == 0;
  });
}

}  // namespace

TEST_CASE("redis: entries by their numbers, a seal, a message that there is more, and a barrier") {
  Told told;
  begins(told, 3);
  told.feed("*2\r\n" + entry(2, "b", "first") + entry(3, "s", "2"));
  auto said = told.take();
  REQUIRE(said.size() == 2);
  CHECK(std::get<engine::Entry>(said[0]).after == 1);
  CHECK(std::get<engine::Sealed>(said[1]).epoch == 2);
  told.feed(head(log_name, 3, "2") + "*1\r\n" + entry(3, "s", "2"));
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Reached>(said[0]).ticket == 1);
  told.feed(">3\r\n" + text("message") + text("p/tail") + text("4"));
  told.feed("*2\r\n" + entry(3, "s", "2") + entry(4, "b", "second"));
  said = told.take();
  REQUIRE(said.size() == 1);
  CHECK(std::get<engine::Entry>(said[0]).position == 4);
}

TEST_CASE("redis: what is missing is a gap, on the way and to a barrier") {
  Told told;
  begins(told, 3);
  told.feed("*1\r\n" + entry(3, "b", "second"));
  CHECK(tells_a_gap(told.take()));
  Told trimmed;
  begins(trimmed, 9);
  trimmed.feed("*0\r\n" + head(log_name, 9) + "*0\r\n");
  CHECK(tells_a_gap(trimmed.take()));
  Told other;
  begins(other, 1);
  other.feed("*0\r\n" + head("00000000000000bb", 1));
  CHECK(tells_a_gap(other.take()));
}

TEST_CASE("redis_entries_follow_what_was_told: a server that has lost entries and goes on") {
  const auto notices = [](const std::string& items) {
    Told told;
    begins(told, 3);
    told.feed("*2\r\n" + entry(2, "b", "first") + entry(3, "b", "second"));
    told.feed(head(log_name, 3, "second") + "*1\r\n" + entry(3, "b", "second"));
    CHECK_FALSE(tells_a_gap(told.take()));
    told.ask(engine::Barrier{7});
    told.feed(master + items);
    return tells_a_gap(told.take());
  };
  const std::string fourth = entry(4, "b", "third");
  const auto another = [&] { return notices("*2\r\n" + entry(3, "b", "other") + fourth); };
  CHECK_FALSE(notices("*2\r\n" + entry(3, "b", "second") + fourth));
  CHECK(another());
  CHECK(notices("*1\r\n" + entry(3, "b", "other")));
  CHECK(notices("*1\r\n" + fourth));
  CHECK(notices("*0\r\n"));
  mutants::removed = "redis_entries_follow_what_was_told";
  CHECK_FALSE(another());
  mutants::removed.clear();
}

// The server looks whether the epoch is open, in the same script: engine_verbs has real ones do it.
TEST_CASE("redis: an append names the epoch that is open") {
  const auto names_its_epoch = [] {
    Told told;
    begins(told, 1);
    told.feed("*0\r\n" + head(log_name, 1));
    (void)told.take();
    told.asked.clear();
    told.ask(engine::Append{7, "k", Bytes{1}});
    (void)told.take();
    CHECK(told.asked.find(text(log_name) + text("p/") + text("7") + text("k")) != std::string::npos);
    CHECK(told.asked.find("if h[1] ~= ARGV[1]") != std::string::npos);
    return told.asked.find("if h[1] ~= ARGV[1] or h[2] ~= ARGV[3] then return 0 end") != std::string::npos;
  };
  CHECK(names_its_epoch());
  mutants::removed = "redis_append_is_of_the_open_epoch";
  CHECK_FALSE(names_its_epoch());
  mutants::removed.clear();
}

// A backup has its seals at the same numbers, and the same commands may come again.
TEST_CASE("redis: another log is known by the digest of all of it") {
  const auto loads = [](const std::string& chain) {
    auto loaded = std::make_unique<Told>();
    loaded->ask(engine::Load{1});
    loaded->feed(master + "*5\r\n" + text(log_name) + text("2") + text("3") + text("state") + text(chain));
    return loaded;
  };
  auto same = loads("32");
  same->feed("*1\r\n" + entry(3, "s", "2") + head(log_name, 3, "2"));
  CHECK_FALSE(tells_a_gap(same->take()));
  auto other = loads("3another");
  other->feed("*1\r\n" + entry(3, "s", "2"));
  CHECK(tells_a_gap(other->take()));
  auto gone = loads("32");
  gone->feed("*0\r\n");
  CHECK(tells_a_gap(gone->take()));
  auto ends = loads("32");
  ends->feed("*1\r\n" + entry(3, "s", "2") + head(log_name, 3, "another"));
  CHECK(tells_a_gap(ends->take()));
  auto none = loads("");
  (void)none->take();
  CHECK_FALSE(none->closed.empty());
}

TEST_CASE("redis: who hears nothing asks, and leaves a server that does not answer") {
  Told told;
  begins(told, 1);
  told.feed("*0\r\n" + head(log_name, 1));
  told.passes(std::chrono::seconds(2));
  told.feed(text("used_memory:1000\r\n"));
  (void)told.take();
  told.passes(std::chrono::seconds(4));
  (void)told.take();
  told.feed(master + "*0\r\n" + head(log_name, 1));
  CHECK(told.take().empty());
  told.passes(std::chrono::seconds(4));
  told.passes(std::chrono::seconds(3));
  (void)told.take();
  CHECK(told.closed == "host:1: no answer within 2 s");
}

TEST_CASE("redis: a server that removes keys when its memory is full is left, with what to set") {
  const std::string why =
      "host:1: it removes keys when its memory is full: CONFIG SET maxmemory-policy noeviction";
  for (const char* policy : {"allkeys-lru", "allkeys-lfu", "allkeys-random"}) {
    Told told("master", "104857600", policy);
    told.take();
    CHECK(told.closed == why);
  }
  // Of the log no key has a time to live; and without a limit memory is never full.
  for (const auto& [memory, policy] : std::vector<std::pair<const char*, const char*>>{
           {"104857600", "noeviction"}, {"104857600", "volatile-lru"}, {"0", "allkeys-lru"}}) {
    Told told("master", memory, policy);
    const auto said = told.take();
    CHECK(told.closed.empty());
    REQUIRE(said.size() == 1);
    CHECK(std::holds_alternative<engine::Up>(said[0]));
  }
}

TEST_CASE(
    "redlock: a server that removes keys when its memory is full is left: there they all have a time to "
    "live") {
  CHECK(why_store_is_left("104857600", "allkeys-lru") ==
        "host:1: it removes keys when its memory is full: set maxmemory-policy to noeviction");
  CHECK_FALSE(why_store_is_left("104857600", "volatile-ttl").empty());
  CHECK(why_store_is_left("104857600", "noeviction").empty());
  CHECK(why_store_is_left("0", "allkeys-lru").empty());
}

TEST_CASE("redis: a replica, and one that has become one, are left") {
  Told replica("slave");
  CHECK(replica.take().empty());
  CHECK(replica.closed == "host:1: it is a replica");
  Told told;
  begins(told, 1);
  told.feed("*0\r\n" + head(log_name, 1));
  (void)told.take();
  told.ask(engine::Barrier{7});
  told.feed("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:0\r\n");
  (void)told.take();
  CHECK(told.closed == "host:1: it is a replica");
}

TEST_CASE("redis: without memory or rights it takes nothing, and is followed all the same") {
  for (const char* why : {"OOM command not allowed when used memory > 'maxmemory'.",
                          "NOPERM this user has no permissions to run the 'xadd' command",
                          "MISCONF Redis is configured to save RDB snapshots"}) {
    Told told;
    begins(told, 1);
    told.feed("*0\r\n" + head(log_name, 1));
    (void)told.take();
    told.ask(engine::Append{1, "k", Bytes{1}});
    told.feed("-" + std::string(why) + "\r\n");
    const auto said = told.take();
    REQUIRE(said.size() == 1);
    CHECK(std::get<engine::Refused>(said[0]).why == "host:1: " + std::string(why));
    CHECK(told.closed.empty());
  }
}

TEST_CASE("redis: a list of long texts is not collected beyond what any answer has") {
  resp::Reader reader;
  constexpr std::size_t each = std::size_t{100} << 20U, most = std::size_t{301} << 20U;
  const std::string begin = "*1000000\r\n", length = "$" + std::to_string(each) + "\r\n";
  const Bytes part(std::size_t{4} << 20U, 'x');
  reader.add(bytes_of(begin));
  std::size_t fed = 0;
  while (!reader.failed() && fed <= most) {
    reader.add(bytes_of(length));
    for (std::size_t left = each; left > 0 && !reader.failed(); left -= part.size(), fed += part.size()) {
      reader.add(part);
      CHECK_FALSE(reader.next());
    }
    reader.add(bytes_of(std::string_view("\r\n")));
  }
  CHECK(reader.failed());
  CHECK(fed <= most);
}

TEST_CASE("redis: what is no Redis ends the connection") {
  Told told;
  told.ask(engine::Load{1});
  told.feed("HTTP/1.1 400 Bad Request\r\n");
  (void)told.take();
  CHECK(told.closed == "host:1: the server there is not Redis");
}
