// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "engines/http1.hpp"

using namespace coord;
using namespace coord::engines;

namespace {

// The same whole, and byte for byte.
std::vector<http1::Answer> read(const std::string& text, bool bytewise, bool& failed) {
  http1::Reader reader;
  std::vector<http1::Answer> all;
  const auto take = [&] {
    while (auto answer = reader.next()) all.push_back(std::move(*answer));
  };
  if (!bytewise) reader.add(bytes_of(text));
  for (std::size_t i = 0; bytewise && i < text.size(); ++i) {
    reader.add(bytes_of(std::string_view(text).substr(i, 1)));
    take();
  }
  take();
  failed = reader.failed();
  return all;
}

}  // namespace

TEST_CASE("http1: answers with a length, in chunks, without a body, and behind a word to go on") {
  const std::string text =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Index:  7 \r\n\r\nhello"
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;of=it\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
      "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  for (const bool bytewise : {false, true}) {
    bool failed = true;
    const auto all = read(text, bytewise, failed);
    CHECK_FALSE(failed);
    REQUIRE(all.size() == 4);
    CHECK(all[0].body == "hello");
    CHECK(all[0].header("x-index") == "7");
    CHECK(all[0].header("none").empty());
    CHECK(all[1].body == "abc0123456789");
    CHECK(all[2].status == 204);
    CHECK(all[3].status == 404);
  }
}

TEST_CASE("http1: what is none, or has no bound, is refused") {
  for (const std::string& text :
       {std::string("HTTP/1.0 200 OK\r\n\r\n"), std::string("+PONG\r\n"),
        std::string("HTTP/1.1 200 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
        std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'x')}) {
    for (const bool bytewise : {false, true}) {
      bool failed = false;
      CHECK(read(text, bytewise, failed).empty());
      CHECK(failed);
    }
  }
}

TEST_CASE("http1: a request as it goes") {
  const Bytes bytes = http1::request("PUT", "/v1/txn", "host:1", {{"X-Token", "t"}}, "[]");
  CHECK(std::string(bytes.begin(), bytes.end()) ==
        "PUT /v1/txn HTTP/1.1\r\nHost: host:1\r\nX-Token: t\r\nContent-Length: 2\r\n\r\n[]");
}
