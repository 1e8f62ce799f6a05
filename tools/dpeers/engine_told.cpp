// SPDX-License-Identifier: MIT
#include "dpeers/engine_told.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace coord::dpeers {

namespace {

// What stands before the next space, which goes with it.
std::string_view next_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

}  // namespace

// "leader: ADDRESS" and "endpoint: ADDRESS STATE[ SECONDS WHY]", as daemon_engine.cpp says them.
EngineTold told_of_engine(const std::string& name, const local::Peers& answer) {
  constexpr std::string_view leader = "leader: ", endpoint = "endpoint: ";
  EngineTold told;
  for (const auto& [peer, text] : answer.troubles) {
    if (peer != name) continue;
    if (text.starts_with(leader)) told.leader = text.substr(leader.size());
    if (!text.starts_with(endpoint)) continue;
    std::string_view rest = std::string_view(text).substr(endpoint.size());
    EngineEndpoint one;
    one.address = next_word(rest);
    one.state = next_word(rest);
    const std::string_view age = next_word(rest);
    std::uint32_t seconds = 0;
    (void)std::from_chars(age.data(), age.data() + age.size(), seconds);
    one.age = std::chrono::seconds(seconds);
    one.trouble = rest;
    if (!one.state.empty()) told.endpoints.push_back(std::move(one));
  }
  return told;
}

}  // namespace coord::dpeers
