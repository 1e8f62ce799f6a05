// SPDX-License-Identifier: MIT
// The queue of virtual time: what happens next is what has the smallest (time, sequence). Two events of one
// instant happen in the order in which they were scheduled, so a run depends on nothing but its seed. The
// heap holds 24-byte keys only; events wait in slots that are used again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/time.hpp"

namespace coord::sim {

template <class Event>
class Schedule {
 public:
  void push(Instant time, Event event) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back(std::move(event));
    } else {
      slot = free_.back();
      free_.pop_back();
      slots_[slot] = std::move(event);
    }
    heap_.push_back({time, next_sequence_++, slot});
    rise(heap_.size() - 1);
  }

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  Instant next_time() const { return heap_.front().time; }  // not when empty

  // The next event; its time is next_time().
  Event pop() {
    COORD_CHECK(!heap_.empty());
    const std::uint32_t slot = heap_.front().slot;
    const Key last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    free_.push_back(slot);
    return std::move(slots_[slot]);
  }

 private:
  struct Key {
    Instant time;
    std::uint64_t sequence;
    std::uint32_t slot;
  };
  static constexpr std::size_t arity = 4;

  static bool before(const Key& a, const Key& b) {
    return a.time != b.time ? a.time < b.time : a.sequence < b.sequence;
  }

  void rise(std::size_t at) {
    const Key key = heap_[at];
    while (at > 0) {
      const std::size_t parent = (at - 1) / arity;
      if (!before(key, heap_[parent])) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = key;
  }

  // Puts `key` where the root was taken from.
  void sink(const Key& key) {
    std::size_t at = 0;
    while (true) {
      const std::size_t first = at * arity + 1;
      if (first >= heap_.size()) break;
      std::size_t least = first;
      const std::size_t end = std::min(first + arity, heap_.size());
      for (std::size_t child = first + 1; child < end; ++child) {
        if (before(heap_[child], heap_[least])) least = child;
      }
      if (!before(heap_[least], key)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = key;
  }

  std::vector<Key> heap_;
  std::deque<Event> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace coord::sim
