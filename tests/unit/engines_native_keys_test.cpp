// SPDX-License-Identifier: MIT
// An engine's own keys, as the adapters change them: answered call by call, without a server. What is known
// of a change whose answer was lost, and what of a server that refuses.
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "base/rule.hpp"
#include "engines/native_redis.hpp"
#include "engines/zookeeper_calls.hpp"
#include "native_told.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

using Why = native::Cannot::Why;

constexpr std::int32_t no_auth = -102;
constexpr char etcd_puts[] = "\x0a\x01k\x12\x01v";  // key and value: names of calls are packed

// A change that went out over a connection before this one, and was not answered.
std::shared_ptr<NativeJob> sent_before(native::FromTool what) {
  auto job = key_job(std::move(what));
  job->may_have_changed = true;
  return job;
}
std::shared_ptr<NativeJob> put_if_absent() {
  return sent_before(native::Put{"k", "v", 0});
}

Bytes stat_of(std::int64_t created, std::int64_t changed, std::int32_t version) {
  return JuteWriter()
      .longer(created)
      .longer(changed)
      .longer(0)
      .longer(0)
      .number(version)
      .number(0)
      .number(0)
      .longer(0)
      .number(1)
      .number(0)
      .longer(0)
      .out();
}

class RedisTold {
 public:
  explicit RedisTold(std::shared_ptr<NativeJob> job) : redis_(Access{}, "host:1", std::move(job)) {
    redis_.begin(start);
    say("%0\r\n");
    say("*1\r\n$6\r\nmaster\r\n");
  }
  void say(const std::string& text) {
    redis_.receive(start, bytes_of(text));
    heard.take(redis_);
  }
  Heard heard;

 private:
  NativeRedis redis_;
};

bool etcd_retry_is_unknown() {
  EtcdTold told(put_if_absent(), start);
  told.placed(20, false);
  return told.heard.cannot() == Why::unknown;
}
bool consul_retry_is_unknown() {
  ConsulTold told(put_if_absent());
  told.answer(200, "false");
  told.answer(404, "");
  return told.heard.cannot() == Why::unknown;
}
bool zookeeper_retry_is_unknown() {
  ZooKeeperTold told(put_if_absent());
  told.answer(zookeeper::node_exists);
  told.answer(0, stat_of(3, 4, 0));
  return told.heard.cannot() == Why::unknown;
}
// With a version the node is looked at before it is changed.
bool zookeeper_looks_are_unknown() {
  ZooKeeperTold put(sent_before(native::Put{"k", "v", 4}));
  put.answer(0, stat_of(3, 9, 1));
  ZooKeeperTold removal(sent_before(native::Remove{"k", 4}));
  removal.answer(zookeeper::no_node);
  return put.heard.cannot() == Why::unknown && removal.heard.cannot() == Why::unknown;
}
bool redis_retry_is_unknown() {
  RedisTold told(put_if_absent());
  told.say("_\r\n");
  return told.heard.cannot() == Why::unknown;
}

// Without terms nothing is sent again.
template <class Told, class... Rest>
bool asks_once(native::FromTool what, const std::string& sign, Rest... rest) {
  Told told(sent_before(std::move(what)), rest...);
  told.passes(1ms);
  return told.heard.cannot() == Why::unknown && told.heard.asked.find(sign) == std::string::npos;
}
bool changes_are_sent_once() {
  return asks_once<EtcdTold>(native::Put{"k", "v", {}}, etcd_puts, start) &&
         asks_once<ConsulTold>(native::Put{"k", "v", {}}, "PUT ") &&
         asks_once<ZooKeeperTold>(native::Put{"k", "v", {}}, "/k");
}

}  // namespace

TEST_CASE("native keys: a change whose answer was lost is not told as refused") {
  CHECK(etcd_retry_is_unknown());
  CHECK(consul_retry_is_unknown());
  CHECK(zookeeper_retry_is_unknown());
  CHECK(zookeeper_looks_are_unknown());
  CHECK(redis_retry_is_unknown());
  CHECK(changes_are_sent_once());
  RedisTold told(sent_before(native::Remove{"k", {}}));
  CHECK(told.heard.cannot() == Why::unknown);
  CHECK(told.heard.asked.find("DEL") == std::string::npos);
  mutants::removed = "native_retry_is_unknown";
  CHECK_FALSE(etcd_retry_is_unknown());
  CHECK_FALSE(redis_retry_is_unknown());
  CHECK_FALSE(zookeeper_looks_are_unknown());
  mutants::removed = "native_change_is_sent_once";
  CHECK_FALSE(changes_are_sent_once());
  mutants::removed.clear();
}

TEST_CASE("native keys: a first change that is refused by its terms is told so, and one that is made") {
  EtcdTold told(key_job(native::Put{"k", "v", 0}), start);
  told.placed(20, false);
  CHECK(told.heard.is<native::Not>());
  EtcdTold again(put_if_absent(), start);
  again.placed(20);
  CHECK(again.heard.is<native::Done>());
  RedisTold redis(key_job(native::Put{"k", "v", 0}));
  redis.say("_\r\n");
  CHECK(redis.heard.is<native::Not>());
}

TEST_CASE("native keys: what is refused after an answer was lost may have taken effect before") {
  ConsulTold told(put_if_absent());
  told.answer(403, "Permission denied");
  CHECK(told.heard.cannot() == Why::unknown);
  ConsulTold first(key_job(native::Put{"k", "v", 0}));
  first.answer(403, "Permission denied");
  CHECK(first.heard.cannot() == Why::unreachable);
}

TEST_CASE("native keys: a change that was refused before anything came of it is sent again") {
  const auto is_sent_again = [](const std::shared_ptr<NativeJob>& job, const Heard& first,
                                const Heard& second, const char* sign) {
    CHECK_FALSE(first.told);
    CHECK_FALSE(first.closed.empty());
    CHECK_FALSE(job->again);
    CHECK_FALSE(second.told);
    CHECK(second.asked.find(sign) != std::string::npos);
  };
  const auto job = [] { return key_job(native::Put{"k", "v", {}}); };
  for (const char* text : {"No cluster leader", "rpc error getting client: failed to get conn"}) {
    ConsulTold consul(job());
    consul.answer(500, text);
    is_sent_again(consul.job, consul.heard, ConsulTold(consul.job).heard, "PUT ");
  }
  const auto redis_job = job();
  RedisTold redis(redis_job);
  redis.say("-LOADING Redis is loading the dataset in memory\r\n");
  is_sent_again(redis_job, redis.heard, RedisTold(redis_job).heard, "SET");
  EtcdTold etcd(job(), start);
  etcd.refused("3", "etcdserver: revision of auth store is old");
  EtcdTold next(etcd.job, start);
  next.passes(1ms);
  is_sent_again(etcd.job, etcd.heard, next.heard, etcd_puts);
}

TEST_CASE("native keys: a change that may be on its way when it was refused is not sent again") {
  ConsulTold consul(key_job(native::Put{"k", "v", {}}));
  consul.answer(500, "rpc error making call: EOF");
  CHECK(ConsulTold(consul.job).heard.cannot() == Why::unknown);
  EtcdTold etcd(key_job(native::Put{"k", "v", {}}), start);
  etcd.refused("14", "etcdserver: request timed out");
  EtcdTold next(etcd.job, start);
  next.passes(1ms);
  CHECK(next.heard.cannot() == Why::unknown);
}

TEST_CASE("native keys: a list goes on where the connection broke") {
  const auto zookeeper_job = key_job(native::List{"/"});
  zookeeper_job->listed = "/a";
  ZooKeeperTold zookeeper(zookeeper_job);
  zookeeper.children({"b", "a"});
  zookeeper.answer(0, stat_of(3, 4, 0));
  REQUIRE(zookeeper.heard.is<native::Keys>());
  const auto& keys = std::get<native::Keys>(*zookeeper.heard.told);
  REQUIRE(keys.keys.size() == 1);
  CHECK(keys.keys[0].key == "/b");
  CHECK_FALSE(keys.more);
  CHECK(zookeeper_job->listed == "/b");
  const auto redis_job = key_job(native::List{""});
  redis_job->listed = "a";
  RedisTold again(redis_job);
  again.say("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  again.say(":7\r\n");
  REQUIRE(again.heard.is<native::Keys>());
  CHECK(std::get<native::Keys>(*again.heard.told).keys.size() == 1);
  EtcdTold etcd(key_job(native::List{"app/"}), start);
  etcd.queue({"app/a", "app/b"});
  CHECK(etcd.job->listed == "app/b");
  etcd.job->listed = "app/b";
  EtcdTold next(etcd.job, start);
  next.passes(1ms);
  CHECK(next.heard.asked.find(std::string("app/b") + '\0') != std::string::npos);
}

TEST_CASE("native etcd: what it says of users is no matter of how it was asked") {
  const std::map<std::string, std::optional<Why>> said{
      {"etcdserver: invalid user ID or password", Why::unreachable},
      {"etcdserver: user name is empty", Why::unreachable},
      {"etcdserver: revision of auth store is old", std::nullopt},
      {"etcdserver: request is too large", Why::wrong}};
  for (const auto& [text, why] : said) {
    EtcdTold told(key_job(native::Get{"k"}), start);
    told.refused("3", text);
    CHECK(told.heard.cannot() == why);
    CHECK_FALSE(told.heard.closed.empty());
  }
}

TEST_CASE("native etcd: an answer without a revision is another server's") {
  EtcdTold told(key_job(native::Get{"k"}), start);
  told.revoked();
  CHECK_FALSE(told.heard.told);
  CHECK_FALSE(told.heard.closed.empty());
}

TEST_CASE("native etcd: a watch that hears nothing asks, and is broken off when that is not answered") {
  EtcdTold told(key_job(native::Watch{"k"}), start);
  told.queue({});
  REQUIRE(told.heard.is<native::Value>());
  told.heard.asked.clear();
  told.passes(3s);
  CHECK(told.heard.asked.empty());
  told.passes(1s);
  CHECK(told.heard.asked.find("\x0a\x01k") !=
        std::string::npos);  // that key: a user may have rights for no other
  told.passes(2s);
  CHECK_FALSE(told.heard.closed.empty());
}

TEST_CASE("native etcd: a watch is not broken off because a question was not allowed") {
  EtcdTold told(key_job(native::Watch{"k"}), start);
  told.queue({});
  told.skip_stream();  // the watch
  told.heard.told.reset();
  told.passes(4s);
  told.refused("7", "etcdserver: permission denied");
  CHECK(told.heard.closed.empty());
  CHECK_FALSE(told.heard.told);
  told.passes(2s);
  CHECK(told.heard.closed.empty());
}

TEST_CASE("native consul: a 404 that is none of Consul's") {
  ConsulTold get(key_job(native::Get{"k"}));
  get.answer_with("", 404, "not here");
  CHECK_FALSE(get.heard.told);
  CHECK_FALSE(get.heard.closed.empty());
  ConsulTold told;
  told.answer(200, R"({"ID":"s-1"})");
  told.answer(404, "");
  told.answer(200, "true");
  told.key("s-1");
  told.passes(3s);
  told.answer_with("", 404, "no such page");
  CHECK_FALSE(told.heard.lost);
  CHECK_FALSE(told.heard.closed.empty());
}

TEST_CASE("native consul: a list that is too long for one answer is told, and what to do") {
  ConsulTold told(key_job(native::List{""}));
  told.answer_with("Content-Length: 99000000\r\nX-Consul-Index: 9\r\n", 200, "");
  CHECK(told.heard.cannot() == Why::wrong);
  CHECK_FALSE(told.heard.closed.empty());
}

TEST_CASE("native consul: a session that has ended is a lost lock") {
  ConsulTold told;
  told.answer(200, R"({"ID":"s-1"})");
  told.answer(404, "");
  told.answer(200, "true");
  told.key("s-1");
  told.passes(3s);
  told.answer_with("", 404, "Session id 's-1' not found");
  CHECK(told.heard.lost);
}

TEST_CASE("native consul: too many connections are told as that, and what waits for nothing takes one") {
  ConsulTold told(key_job(native::Get{"k"}));
  CHECK(told.lines() == 1);
  CHECK(ConsulTold(key_job(native::Watch{"k"})).lines() == 2);
  CHECK(ConsulTold().lines() == 2);
  told.answer(404, "");
  told.answer_with("", 429, "Too many connections");
  CHECK(told.heard.closed.find("http_max_conns_per_client") != std::string::npos);
}

TEST_CASE("native consul: a release that is refused is tried again, unless it will never be taken") {
  const auto leaves = [](int status) {
    ConsulTold told;
    told.answer(200, R"({"ID":"s-1"})");
    told.job->let_go = true;
    told.answer(404, "");
    told.passes(1ms);
    REQUIRE(told.heard.asked.find("destroy/s-1") != std::string::npos);
    told.answer(status, status == 200 ? "true" : "rpc error");
    return told.heard;
  };
  CHECK(std::get<native::Unlocked>(*leaves(200).told).reached);
  CHECK_FALSE(std::get<native::Unlocked>(*leaves(403).told).reached);
  CHECK_FALSE(leaves(500).told);
  CHECK_FALSE(leaves(500).closed.empty());
}

TEST_CASE("native zookeeper: a node below one where none may be made is refused once") {
  ZooKeeperTold told(key_job(native::Put{"a/k", "v", {}}));
  told.answer(zookeeper::no_node);
  told.answer(no_auth);             // a
  told.answer(zookeeper::no_node);  // a/k
  CHECK(told.heard.cannot() == Why::unreachable);
  ZooKeeperTold locks;
  locks.answer(no_auth);
  locks.answer(zookeeper::no_node);
  CHECK(locks.heard.cannot() == Why::unreachable);
}

TEST_CASE("native zookeeper: a node that was made anew between two steps is not told as changed") {
  const auto put = [](std::int64_t created) {
    ZooKeeperTold told(key_job(native::Put{"k", "v", 4}));
    told.answer(0, stat_of(3, 4, 0));
    told.answer(0, stat_of(created, 9, 1));
    return told.heard;
  };
  CHECK(put(3).is<native::Done>());
  CHECK(put(8).cannot() == Why::unknown);
}

TEST_CASE("native zookeeper: a long answer is waited for as long as it comes") {
  ZooKeeperTold told(key_job(native::Get{"k"}));
  told.passes(1900ms);
  told.part(JuteWriter().number(1000).number(1).longer(9).out());
  told.passes(1900ms);
  CHECK(told.heard.closed.empty());
  told.passes(200ms);
  CHECK_FALSE(told.heard.closed.empty());
}

TEST_CASE("native redis: a list passes over what is no text") {
  RedisTold told(key_job(native::List{""}));
  told.say("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  told.say("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
  told.say(":7\r\n");
  REQUIRE(told.heard.is<native::Keys>());
  const auto& keys = std::get<native::Keys>(*told.heard.told).keys;
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].bytes == 0);
  CHECK(keys[1].bytes == 7);
}
