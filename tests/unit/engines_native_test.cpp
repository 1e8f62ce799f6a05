// SPDX-License-Identifier: MIT
// An engine's own locks, as the adapters take and renew them: answered call by call, without a server. What
// counts of a renewal, and who is first.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>

#include "base/base64.hpp"
#include "base/rule.hpp"
#include "native_told.hpp"

using namespace coord;
using namespace coord::engines;
using namespace std::chrono_literals;

namespace {

bool etcd_first_has_it() {
  EtcdTold told;
  told.lease(0xab);
  told.placed(20);
  told.queue({"x/1", "x/ab"});
  return !told.heard.counted && told.heard.queued;
}

bool etcd_counts_from_asking() {
  EtcdTold told;
  told.now += 1s;  // on its way
  told.lease(0xab);
  told.now += 500ms;
  told.placed(20);
  told.queue({"x/ab"});
  return told.heard.counted == start;
}

// A move that was given up and comes late finds another change than it asks for.
bool etcd_late_move_is_refused() {
  EtcdTold told;
  told.lease(0xab);
  told.placed(20);
  told.queue({"x/ab"});
  told.skip_stream();
  told.passes(ttl / 4);
  told.lease(0xcd);
  const bool first = told.asks_for_change(20);
  told.placed(30);
  told.revoked();
  told.passes(ttl / 4);
  told.heard.asked.clear();
  told.lease(0xef);
  return first && told.asks_for_change(30);
}

// ---- Consul

bool consul_waits_for_the_holder() {
  ConsulTold told;
  told.answer(200, R"({"ID":"s-1"})");
  told.key("another");
  return told.heard.queued && told.heard.asked.find("acquire=") == std::string::npos;
}

bool consul_counts_from_sending() {
  ConsulTold told;
  told.answer(200, R"({"ID":"s-1"})");
  told.answer(404, "");
  told.answer(200, "true");
  told.key("s-1");
  told.passes(3s);
  told.now += 1s;
  told.answer(200, "[]");
  return told.heard.counted == start + 3s;
}

// ---- ZooKeeper

bool zookeeper_least_number_has_it() {
  ZooKeeperTold told;
  told.made();
  told.children({"_c_guid-lock-0000000003", "_c_zz-lock-0000000002"});
  return !told.heard.counted && told.heard.queued;
}

// A write proves what was sent a quarter of the TTL before it, and no more.
bool zookeeper_counts_from_before() {
  ZooKeeperTold told;
  told.made();
  told.children({"_c_guid-lock-0000000003"});
  for (int i = 1; i <= 4; ++i) {
    told.passes(ttl / 8);  // a write
    told.answer(0, Bytes(80, 0));
  }
  const Duration quarter = ttl / 4;
  return told.heard.counted && *told.heard.counted <= told.now - quarter;
}

}  // namespace

TEST_CASE("native etcd: a renewal moves the key to a new lease, and counts from when that was asked for") {
  EtcdTold told;
  told.lease(0xab);
  CHECK(told.heard.asked.find("x/ab") != std::string::npos);
  told.placed(20);
  told.queue({"x/ab"});
  REQUIRE(told.heard.counted == start);
  told.skip_stream();  // the watch
  told.passes(ttl / 4);
  const Instant asked = told.now;
  told.now += 1s;
  told.lease(0xcd);
  told.now += 1s;
  told.placed(30);
  CHECK(told.heard.counted == asked);
  CHECK(told.job->place == "x/ab");
  CHECK(told.job->session == 0xcd);
}

TEST_CASE("native etcd: a key that is gone is a lost lock") {
  EtcdTold told;
  told.lease(0xab);
  told.placed(20);
  told.queue({"x/ab"});
  told.skip_stream();
  told.passes(ttl / 4);
  told.lease(0xcd);
  told.placed(30, false);
  CHECK_FALSE(told.heard.lost);
  told.queue({});
  CHECK(told.heard.lost);
}

TEST_CASE("native etcd: a key that was made anew by somebody is a lost lock") {
  EtcdTold told;
  told.lease(0xab);
  told.placed(20);
  told.queue({"x/ab"});
  told.skip_stream();
  told.passes(ttl / 4);
  told.lease(0xcd);
  told.placed(30, false);
  told.key(29, 29);
  CHECK(told.heard.lost);
}

TEST_CASE("native etcd: a move that was not answered is found, and the key is moved once more") {
  EtcdTold before;
  before.lease(0xab);
  before.placed(20);
  before.queue({"x/ab"});
  before.skip_stream();
  before.passes(ttl / 4);
  before.lease(0xcd);  // and its move is carried out at revision 30, without a word
  EtcdTold told(before.job, before.now + 1s);
  const Instant asked = told.now;
  told.lease(0xef);
  told.placed(31, false);
  CHECK_FALSE(told.heard.lost);
  CHECK_FALSE(told.heard.counted);
  told.heard.asked.clear();
  told.now += 100ms;
  told.key(20, 30);
  CHECK(told.asks_for_change(30));
  told.placed(32);
  CHECK(told.heard.counted == asked);
}

TEST_CASE("native etcd: a first move that was not answered counts from when it is moved once more") {
  EtcdTold before;
  before.lease(0xab);  // its key is made at revision 20, without a word
  EtcdTold told(before.job, before.now + 1s);
  told.lease(0xcd);
  told.placed(21, false);
  told.key(20, 20);
  CHECK_FALSE(told.heard.counted);
  told.placed(22);
  told.queue({"x/ab"});
  CHECK(told.heard.counted == start + 1s);
}

TEST_CASE("native etcd: a lock that is held is watched on another connection, too") {
  EtcdTold before;
  before.lease(0xab);
  before.placed(20);
  before.queue({"x/ab"});
  EtcdTold told(before.job, before.now + 1s);
  told.lease(0xcd);
  told.placed(30);
  told.skip_stream();  // the lease before is revoked
  told.heard.asked.clear();
  told.queue({"x/ab"});
  CHECK(told.heard.asked.find("x0") != std::string::npos);  // the end of what is watched
  EtcdTold gone(before.job, before.now + 2s);
  gone.lease(0xef);
  gone.placed(40);
  gone.skip_stream();
  gone.queue({"x/1"});
  CHECK(gone.heard.lost);
}

TEST_CASE("native etcd: who does not wait is told that it is busy") {
  EtcdTold told(false);
  told.lease(0xab);
  told.placed(20);
  told.queue({"x/1", "x/ab"});
  CHECK(told.heard.busy);
}

TEST_CASE("native consul: a key that another session has, or that is no lock") {
  ConsulTold told;
  told.answer(200, R"({"ID":"s-1"})");
  told.answer(404, "");
  CHECK(told.heard.asked.find("?acquire=s-1&flags=3304740253564472344") != std::string::npos);
  told.answer(200, "true");
  CHECK(told.heard.counted == start);
  told.key("s-1");
  CHECK(told.heard.asked.find("index=9") != std::string::npos);
  told.key("another");
  told.answer(200, "[]", 1);
  CHECK_FALSE(told.heard.closed.empty());
  ConsulTold gone;
  gone.answer(200, R"({"ID":"s-1"})");
  gone.answer(404, "");
  gone.answer(200, "true");
  gone.key("another");
  CHECK(gone.heard.lost);
}

TEST_CASE(
    "native zookeeper: a session of before is believed once a write was acknowledged on its connection") {
  auto job = lock_job();
  ZooKeeperTold told;
  told.made();
  told.children({"_c_guid-lock-0000000003"});
  REQUIRE(told.heard.counted == start);
  NativeZooKeeper again(Access{"p/", "", "", 1, "other"}, "host:2", told.job);
  Heard heard;
  const Instant reconnected = start + 2s;
  again.begin(reconnected);
  again.receive(
      reconnected,
      JuteWriter()
          .buffer(JuteWriter().number(0).number(12000).longer(7).buffer(Bytes(16, 1)).flag(false).out())
          .out());
  heard.take(again);
  CHECK(told.job->counted == start);
  again.receive(
      reconnected + 10ms,
      JuteWriter().buffer(JuteWriter().number(1).longer(9).number(0).append(Bytes(80, 0)).out()).out());
  heard.take(again);
  CHECK(heard.counted == reconnected);
}

TEST_CASE("native zookeeper: a shorter session than was asked for is refused, an ended one is a lost lock") {
  ZooKeeperTold told;
  told.made();
  told.children({"_c_guid-lock-0000000003"});
  NativeZooKeeper again(Access{"p/", "", "", 1, "other"}, "host:2", told.job);
  again.begin(start + 2s);
  again.receive(start + 2s,
                JuteWriter()
                    .buffer(JuteWriter().number(0).number(0).longer(0).buffer(Bytes(16, 0)).flag(false).out())
                    .out());
  Heard heard;
  heard.take(again);
  CHECK(heard.lost);
}

TEST_CASE("native: rules") {
  CHECK(etcd_first_has_it());
  CHECK(etcd_counts_from_asking());
  CHECK(etcd_late_move_is_refused());
  CHECK(consul_waits_for_the_holder());
  CHECK(consul_counts_from_sending());
  CHECK(zookeeper_least_number_has_it());
  CHECK(zookeeper_counts_from_before());
  const auto without = [](const char* rule, const auto& story) {
    mutants::removed = rule;
    const bool holds = story();
    mutants::removed.clear();
    return holds;
  };
  CHECK_FALSE(without("native_first_has_it", etcd_first_has_it));
  CHECK_FALSE(without("native_lease_counts_from_asking", etcd_counts_from_asking));
  CHECK_FALSE(without("native_late_move_is_refused", etcd_late_move_is_refused));
  CHECK_FALSE(without("native_held_is_waited_for", consul_waits_for_the_holder));
  CHECK_FALSE(without("native_session_counts_from_sending", consul_counts_from_sending));
  CHECK_FALSE(without("native_least_number_has_it", zookeeper_least_number_has_it));
  CHECK_FALSE(without("native_session_counts_from_before", zookeeper_counts_from_before));
}
