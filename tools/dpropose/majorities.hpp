// SPDX-License-Identifier: MIT
// Who has answered the proposer so far, this host itself included: each kind of answer is asked for of a
// majority, in each ballot anew.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coord::dpropose {

class Majorities {
 public:
  Majorities(std::size_t sites, std::string self) : majority_(sites / 2 + 1), self_(std::move(self)) {}

  // With this answer there is one: its hosts, in words; else empty. `text`: the kind, the ballot, and behind
  // a comma what else it says.
  std::string after(const std::string& text, const std::string& peer) {
    const std::string kind = text.substr(0, text.find(' '));
    if (kind != "promise" && kind != "accepted" && kind != "acknowledge") return "";
    std::vector<std::string>& hosts = answered_[text.substr(0, text.find(','))];
    if (hosts.empty()) hosts.push_back(self_);
    if (std::ranges::find(hosts, peer) != hosts.end()) return "";
    hosts.push_back(peer);
    if (hosts.size() != majority_) return "";
    std::string all;
    for (const std::string& host : hosts) all += (all.empty() ? "" : ", ") + host;
    return "  (a majority: " + all + ")";
  }

 private:
  std::size_t majority_;
  std::string self_;
  std::map<std::string, std::vector<std::string>> answered_;  // by kind and ballot
};

}  // namespace coord::dpropose
