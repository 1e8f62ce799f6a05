// SPDX-License-Identifier: MIT
// The adapter of a log in Consul, answered call by call, without a server.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.hpp"
#include "engines/consul.hpp"

namespace coord::engines::consul_log {

inline const std::string log_name = "00000000000000aa";

inline std::string entry(int number) {
  return "p/" + log_name + "/entry/0000000000000000/" + marks::name_of(static_cast<std::uint64_t>(number));
}
inline std::string pair(const std::string& key, const std::string& value, int changed) {
  return R"({"LockIndex":0,"Key":")" + key + R"(","Flags":0,"Value":")" + base64(value) +
         R"(","CreateIndex":1,"ModifyIndex":)" + std::to_string(changed) + "}";
}

// A Consul that answers what the story says, call by call in their order.
class Told {
 public:
  explicit Told(const std::string& token = "", std::uint64_t connection = 1)
      : consul_({"p/", "", token, 1, {}, connection}, "host:1") {
    consul_.begin(now_);
    (void)take();
  }
  void answer(int status, const std::string& body, unsigned line = 0, int index = 1) {
    const std::string indexed = index < 0 ? "" : "\r\nX-Consul-Index: " + std::to_string(index);
    const std::string text = "HTTP/1.1 " + std::to_string(status) + " OK" + indexed +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    bytes(text, line);
  }
  // Byte for byte, as it may come.
  void bytes(const std::string& text, unsigned line = 0) {
    for (const char c : text) consul_.receive_on(now_, line, bytes_of(std::string_view(&c, 1)));
  }
  void head(int last, int changed, unsigned line = 0, const std::string& log = log_name, int epoch = 1) {
    answer(
        200,
        "[" + pair("p/head", log + " " + std::to_string(epoch) + " " + std::to_string(last), changed) + "]",
        line, changed);
  }
  struct Entry {
    int number = 0;
    std::string text;
    int changed = 9;
  };
  void entries(const std::vector<Entry>& all) {
    std::string results;
    for (const auto& [number, text, changed] : all)
      results += (results.empty() ? "" : ",") + (R"({"KV":)" + pair(entry(number), text, changed) + "}");
    answer(200, R"({"Results":[)" + results + R"(],"Errors":null})");
  }
  void done(int changed) {
    answer(200, R"({"Results":[{"KV":)" + pair("p/head", "", changed) + R"(}],"Errors":null})");
  }
  void not_done(const std::string& operations) {
    answer(409, R"({"Results":null,"Errors":[)" + operations + "]}");
  }
  static std::string stale(int operation) {
    return R"({"OpIndex":)" + std::to_string(operation) + R"(,"What":"index is stale"})";
  }
  void ask(const engine::Request& request) { consul_.ask(now_, request); }
  void append(const std::string& key, const std::string& text) {
    ask(engine::Append{1, key, marks::bytes_in(text)});
  }
  void passes(Duration time) {
    now_ += time;
    consul_.tick(now_);
  }
  // State 1 at place 1, and as many entries behind it as `last` says.
  void begins(int last, int changed = 9) {
    ask(engine::Load{1});
    head(last, changed);
    answer(200, "[" + pair("p/" + log_name + "/state", "1 w 1 1", 4) + "]");
    answer(200, "[" + pair("p/" + log_name + "/piece/0000000000000001/w/0000", "state", 4) + "]");
    head(last, changed);
    const auto said = take();
    REQUIRE(!said.empty());
    CHECK(std::get<engine::State>(said.front()).position == 1);
    head(last, changed, 1);  // to the query that waits, which is asked again then
    passes({});
  }
  void follows_two_entries() {
    begins(3);
    entries({{2, "first"}, {3, "second"}});
    (void)take();
  }
  std::vector<engine::Told> take() {
    std::vector<engine::Told> told;
    for (Adapter::Action& action : static_cast<Adapter&>(consul_).take()) {
      if (auto* end = std::get_if<Adapter::Close>(&action)) closed = end->why;
      if (auto* tell = std::get_if<Adapter::Tell>(&action)) told.push_back(std::move(tell->told));
      if (auto* out = std::get_if<Adapter::Write>(&action)) {
        asked = {out->bytes.begin(), out->bytes.end()};
        all_asked += asked;
      }
    }
    return told;
  }
  bool has_asked(const std::string& text) {
    (void)take();
    return asked.find(text) != std::string::npos;
  }
  std::string closed, asked, all_asked;  // `asked`: the last one

 private:
  Instant now_{std::chrono::seconds(1)};
  Consul consul_;
};

inline bool tells_a_gap(const std::vector<engine::Told>& told) {
  return std::ranges::any_of(told, [](const auto& each) {
    const auto* said = std::get_if<engine::Entry>(&each);
    return said != nullptr && said->after == 0;
  });
}
inline std::size_t entries_in(const std::vector<engine::Told>& told) {
  return static_cast<std::size_t>(std::ranges::count_if(
      told, [](const auto& each) { return std::holds_alternative<engine::Entry>(each); }));
}

}  // namespace coord::engines::consul_log
