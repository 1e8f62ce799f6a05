// SPDX-License-Identifier: MIT
// The orders that this peer has passed on to who leads, and whose answer it waits for. Bounded: who has asked
// says it again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::replica {

class PassedOrders {
 public:
  // Who has asked, and under which number: of this host's own operator that is the ticket.
  struct Asker {
    NodeId node;  // 0: this peer
    std::uint64_t number = 0;
  };

  // False: there are too many.
  bool add(Instant now, std::uint64_t id, Asker asker) {
    std::erase_if(waiting_, [now](const auto& one) { return now >= one.second.began + forgotten_after; });
    if (waiting_.size() >= most) return false;
    waiting_[id] = {asker, now};
    return true;
  }
  // Nothing: nobody waits for that answer, or no longer.
  std::optional<Asker> take(std::uint64_t id) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return std::nullopt;
    const Asker asker = found->second.asker;
    waiting_.erase(found);
    return asker;
  }

 private:
  static constexpr Duration forgotten_after = std::chrono::seconds(10);
  static constexpr std::size_t most = 256;

  struct Waiting {
    Asker asker;
    Instant began;
  };
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace coord::replica
