// SPDX-License-Identifier: MIT
// The group's keys, changed on all hosts at once while they run (dpeers key).
//
// The problem: who has the key is a peer, so a key that may have leaked has to go, and each host has its own
// copy. A host that gets the new one late is cut off; the old one that stays on one host lets the finder in.
//
// Why the obvious answer fails: put into the replicated log the new key would stand in logs, snapshots and
// backups, sealed by nothing; and a log has nothing to say to a host that cannot open its messages any more.
//
// The way here, as with key files by hand: all hosts take a new key before anybody sends by it (add), then
// send by it (use), and only what nobody sends by goes (remove). Two keys may have one id: which is meant
// says its print, and who has another one under the id lacks this one. The peer whose tool is asked says it
// to each host of the group over the link that they have, again and again for a moment, and hears of each
// that it is so: on its disk first (keys_file.hpp), then in force. Which host has not answered is named: it
// needs the file by hand. Before anything is changed all are asked what they have: who lacks a key cannot be
// made to send by it, and one that anybody sends by does not go. Of hosts that are away nobody knows. Nothing
// of it is in the log.
// Two operators on two hosts could each be right by what they have heard, and leave a host without the key
// that another one sends by. So who is asked by a host that begins a change says no to each other one, until
// it has carried that change out or is told that there is none; a moment at most, if that host is gone.
//
// Pure: the tool draws the key. Threading: none; one owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "net/key_file.hpp"
#include "node/node.hpp"
#include "wire/key_messages.hpp"

namespace coord::daemon {

// This host's keys as they are in force: the daemon changes them, when they are written or read anew.
struct KeysInForce {
  net::KeyRing ring;
};

// Writes the ring. Done by KeysWorker (keys_file.hpp).
struct WriteKeys : node::Work {
  WriteKeys(net::KeyRing what, std::string who) : ring(std::move(what)), by(std::move(who)) {}
  net::KeyRing ring;
  std::string by;  // whose order it is
  Status written = done();
};

class KeysPart final : public node::Part {
 public:
  static constexpr Duration ask_patience = std::chrono::seconds(2);
  static constexpr Duration order_patience = std::chrono::seconds(5);
  static constexpr Duration say_again = std::chrono::milliseconds(400);
  static constexpr Duration promised_for = ask_patience + order_patience + std::chrono::seconds(3);

  // `first_number`: random, so that nobody takes an answer to an earlier life for one to this.
  KeysPart(NodeId self, std::vector<NodeId> founders, std::map<NodeId, std::string> names,
           std::shared_ptr<KeysInForce> keys, std::uint64_t first_number);

  node::Channel channel() const override { return node::Channel::keys; }
  std::string name() const override { return "keys"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;

 private:
  // What a tool has asked for, while it is being done.
  struct Run {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
    keys::Ask ask;
    std::string by;
    bool is_kept_waiting = false;  // by a host that is busy with another one's change
    bool orders = false;           // all have been asked, and it is being done
    std::uint64_t number = 0, print = 0;
    Instant until, again;
    std::map<NodeId, std::string> hosts;     // the others
    std::map<NodeId, keys::Answer> answers;  // this host's, too
  };
  struct Change {
    NodeId from;
    keys::Order order;
  };
  // No other host's change is begun here.
  struct Promise {
    NodeId to;
    Instant until;
  };

  void from_tool(const node::Moment& moment, const node::FromTool& asked, node::PartActions& out);
  void begin(const node::Moment& moment, node::PartActions& out);
  void say(const node::Moment& moment, node::PartActions& out);
  void go_on(const node::Moment& moment, node::PartActions& out);
  std::string objection() const;
  std::optional<std::uint64_t> print_meant() const;
  void finish(const std::string& refused, bool is_wrong, node::PartActions& out);
  void hear(NodeId from, const keys::Answer& answer);
  void hear(Instant now, NodeId from, const keys::Order& order, node::PartActions& out);
  bool promise(Instant now, NodeId to);
  void give_up(node::PartActions& out);
  void change(node::PartActions& out);
  void answer(const Change& change, const std::string& why, node::PartActions& out);
  keys::OfHost of_host(NodeId node, const std::string& name) const;
  std::map<NodeId, std::string> others(const node::Moment& moment) const;
  std::vector<keys::KeyHere> here() const;
  std::string own_name() const;

  const NodeId self_;
  const std::vector<NodeId> founders_;
  const std::map<NodeId, std::string> names_;
  const std::shared_ptr<KeysInForce> keys_;
  std::uint64_t last_number_;
  std::optional<Run> run_;
  std::deque<Run> waiting_;
  std::optional<Promise> promised_;
  std::deque<Change> changes_;  // the first one is being written, if `writes_`
  bool writes_ = false;
};

}  // namespace coord::daemon
