// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "base/engine_url.hpp"

using namespace coord;

TEST_CASE("an engine's URL is one for all who write it differently") {
  const auto url = parse_engine_url("etcd://b:2380,a");
  REQUIRE(url);
  CHECK_FALSE(url->tls);
  CHECK(url->prefix == "coordutils/");
  CHECK(url->endpoints.front() == std::pair<std::string, std::uint16_t>("b", 2380));
  CHECK(url->text() == "etcd://a:2379,b:2380/coordutils/");
  CHECK(parse_engine_url("etcd://a:2379,b:2380/coordutils/")->text() == url->text());
  CHECK(parse_engine_url("etcds://[2001:db8::1]:5/team/x")->text() == "etcds://[2001:db8::1]:5/team/x/");
  CHECK(parse_engine_url("etcds://[2001:db8::1]")->tls);
  CHECK(parse_engine_url("zk://a")->text() == "zookeeper://a:2181/coordutils/");
  CHECK(parse_engine_url("zks://a")->text() == parse_engine_url("zookeepers://a:2281")->text());
}

TEST_CASE("an engine that may forget is used by those alone who say so") {
  CHECK(may_be_used(*parse_engine_url("etcd://a"), false));
  CHECK(may_be_used(*parse_engine_url("postgres://a/db"), false));
  const auto redis = parse_engine_url("redis://a");
  const Status refused = may_be_used(*redis, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::usage);
  CHECK(refused.error().text().find("--unsafe") != std::string::npos);
  CHECK(may_be_used(*redis, true));
  CHECK(redis->text() == "redis://a:6379/coordutils/");
}

TEST_CASE("what is no engine's URL is refused with what to write") {
  const auto refused = [](const char* text) {
    const auto url = parse_engine_url(text);
    REQUIRE_FALSE(url);
    CHECK(url.error().kind == ErrorKind::usage);
    return url.error().text();
  };
  for (const char* text : {"", "etcd", "http://h:1", "paxos://h", "etcd:/h"})
    CHECK(refused(text).find("known are etcd://") != std::string::npos);
  CHECK(refused("etcd://root:secret@h:1").find("--engine-password-file") != std::string::npos);
  CHECK(refused("etcd://root:secret@h:1").find("secret") == std::string::npos);
  CHECK(refused("paxos://root:secret@h:1").find("secret") == std::string::npos);
  for (const char* text : {"etcd://", "etcd://a,", "etcd://a:0", "etcd://a:65536", "etcd://a:1:2",
                           "etcd://[::1", "etcd://a b", "etcd://h/a b"})
    (void)refused(text);
}
