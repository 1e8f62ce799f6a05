// SPDX-License-Identifier: MIT
// HTTP/2 as a client of etcd's needs it, against what a server, and a wrong one, may send.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "engines/etcd_calls.hpp"
#include "engines/http2.hpp"
#include "http2_frames.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

Bytes hex(std::string_view text) {
  Bytes bytes;
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) * 16 + digit(text[i + 1])));
  return bytes;
}

}  // namespace

TEST_CASE("HTTP/2: a call, its answer in two blocks of headers, and its end") {
  Http2 http;
  const auto stream = http.open({{":method", "POST"}});
  http.send(stream, Bytes{1, 2, 3}, true);
  const Bytes sent = http.take_output();
  CHECK(std::string(sent.begin(), sent.begin() + 14) == "PRI * HTTP/2.0");
  auto events = http.receive(frame(4, 0, 0, {}));
  CHECK(http.take_output() == frame(4, 1, 0, {}));  // settings are acknowledged
  events = http.receive(frame(1, 4, stream, hex("88")));
  CHECK(events.empty());
  const Bytes body = frame(0, 0, stream, {7, 8});
  CHECK(http.receive(ByteView(body).first(5)).empty());
  events = http.receive(ByteView(body).subspan(5));
  REQUIRE(events.size() == 1);
  CHECK(std::get<Http2::Body>(events.front()).bytes == Bytes{7, 8});
  events = http.receive(frame(1, 5, stream, hex("000b677270632d7374617475730130")));  // grpc-status: 0
  REQUIRE(events.size() == 1);
  CHECK(std::get<Http2::Ended>(events.front()).headers.back().second == "0");
  CHECK_FALSE(http.failed());
}

TEST_CASE("HTTP/2: what stays open can be ended by either end") {
  Http2 http;
  const auto watch = http.open({{":method", "POST"}});
  const auto other = http.open({{":method", "POST"}});
  http.send(watch, Bytes{1}, false);
  (void)http.take_output();
  (void)http.receive(frame(4, 0, 0, {}));
  auto events = http.receive(frame(1, 5, watch, hex("88")));  // ended by the server, while ours goes on
  REQUIRE(events.size() == 1);
  CHECK_FALSE(std::get<Http2::Ended>(events.front()).reset);
  http.send(watch, Bytes{2}, true);
  events = http.receive(frame(3, 0, other, {0, 0, 0, 8}));
  REQUIRE(events.size() == 1);
  CHECK(std::get<Http2::Ended>(events.front()).reset);
  const auto last = http.open({{":method", "POST"}});
  http.reset(last);
  CHECK(http.receive(frame(0, 0, last, {1})).empty());
  http.ping();
  CHECK(http.has_output());
  (void)http.receive(frame(6, 1, 0, Bytes(8, 0)));
  CHECK(http.pongs() == 1);
  (void)http.receive(frame(7, 0, 0, Bytes(8, 0)));
  CHECK(http.is_going());
  CHECK_FALSE(http.failed());
}

TEST_CASE("HTTP/2: no more is sent than the other end has room for") {
  Http2 http;
  const auto stream = http.open({});
  (void)http.take_output();
  http.send(stream, Bytes(100'000, 5), true);
  const std::size_t first = http.take_output().size();
  CHECK(first < 65535 + 100);
  (void)http.receive(frame(4, 0, 0, {}));
  (void)http.receive(frame(8, 0, 0, {0, 1, 0, 0}));
  (void)http.receive(frame(8, 0, stream, {0, 1, 0, 0}));
  CHECK(first + http.take_output().size() > 100'000);
}

TEST_CASE("HTTP/2: a server that is wrong, or none, ends the connection and nothing else") {
  Http2 none;
  (void)none.receive(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
  CHECK(none.failed());
  Random random(3);
  for (int run = 0; run < 300; ++run) {
    Http2 http;
    (void)http.open({});
    for (int i = 0; i < 20 && !http.failed(); ++i) {
      Bytes payload(random.below(40), 0);
      for (auto& byte : payload) byte = static_cast<std::uint8_t>(random.below(256));
      (void)http.receive(frame(static_cast<std::uint8_t>(random.below(11)),
                               static_cast<std::uint8_t>(random.below(64)),
                               static_cast<std::uint32_t>(random.below(4)), payload));
    }
  }
}

TEST_CASE("etcd's messages: what was measured on the wire") {
  using namespace coord::engines::etcd;
  CHECK(range({"a", "b", 0, 0, 9, Range::Order::by_change}).out() == hex("0a016112016228013003"
                                                                         "5009"));
  Transaction change;
  change.if_absent("k").then_put("k", Bytes{1});
  CHECK(change.out() == hex("0a0710011a016b2800"
                            "120812060a016b120101"));
  const auto answer =
      read_range(hex("0a021807"
                     "12070a016118053005"
                     "18012001"));
  REQUIRE(answer);
  CHECK(answer->revision == 7);
  CHECK(answer->more);
  REQUIRE(answer->pairs.size() == 1);
  CHECK(answer->pairs.front().key == "a");
  CHECK(answer->pairs.front().changed == 5);
  CHECK_FALSE(read_range(hex("0aff")));
  CHECK(after_prefix("log/") == "log0");
}
