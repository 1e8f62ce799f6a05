// SPDX-License-Identifier: MIT
// The ways to the other peers: those of the voters are kept, the others are made when
// there is something to send.
//
// A group may have many more peers than vote, and a link to each costs a connection, its keys and a ping
// every other second. So a peer that is not kept is dialled when something is sent to it; what is sent
// meanwhile waits, for as long as a connection may take to come about. A link that nothing has been sent on
// for `idle_after` is closed, and of those that are not kept there are at most `most_on_demand`: one more
// closes the one that was used longest ago. Threading: that of the io_context.
#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "net/peer_link.hpp"

namespace coord::net {

class PeerLinks {
 public:
  struct Config {
    std::set<std::string> kept;
    Duration idle_after = std::chrono::seconds(60);
    Duration wait = std::chrono::seconds(3);  // of a message, for a connection
    std::size_t most_on_demand = 64;
    std::size_t queue_bytes = std::size_t{4} << 20U;  // that wait, to one peer
  };
  using Make = std::function<std::shared_ptr<PeerLink>(const std::string& peer)>;
  // One that was up is closed, for it was idle or had to make room.
  using Closed = std::function<void(const std::string& peer)>;

  PeerLinks(boost::asio::io_context& io, Config config, Make make, Closed closed);

  void start();
  void stop();
  // True: it goes out, or waits for a link that is not up yet. `counts`: among those that up() answers.
  bool send(const std::string& peer, ByteView message, Level version, wire::FrameType type,
            bool counts = true);
  // Its link is up: what waits for it goes out. How many messages of it did, of those that count.
  std::uint64_t up(const std::string& peer);
  void hurry(const std::string& peer);
  // Which are kept from now on. One that is kept no more is closed when it is idle.
  void keep(std::set<std::string> peers);
  // It is elsewhere, or there no more: what there is of a link to it is closed, and kept no more.
  void forget(const std::string& peer);
  void greet_anew();
  void drop_keys(const std::set<std::string>& gone);
  LinkStatus status(const std::string& peer) const;
  std::size_t on_demand() const {
    return links_.size() - static_cast<std::size_t>(std::ranges::count_if(
                               links_, [this](const auto& way) { return is_kept(way.first); }));
  }

 private:
  struct Waiting {
    Bytes message;
    Level version;
    wire::FrameType type;
    Instant since;
    bool counts;
  };
  struct Way {
    std::shared_ptr<PeerLink> link;
    Instant used;
    std::deque<Waiting> waiting{};
    std::size_t waiting_bytes = 0;
    std::uint64_t dropped = 0;  // of what waited
  };
  using Ways = std::map<std::string, Way>;

  bool is_kept(const std::string& peer) const { return config_.kept.contains(peer); }
  Way& wake(const std::string& peer);
  bool wait(Way& way, ByteView message, Level version, wire::FrameType type, bool counts);
  void close(Ways::iterator way);
  void close_idle();
  void look();

  Config config_;
  Make make_;
  Closed closed_;
  Ways links_;  // all that are kept, and those others that are in use
  boost::asio::steady_timer timer_;
  bool looking_ = false;
  bool stopped_ = true;
};

}  // namespace coord::net
