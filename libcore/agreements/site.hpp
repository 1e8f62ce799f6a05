// SPDX-License-Identifier: MIT
// One decision at this host: the algorithm's instance there, what it has stored, and the tools that wait.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agreements/group_log.hpp"
#include "agreements/messages.hpp"
#include "agreements/signing.hpp"
#include "classical/registry.hpp"
#include "replica/leases.hpp"

namespace coord::agreements {

struct Tool {
  replica::ConnectionId connection;
  std::uint64_t request = 0;
};
// One decision at this site.
struct Site {
  Known known;
  const classical::Algorithm* algorithm = nullptr;
  std::unique_ptr<SiteNotary> notary{};       // where sites may lie; null elsewhere
  std::unique_ptr<classical::Instance> core;  // null: it had decided when it was made, and proves nothing
  std::map<std::string, Bytes> records;       // none any more once it has decided
  std::deque<classical::Action> held;         // behind what is being written
  std::size_t writing = 0;                    // saves that are not over
  bool broken = false;
  // By time, until it has decided, and as long as a tool waits for that. Else others' messages drive it: no
  // site elects, beats and writes for a proposer that is gone.
  bool is_driven() const { return (!waiting.empty() || driven_until) && writing == 0 && !broken && !decided; }
  std::optional<Instant> asks_at{};       // others, whether it is decided, while a tool waits
  std::optional<Instant> driven_until{};  // others' proposers ask, and their sites may not serve them
  // A value may be chosen that it has accepted.
  bool begun() const { return !records.empty() || decided || wished || depth > 0 || broken; }
  std::optional<Instant> wished;
  std::uint32_t depth = 0, depth_at_wish = 0;
  std::map<std::string, std::uint64_t> messages;
  std::vector<Step> steps;
  std::optional<Decided> decided;
  std::vector<Tool> waiting;
};

// A decision of this site's proposal, for a while after that.
struct Traced {
  Instant until;
  std::vector<Step> steps;
  std::set<NodeId> acknowledged;
  std::optional<Tool> tool;  // asks for them
};

}  // namespace coord::agreements
