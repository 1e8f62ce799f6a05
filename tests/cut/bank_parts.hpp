// SPDX-License-Identifier: MIT
// What a bank is made of (bank.hpp): programs that pay each other, the real Member around each of them, a
// network that loses, doubles and delays, and snapshots that are taken meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bank.hpp"
#include "base/random.hpp"
#include "cut/collector.hpp"
#include "cut/member.hpp"

namespace coord::test {

using channel::Life;
using cut::View;

struct Violation {
  std::string what;
};

inline constexpr std::int64_t at_first = 1000;  // has each process
inline constexpr Life first_visitor = 1'000'000;

// A number in a text, behind `field=`; 0: it is not there.
std::int64_t number_in(const std::string& text, const std::string& field);

// A program of a user: it reads lines, writes lines, and knows nothing of the rest.
struct Command {
  std::deque<cut::Input> in;  // its pipes
  struct Out {
    std::string to, body;  // `to` empty: the answer to this snapshot
    std::string snapshot;
  };
  std::deque<Out> out;
  std::int64_t balance = at_first;
  std::uint64_t budget = 0;  // payments that it will make by itself
  std::uint64_t read = 0, written = 0;
  std::map<std::string, std::uint64_t> last_from, last_to;  // numbers, by life
  bool answers = true, ended = false;

  std::string state() const;
};

// Messages that no command reads, and the money in them.
struct Unread {
  std::uint64_t messages = 0;
  std::int64_t money = 0;
  void add(const std::string& body) {
    ++messages;
    money += number_in(body, "pay");
  }
};

// A file, as far as a channel knows.
class SpillInMemory final : public channel::Spill {
 public:
  std::optional<std::uint64_t> put(ByteView bytes) override;
  std::optional<Bytes> get(std::uint64_t at, std::size_t size) override;
  void forget(std::uint64_t at, std::size_t size) override;
  bool empty() const { return kept_.empty(); }

 private:
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, Bytes> kept_;
};

struct Process {
  record::Member member;
  SpillInMemory spill;  // outlives the core
  std::unique_ptr<cut::Member> core;
  std::deque<cut::Input> buffer;  // the core has handed over, and the command has not got yet
  Command command;
  bool alive = true;
  Unread rejected;  // its lines to who is not there any more
  Unread returned;  // its lines that came back
  Unread gone;      // lines for it that went with its command
};

struct Taking {
  std::unique_ptr<cut::Collector> collector;
  bool waits = false;
};

class Bank {
 public:
  Bank(std::uint64_t seed, Tally& tally);
  void run();

 private:
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }

  // ---- who there is
  void join(const std::string& id);
  void announce();
  Process* some();
  void calm();
  void leave(Process& process);
  void die();

  // ---- the network
  struct Flying {
    Life from = 0, to = 0;
    Bytes bytes;
  };
  void send(Life from, std::vector<cut::Packet> packets);
  void carry();
  void notes(Process& process);
  void carrier_breaks();

  // ---- what happens next
  void step();
  void rare();
  void write_to(Process& process);
  void read_from(Process& process);
  void command_acts(Process& process);
  void reads(Process& process, const cut::InputMessage& message);
  void pays(Process& process);
  void hear_of_view(Process& process);
  void command_ends();

  // ---- snapshots, and what must hold
  void take(bool waits);
  void judge();
  void judge(const cut::Collector::Collected& collected, bool waits);
  void states_agree(const record::Snapshot& snapshot) const;
  void all_must_be_idle(const record::Snapshot& snapshot) const;
  bool settled() const { return unsettled().empty(); }
  std::string unsettled() const;
  void nothing_is_lost() const;
  void spills_are_empty() const;
  void final_snapshots();

  Random random_;
  Tally& tally_;
  channel::Limits limits_;
  Instant now_{};
  bool quiet_ = false, deaths_ = false, changes_ = false, ends_ = false, died_ = false;
  std::uint64_t loss_ = 0;
  std::uint64_t accepted_ = 0;
  Life lives_ = 0;
  std::uint64_t views_ = 0, visitors_ = 0;
  View view_;
  std::map<Life, std::unique_ptr<Process>> processes_;
  std::map<Life, View> pending_views_;
  std::multimap<Instant, Flying> flying_;
  std::map<Life, Taking> takings_;

  std::int64_t taken_along_ = 0;                 // by those who have left
  std::map<std::uint64_t, std::int64_t> money_;  // that there is, by view
  using AtCut = std::map<std::string, Unread>;   // by process: what of its lines nobody reads
  std::map<std::string, AtCut> at_cut_;          // by snapshot
};

}  // namespace coord::test
