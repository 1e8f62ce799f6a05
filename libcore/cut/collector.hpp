// SPDX-License-Identifier: MIT
// Asks all processes of a view for their records of one snapshot, and puts these together.
//
// Everybody is asked at once, not only an initiator: whoever hears of the snapshot first, from here or by a
// marker, records; Chandy and Lamport's algorithm allows any number to begin the same snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cut/member.hpp"

namespace coord::cut {

class Collector {
 public:
  // `self`: a life of its own, that no other visitor has.
  Collector(Instant now, Life self, std::string snapshot, std::string group, View view, WallTime at,
            Duration patience, channel::Limits limits = {});

  // ---- told
  void packet(Instant now, Life from, ByteView bytes);
  void view(const View& now);
  void reconnected();
  void tick(Instant now);

  std::vector<Packet> packets(Instant now);
  std::optional<Instant> deadline() const;

  // All have answered, the view is another one, or its time is over.
  bool over() const { return over_; }
  bool view_changed() const { return view_changed_; }

  struct Collected {
    record::Snapshot snapshot;
    std::map<std::string, std::uint64_t> returned;  // by sender: messages to who has ended
    std::uint64_t outside = 0;                      // lines that are not read yet
  };
  // Who has not answered is missing.
  Collected collected() const;

 private:
  struct Asked {
    std::string id;
    channel::Channel channel;
    std::string text;
    std::optional<Answer> answer;
    bool has_ended = false;  // it came back, or its record was left off: nobody is to wait for its marker
  };
  void hear(Asked& asked);
  void tell_ended(Life who);

  std::string snapshot_, group_;
  View view_;
  WallTime at_;
  Instant until_, close_at_;
  std::map<Life, Asked> asked_;
  bool closing_ = false, over_ = false, view_changed_ = false;
};

// Whether the work of a group is done, as one snapshot of it says.
struct Drained {
  enum class State : std::uint8_t {
    done,     // nothing is on its way, all are idle: so it stays
    goes_on,  //
    never,    // a message was for a process that has ended: nobody will read it
  } state = State::goes_on;
  std::string why;  // not done: what is on its way, who is at work
};
Drained drained(const Collector::Collected& collected, const std::function<bool(std::string_view)>& idle);

}  // namespace coord::cut
