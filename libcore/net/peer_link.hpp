// SPDX-License-Identifier: MIT
// The way to one other peer: dials, greets, sends, notices when the other side is gone, and dials again.
//
// A pair of peers has two connections, each used by its initiator to send. One shared connection would need a
// rule for who dials, leave the other side waiting for it after every crash, and a race when both dial; this
// way a peer that wants to send is the one that connects, and each direction fails and heals alone. The price
// is one more handshake a pair.
//
//   waiting --backoff--> dialing --TCP--> securing --TLS--> greeting --hello--> up
//      ^                    |                 |                 |               |
//      +--------------------+-----------------+-----------------+---------------+   any failure
//
// A way that was cut and has healed. TCP waits twice as long after every loss, so after a cut of some seconds
// it takes seconds more until a standing connection, or one that is being made, tries again. So nothing that
// is silent is waited for: what dials is dialled anew after `answer_within`; beside a connection that is
// silent a new one is made, and whichever speaks first is used. Whatever else shows that the other side lives
// (a connection from there, a datagram) has the link look again at once.
//
// Silent death: once up, a ping goes out whenever the writer is idle, and the link is given up when a pong is
// late or a write stands still. Threading: that of the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "net/address.hpp"
#include "net/greeting.hpp"
#include "net/log.hpp"
#include "net/secure_connection.hpp"
#include "net/tls.hpp"

namespace coord::net {

// How long things between peers may take; tests make them shorter.
struct PeerTimes {
  Duration establish = std::chrono::seconds(3);  // from dialing, or accepting, to the hello
  // Until a connection is accepted, and until what was sent is acknowledged: else it is tried anew. Longer
  // where a round trip takes longer, and doubled from one attempt to the next as long as that is not known.
  Duration answer_within = std::chrono::milliseconds(300);
  Duration look_every = std::chrono::milliseconds(100);
  Duration resolve_every = std::chrono::seconds(5);  // a name, at most
  Duration backoff_low = std::chrono::milliseconds(50);
  Duration backoff_high = std::chrono::seconds(1);
  Duration ping_every = std::chrono::seconds(2);   // half as often on a link that is made on demand
  Duration pong_within = std::chrono::seconds(6);  // else the link is dead; also a write that stands still
  Duration silence_within = std::chrono::seconds(15);  // an accepted connection without even a ping is dead
};

struct LinkStatus {
  bool up = false;
  bool answers = false;         // up, and the other side has taken this one's hello: it does not refuse it
  bool asleep = false;          // there is none: it is made when there is something to send
  Instant since;                // of being up, or down
  std::optional<Duration> rtt;  // smoothed (1/8 of each new sample, RFC 6298)
  std::string software;         // of the other peer, when it has ever been up
  Level level = first_level;    // the group's, as the other peer said
  Level knows = first_level;    // the newest that its program knows
  std::string last_error;       // why it was last down
  std::uint64_t sent = 0;       // messages
  std::uint64_t dropped = 0;    // for want of a connection, or of room in the queue
};

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  struct Handlers {
    std::function<void(const std::string& peer, const wire::PeerHello& hello)> up;
    std::function<void(const std::string& peer)> down;
    // Where it is: all that its name resolves to, first the one at which the last connection was made.
    std::function<void(const std::string& peer, const std::vector<boost::asio::ip::address>&)> located;
  };

  PeerLink(boost::asio::io_context& io, std::shared_ptr<TlsSettings> tls, const Greeting& greeting,
           std::string peer, Address address, PeerTimes times, std::size_t queue_limit, Random random,
           Handlers handlers, Log log);

  void start();
  void stop();  // handlers are not called any more
  // `version`: the level of the message. What is above the level of the greeting is not sent.
  bool send(ByteView message, Level version, wire::FrameType type = wire::FrameType::message);
  // The greeting has changed (Greeting::level): a link that stands is greeted anew
  // before anything goes out on it.
  void greet_anew();
  // The other side shows signs of life: if there is no connection that works, make one now.
  void hurry();
  // If it was made with one of these keys it is closed, and dialled anew at once.
  void drop_keys(const std::set<std::string>& gone);
  // One that nobody needs all the time.
  void ping_seldom(bool seldom) { pings_seldom_ = seldom; }
  const LinkStatus& status() const { return status_; }

 private:
  enum class State { stopped, waiting, dialing, securing, greeting, up };

  void dial();
  void connect(std::uint64_t attempt, const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);
  void tell_where(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);
  void secure();
  void on_frame(wire::Frame&& frame);
  void on_hello(const wire::Frame& frame);
  void on_pong(ByteView payload);
  void taken();
  void watch();
  void look_on();
  void look();
  void stand_by();
  void stand_again();
  void standing_gone(const std::string& why);
  Duration answer_within() const;
  void drop_attempt();
  void fail(const std::string& why);
  void tell_once(const std::string& line);  // once a minute, unless it was up in between
  void arm(Duration delay, void (PeerLink::*then)());

  boost::asio::io_context& io_;
  const std::shared_ptr<TlsSettings> tls_;
  const Greeting& greeting_;
  const std::string peer_;
  const Address address_;
  const PeerTimes times_;
  const std::size_t queue_limit_;
  Random random_;
  Handlers handlers_;
  Log log_;

  State state_ = State::stopped;
  std::uint64_t attempt_ = 0;  // what belongs to an earlier one is ignored
  Duration backoff_;
  boost::asio::steady_timer timer_;
  boost::asio::ip::tcp::resolver resolver_;
  std::optional<boost::asio::ip::tcp::socket> socket_;  // while dialing
  std::shared_ptr<SecureConnection> connection_;        // of the attempt, or up
  std::shared_ptr<SecureConnection> standing_;  // silent, and used until the attempt is up or it speaks again
  boost::asio::steady_timer look_timer_;
  bool looks_ = false;  // that timer runs
  Instant dialed_at_;
  unsigned unanswered_ = 0;  // attempts in a row that nobody has answered
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
  Instant resolved_at_;
  std::optional<boost::asio::ip::address> reached_;  // when it was last connected
  LinkStatus status_;
  Level greeted_with_ = first_level;  // on this connection
  bool is_taken_ = false;             // the hello that was sent on this connection
  bool is_refused_ = false;           // when it was tried last: that it lives says nothing new

  bool pings_seldom_ = false;
  std::uint64_t ping_number_ = 0;
  std::optional<Instant> ping_sent_;  // not answered yet
  std::uint64_t progress_seen_ = 0;
  Instant progress_at_;

  std::string told_;  // the last trouble in the log, and when
  Instant told_at_;
};

}  // namespace coord::net
