// SPDX-License-Identifier: MIT
// Messages between the peers of a group: one port, TCP and UDP, the cluster's key, frames.
//
// send() goes by TCP and TLS. It never blocks and never fails loudly: a message that cannot go now (no
// connection, a full queue) is dropped and counted, for Raft sends again what matters; what it does deliver
// arrives whole, once, in order, and from the peer named. A slow or dead peer holds up nobody else. Whoever
// has the key is a peer: a peer is believed what it says of its users.
//
// send_datagram() goes by UDP, for small messages that are worth more when they come early: what it delivers
// arrives whole, at most once, and from the peer named, but in any order. Where UDP is closed, or the other
// peer knows no datagrams, it does nothing, and connections serve as ever.
//
// Threading: all of it on the io_context's one thread, handlers included. A handler
// may call send() and stop().
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/address.hpp"
#include "net/datagram_socket.hpp"
#include "net/greeting.hpp"
#include "net/key_file.hpp"
#include "net/log.hpp"
#include "net/peer_acceptor.hpp"
#include "net/peer_links.hpp"
#include "net/roster.hpp"
#include "wire/stamp.hpp"

namespace coord::net {

struct PeerConfig {
  std::string self;  // one of the roster
  Address listen;
  Roster roster;
  KeyRing keys;
  std::string software;  // for listings, as in "coordd 0.1.0"
  PeerTimes times = {};
  PeerLimits limits = {};
  DatagramTimes datagram_times = {};
  Level level = first_level;  // of the group, as far as it is known at the start
  Level knows = first_level;  // the newest that this program knows
  std::uint64_t life = 0;     // of this process
  wire::PeerTiming timing = {};
  Token token_floor{};
  std::string founding{};  // id of a group that was founded anew
  bool has_state = true;   // this host's disk, of a group
  // A link to a peer that does not vote is made when something is sent, and closed when it has been idle for
  // so long. So many of these at a time.
  Duration idle_after = std::chrono::seconds(60);
  std::size_t most_on_demand = 1024;
  std::string group_id{};  // once it is known
  // Of this host's hybrid clock, for what is sent now (wire/stamp.hpp).
  std::function<std::uint64_t()> stamp = [] { return std::uint64_t{0}; };
};

struct PeerHandlers {
  std::function<void(const std::string& peer, wire::Frame&& message)> message;
  std::function<void(const std::string& peer, wire::Frame&& message)> datagram = [](const std::string&,
                                                                                    wire::Frame&&) {};
  // On each connection that comes about, in either direction.
  std::function<void(const std::string& peer, const wire::PeerHello& hello)> greeted =
      [](const std::string&, const wire::PeerHello&) {};
  // On each that the other peer has made, after `greeted`: what it sends comes by this one from now on.
  std::function<void(const std::string& peer)> came = [](const std::string&) {};
  // With each message and datagram, before it: the stamp that it bears.
  std::function<void(const std::string& peer, std::uint64_t stamp)> stamped = [](const std::string&,
                                                                                 std::uint64_t) {};
  // It has said that another disk has this host's place in the group.
  std::function<void(const std::string& peer)> told_retired = [](const std::string&) {};
  // None is left, in neither direction.
  std::function<void(const std::string& peer)> parted = [](const std::string&) {};
  // send() reaches it from now on, and what is sent in this goes first.
  std::function<void(const std::string& peer)> up = [](const std::string&) {};
  // After `up`: so many that were sent before it, and count, have gone out now.
  std::function<void(const std::string& peer, std::uint64_t count)> waited = [](const std::string&,
                                                                                std::uint64_t) {};
  std::function<void(const std::string& peer)> down = [](const std::string&) {};
  // A host asks who is here, from that address (net/introduction.hpp).
  std::function<std::optional<wire::Introduction>(const wire::IntroductionQuestion&, const std::string&)>
      asked = [](const wire::IntroductionQuestion&, const std::string&) { return std::nullopt; };
};

struct PeerStatus {
  std::string name;
  Address address;
  LinkStatus link;             // towards it
  bool incoming = false;       // it is connected to us, and heard of lately
  bool keeps_link = true;      // to us, who vote; else it makes one on demand, and `incoming` says little
  std::uint64_t received = 0;  // messages
  DatagramStatus datagrams;
  bool uses_datagrams = true;  // there are any between the two
  std::string offered_key{};   // the id of one that was offered in its name, and refused; empty: none
  std::string other_list{};    // how its list of peers differs from this one's; empty: not
  std::uint64_t datagrams_dropped = 0;  // they could not go: too large, nobody answers there, no way
};

class PeerTransport {
 public:
  // Listens; an address that cannot be had is ErrorKind::unavailable, a wrong list of peers ErrorKind::usage.
  static Result<std::unique_ptr<PeerTransport>> open(boost::asio::io_context& io, PeerConfig config,
                                                     PeerHandlers handlers, Log log);
  ~PeerTransport();
  PeerTransport(const PeerTransport&) = delete;
  PeerTransport& operator=(const PeerTransport&) = delete;

  // Begins to accept and to dial.
  void start();
  // Closes everything; no handler is called any more.
  void stop();
  // To another peer of the group (checked). False: dropped, also if it is above wire::stream_payload_limit.
  // `version`: the level of the message (a frame's version). `type`: message or channel. `counts`: `waited`
  // tells of it, if it has to wait for a connection.
  bool send(const std::string& peer, ByteView message, Level version = first_level,
            wire::FrameType type = wire::FrameType::message, bool counts = true);
  // The same by datagram. False: dropped, also if it is above datagram_message_limit or that peer has not
  // answered by datagram in this life.
  bool send_datagram(const std::string& peer, ByteView message, Level version = first_level,
                     wire::FrameType type = wire::FrameType::message);
  // All that is sent from now on is of this level: who cannot read it is cut off,
  // all others are greeted anew.
  void speak(Level level);
  // Who is in the group from now on, this peer among them, and which group that is. Links to who is not, or
  // is elsewhere or on another disk, are closed. `retired`: numbers of disks that are refused.
  void update(const Roster& roster, const std::string& group_id, std::set<NodeId> retired = {});
  // It has sent what cannot be read: its connection to us is closed.
  void drop(const std::string& peer, const std::string& why) { acceptor_->drop(peer, why); }

  // Used for connections and datagrams from now on. Connections that stand go on, unless their key is gone:
  // these are closed, and ours are dialled anew.
  void set_keys(const KeyRing& keys);
  std::vector<PeerStatus> status() const;  // sorted by name, without this peer
  const std::string& own_key_id() const { return tls_->own_key_id(); }
  std::uint64_t refused() const { return acceptor_->refused(); }
  std::uint16_t port() const { return acceptor_->port(); }
  // Those that were under no key of ours.
  std::uint64_t foreign_datagrams() const { return datagrams_->foreign(); }
  // Why there are no datagrams on this host; empty: there are.
  const std::string& no_datagrams() const { return no_datagrams_; }

 private:
  PeerTransport(boost::asio::io_context& io, PeerConfig config, PeerHandlers handlers, Log log);
  Status listen(const Log& log);
  void tell_if_parted(const std::string& peer);
  Bytes with_stamp(ByteView message, Level version) const;
  bool take_stamp(const std::string& peer, wire::Frame& frame);
  void locate_undialled();
  std::set<std::string> kept() const;
  std::map<std::string, SealedDatagrams::Other> with_datagrams() const;
  bool is_other(const std::string& peer) const;
  std::string other_list(const std::string& peer) const;
  void note_list(const std::string& peer, const wire::PeerHello& hello);
  PeerLink::Handlers link_handlers();
  void make_links(boost::asio::io_context& io, const Log& log);
  void set_addresses(const std::string& peer, const std::vector<boost::asio::ip::address>& addresses);

  const PeerConfig config_;
  Roster roster_;  // as of the last update
  PeerHandlers handlers_;
  Greeting greeting_;  // links and acceptor look at this one
  const std::shared_ptr<TlsSettings> tls_;
  std::shared_ptr<PeerAcceptor> acceptor_;
  std::unique_ptr<PeerLinks> links_;
  std::shared_ptr<DatagramSocket> datagrams_;
  std::string no_datagrams_;
  Log log_;
  // Founders that were started with another list, and how that differs.
  std::map<std::string, std::string> other_lists_;
};

}  // namespace coord::net
