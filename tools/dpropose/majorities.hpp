// SPDX-License-Identifier: MIT
// Whose answers a site has so far, this host itself included: each kind of answer is asked for of so many, in
// each ballot, round or view anew.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "service/decisions/commands.hpp"

namespace coord::dpropose {

class Majorities {
 public:
  Majorities(std::size_t sites, std::string self, service::Agreement algorithm)
      : enough_(algorithm == service::Agreement::pbft ? 2 * ((sites - 1) / 3) + 1 : sites / 2 + 1),
        algorithm_(algorithm),
        self_(std::move(self)) {}

  // With this answer there are enough: the hosts, in words; else empty. `text`: of the message.
  std::string after(const std::string& text, const std::string& peer) {
    const std::string kind = kind_of(text);
    if (kind.empty()) return "";
    std::vector<std::string>& hosts = answered_[kind];
    if (hosts.empty()) hosts.push_back(self_);
    if (std::ranges::find(hosts, peer) != hosts.end()) return "";
    hosts.push_back(peer);
    if (hosts.size() != enough_) return "";
    std::string all;
    for (const std::string& host : hosts) all += (all.empty() ? "" : ", ") + host;
    return (algorithm_ == service::Agreement::pbft ? "  (2f+1: " : "  (a majority: ") + all + ")";
  }

 private:
  // Which answers count together; empty: it is none. By pbft the primary's pre-prepare is its prepare.
  std::string kind_of(const std::string& text) const {
    const std::string word = text.substr(0, text.find(' '));
    const std::string rest = text.substr(std::min(text.size(), word.size()));
    if (algorithm_ == service::Agreement::pbft) {
      const std::size_t at = text.find(" at ");
      if (word == "pre-prepare" && at != std::string::npos) return "prepare " + text.substr(at + 4);
      return word == "prepare" || (word == "commit" && rest.starts_with(" ")) ? text : "";
    }
    if (algorithm_ == service::Agreement::ben_or) {
      const std::size_t in = text.rfind(" in ");
      const bool counts = (word == "report" || word == "propose") && in != std::string::npos;
      return counts ? word + text.substr(in) : "";
    }
    const bool counts = word == "promise" || word == "accepted" || word == "acknowledge";
    return counts ? text.substr(0, text.find(',')) : "";
  }

  std::size_t enough_;
  service::Agreement algorithm_;
  std::string self_;
  std::map<std::string, std::vector<std::string>> answered_;  // by kind and ballot
};

}  // namespace coord::dpropose
