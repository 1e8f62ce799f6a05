// SPDX-License-Identifier: MIT
// The listeners of this host: who is told which casts, and how fast each takes them.
//
// Problem: a listener that is stopped, or whose command takes long, would make its peer keep everything for
// it, or wait. Algorithm: a listener says how many it has taken; no more than a window are on their way to
// it, a bounded number wait here, and what comes beyond these is dropped and counted. The count takes the
// place of what was dropped, so the listener learns where something is missing. All together have so much
// room, with what is on its way to them; a listener that has taken all it was sent gets the
// next one in any case.
//
// A listener that comes back is told again what came since it began, before all else. There may be much more
// of that than may wait, and the last of it is what it lacks: so of these the ids wait, and each is looked up
// when its turn comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "casts/messages.hpp"
#include "node/part.hpp"

namespace coord::casts {

class Listeners {
 public:
  static constexpr std::size_t window = 32, window_bytes = std::size_t{256} << 10U;
  static constexpr std::size_t most_waiting = 1024, most_bytes = std::size_t{4} << 20U;  // for one
  static constexpr std::size_t most_bytes_of_all = std::size_t{32} << 20U;
  static constexpr std::size_t most = 1024;
  static constexpr std::size_t most_again = 262'144;            // ids, of all
  using Key = std::pair<replica::ConnectionId, std::uint64_t>;  // and request
  using Missed = std::vector<std::pair<Missing, Instant>>;      // and before when it was made

  // `since`: what was cast before is not for it. `causal`: it is told what is told so. False:
  // there are too many.
  bool add(const Key& key, std::string name, Instant since, bool causal);
  void remove(replica::ConnectionId connection);
  // A cast that was made at `born`, with what is missing before it, of which each is told once; to those that
  // listen to its name.
  void tell(Instant born, const Came& what, const Missed& missed, bool causal, node::PartActions& out);
  struct Kept {
    Came came;
    Missed missed;
  };
  using LookUp = std::function<std::optional<Kept>(const CastId&)>;  // nothing: it is not kept any more
  // To one that comes back, in this order.
  void tell_again(const Key& key, std::vector<CastId> casts, const LookUp& look_up, node::PartActions& out);
  bool is_causal(const Key& key) const;
  // A nonsensical count is taken for all that is on its way.
  void took(const Key& key, std::size_t count, const LookUp& look_up, node::PartActions& out);
  bool empty() const { return listeners_.empty(); }
  std::size_t count() const { return listeners_.size(); }
  std::size_t bytes() const { return waiting_bytes_ + on_way_bytes_; }  // that were not taken
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Item {
    std::shared_ptr<const Bytes> bytes;  // null: `lost` instead
    std::uint64_t lost = 0;
  };
  struct Listener {
    std::string name;
    Instant since;
    bool causal = false;
    std::deque<CastId> again;
    std::uint64_t lost_again = 0;  // which it is to be told
    std::deque<Item> waiting;
    std::size_t waiting_bytes = 0, window_used = 0;
    std::deque<std::size_t> on_way;  // sizes
    bool is_late = false;            // which was reported
    std::set<CastId> gaps;           // that it was told of
  };
  Gap gap_for(Listener& listener, const Missed& missed) const;

  void put(const Key& key, Listener& listener, const std::shared_ptr<const Bytes>& bytes,
           node::PartActions& out);
  void go_on(const Key& key, Listener& listener, node::PartActions& out);
  bool go_on_again(const Key& key, Listener& listener, const LookUp& look_up, node::PartActions& out);
  void send(const Key& key, Listener& listener, const Bytes& bytes, node::PartActions& out);
  std::size_t all_bytes() const;

  std::map<Key, Listener> listeners_;
  std::size_t waiting_bytes_ = 0, on_way_bytes_ = 0;  // of all
  std::size_t again_ = 0;                             // ids of all
  std::uint64_t dropped_ = 0;
};

}  // namespace coord::casts
