// SPDX-License-Identifier: MIT
#include "daemon/reach.hpp"

#include <algorithm>
#include <iterator>

#include "base/format.hpp"

namespace coord::daemon {

namespace {

// Two challenges and more have gone without an answer by then.
constexpr Duration datagram_patience = std::chrono::seconds(10);
constexpr const char* without_datagrams = "0.1.0";  // the release that has none

bool within(const std::optional<Instant>& then, Instant now) {
  return then && now - *then <= datagram_patience;
}

std::string datagram_trouble(const net::PeerStatus& status, Instant now, const std::string& software) {
  if (!status.uses_datagrams) return "";
  const net::LinkStatus& link = status.link;
  if (!link.up || now - link.since <= datagram_patience || within(status.datagrams.answered, now)) return "";
  if (link.software == without_datagrams && software != without_datagrams) return "";
  return within(status.datagrams.heard, now) ? "it reaches us, we do not reach it" : "none heard";
}

}  // namespace

std::string state_of(const net::PeerStatus& status) {
  if (status.link.answers && (status.incoming || !status.keeps_link)) return "alive";
  return status.link.answers || status.incoming ? "suspect" : "dead";
}

bool lives_since(const net::PeerStatus& status, Instant asked) {
  const std::optional<Instant>& heard = status.datagrams.heard;
  if (heard && *heard >= asked) return true;
  return (status.link.answers || status.incoming) && !within(heard, asked);
}

std::string worse_state(const std::string& one, const std::string& other) {
  static constexpr const char* order[] = {"alive", "suspect", "dead", "left"};
  const auto rank = [](const std::string& state) {
    return std::find(std::begin(order), std::end(order), state) - std::begin(order);
  };
  return rank(one) < rank(other) ? other : one;
}

void add_troubles(const net::PeerStatus& status, Instant now, const std::string& software,
                  Troubles& troubles) {
  if (const std::string what = datagram_trouble(status, now, software); !what.empty())
    troubles.emplace_back(status.name, fmt::format("datagrams: {}", what));
  if (status.link.answers && !status.incoming && status.keeps_link)
    troubles.emplace_back(status.name, "we reach it, it does not reach us");
  if (!status.link.answers && !status.link.last_error.empty())
    troubles.emplace_back(status.name, status.link.last_error.substr(0, 1024));
}

}  // namespace coord::daemon
