// SPDX-License-Identifier: MIT
// Sealed datagrams between this peer and each of the others, without a socket: who is who in this life, which
// datagram is authentic and new, and what to send so that both ends find out.
//
// Problem: a datagram comes alone. No handshake went before it, its source proves nothing, and whoever has
// recorded one can send it again, also to a peer that has restarted since and remembers nothing. A key of the
// pair alone would open it again.
//
// So each start of a peer is a life with an id of its own, random, and what is sealed is sealed for both
// ends' lives: it opens in these two only, and there once (net/replay_window.hpp). An end learns the other's
// life by a challenge: it sends a nonce, and whoever has the key answers with its life and that nonce.
//
//   alpha                                     beta
//     |--- challenge: life a, nonce 1 --------->|   beta does not know yet whether life a is of today,
//     |<-- life b, nonce 2, echo 1 -------------|   so its answer asks back
//     |--- life a, echo 2 --------------------->|   now both know
//
// What was learnt stays until an answer to a later nonce says otherwise; every few seconds it is asked again,
// which also tells whether datagrams get through. All challenges have one size, so that no answer is larger
// than what it answers; answers go to the peer's known address, never to where a datagram came from; what is
// not authentic is not answered; what may be a recording is answered a limited number of times a second.
//
// A group may have many more peers than founders, and asking all of them every few seconds would be most of
// what a host sends. So of the others (set_peers) one is asked when there is something to send to it, which
// waits for the answer, and again after a minute of that, and when something shows that it has restarted.
//
// Each datagram carries one frame (wire/frame.hpp), as a stream carries many.
//
// Pure: time and randomness come from outside, which is how the tests drive it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "net/datagram_format.hpp"
#include "net/replay_window.hpp"

namespace coord::net {

struct DatagramTimes {
  Duration retry_low = std::chrono::milliseconds(100);  // from a challenge to the next, doubled each time
  Duration retry_high = std::chrono::seconds(2);
  Duration probe_every = std::chrono::seconds(5);  // of who has answered
  Duration answer_within = std::chrono::seconds(2);
  Duration nonce_every = std::chrono::milliseconds(100);  // challenges in between repeat the last nonce
  Duration answer_every = std::chrono::milliseconds(50);  // to what may be a recording, on average
  std::uint32_t answers_at_once = 20;
  // Of those who are asked only when there is something to send:
  Duration ask_again = std::chrono::seconds(60);
  Duration wait = std::chrono::milliseconds(500);  // of what is sent, for the answer
  std::uint32_t give_up_after = 6;                 // challenges without an answer
};

struct DatagramStatus {
  std::string name;
  bool known = false;               // its life: what is sent to it can be sealed
  std::optional<Instant> heard;     // when something authentic last came
  std::optional<Instant> answered;  // when it last answered a challenge: both directions are open
  std::optional<Duration> rtt;      // of that challenge
  std::uint64_t unanswered = 0;     // challenges since then
  std::uint64_t sent = 0;           // sealed, without challenges
  std::uint64_t received = 0;       // opened
  std::uint64_t refused = 0;  // under a key of this pair, but not authentic, of another life or seen before
};

class SealedDatagrams {
 public:
  struct Config {
    std::string self;
    std::set<std::string> peers;  // this one may be among them
    wire::GroupDigest group{};
    KeyRing keys;
    LifeId life{};                         // drawn at this start
    std::function<ChallengeNonce()> draw;  // nobody may guess it
    DatagramTimes times = {};
  };
  struct Outgoing {
    std::string peer;
    Bytes bytes;
  };
  struct Received {
    std::string peer;
    Bytes payload;
  };
  struct Step {
    std::optional<Received> received;
    std::vector<Outgoing> outgoing;
  };

  explicit SealedDatagrams(Config config);

  struct Other {
    wire::GroupDigest group{};
    bool on_demand = false;  // asked when there is something to send
  };
  // Who else there is from now on. What is known of those who stay as they were goes on.
  void set_peers(const std::map<std::string, Other>& others);
  // Before seal(), of what is to be sent now. True: it waits for the life of a peer on demand,
  // and goes by itself.
  bool keep(Instant now, const std::string& peer, ByteView payload);

  // Ready to go; nothing: its life is not known yet. `payload` is within sealed_payload_limit (checked).
  std::optional<Bytes> seal(const std::string& peer, ByteView payload);
  // What came from the network, whoever sent it.
  Step receive(Instant now, ByteView datagram);
  // The challenges that are due.
  std::vector<Outgoing> tick(Instant now);
  std::optional<Instant> deadline() const;
  // It has shown itself in another way: if it does not answer so far, ask it again at the next tick.
  void hurry(const std::string& peer);
  // A connection with it has come about: it may have restarted.
  void greeted(const std::string& peer);

  // The first seals from now on, all of them open. Lives and counters stay.
  void set_keys(KeyRing keys);
  std::vector<DatagramStatus> status() const;            // sorted by name
  DatagramStatus status(const std::string& peer) const;  // of one that is not among them: nothing
  // Those that are under no key of ours: strangers', another group's, another version's.
  std::uint64_t foreign() const { return foreign_; }
  // With those that pairs have refused.
  std::uint64_t unopened() const { return foreign_ + refused_; }

 private:
  struct Nonce {
    ChallengeNonce value{};
    Instant sent;
  };
  struct Waiting {
    Bytes payload;
    Instant since;
  };
  struct Pair {
    Other other;
    std::optional<Waiting> waiting;
    DatagramKeys sending;
    std::vector<DatagramKeys> receiving;  // in the ring's order
    std::optional<LifeId> life;           // the other's, once it is learnt; with it:
    SecretKey sealing;
    std::vector<SecretKey> opening;  // in the ring's order
    ReplayWindow window;
    std::uint64_t counter = 0;  // the last one used; goes on over lives and keys of the other end
    std::deque<Nonce> nonces;   // not answered yet, the oldest first
    Instant next_challenge;
    Duration retry{};
    std::uint32_t answers_left = 0;
    Instant answers_counted;
    DatagramStatus status;
  };
  struct Place {  // of a tag
    std::string peer;
    std::size_t key = 0;
  };

  void add(const std::string& peer, const Other& other);
  void derive(const std::string& peer, Pair& pair);
  void ask(Instant now, Pair& pair) const;
  void derive_for_life(Pair& pair) const;
  std::optional<Received> receive_sealed(Instant now, const RawDatagram& raw, const Place& place, Pair& pair);
  std::optional<Outgoing> receive_challenge(Instant now, const RawDatagram& raw, const Place& place,
                                            Pair& pair);
  bool is_answer(Instant now, const Challenge& challenge, Pair& pair) const;
  void learn(const LifeId& life, Pair& pair) const;
  const ChallengeNonce& nonce_for(Instant now, Pair& pair) const;
  bool may_answer(Instant now, Pair& pair) const;

  Config config_;
  std::map<std::string, Pair> pairs_;
  std::map<DatagramTag, Place> places_;
  std::uint64_t foreign_ = 0, refused_ = 0;
};

}  // namespace coord::net
