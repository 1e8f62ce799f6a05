// SPDX-License-Identifier: MIT
// Asking all members of a group that comes and goes, and gathering their answers: broadcast down a tree and
// convergecast up it (Peleg, "Distributed Computing: A Locality-Sensitive Approach", 2000, chapter 3).
//
// Problem: one member wants an answer of each, soon, and wants to know whose is missing. Why the obvious
// answer, it asks each itself, fails: it handles N questions and N answers, and its links all of them. Why a
// known tree (tree_cast.hpp) does not serve: members come and die while it is used, and one that is lost
// takes its subtree along. Algorithm: the tree is made by the question. Each member is told, with it, which
// members are below it; it divides these among a few of them, and so on. Each waits for those that it has
// asked, adds what it has itself, and answers who asked it.
//
// Who does not say at once that it has the question, or is found dead later, is given up; what was below it
// is asked through another one of these. A member that is so asked twice answers both, and is counted once.
// With the answers come the names of all that have answered, so that no one can be missing unnoticed. Each
// level of the tree has a little less time than the one above: what is there when it is over goes up.
// Datagrams may be lost and doubled: all is said again until it is acknowledged. Who has the question is
// asked again after a second, and then less and less often, as long as no answer comes: one that was started
// again meanwhile, and is not held dead, knows nothing of it. It is told that it was asked before: that it
// has nobody who answers now is no answer then.
//
// What was answered is kept for whoever asks again, as far as there is room: then it is dropped, and answered
// anew for him. A member without room for one more question says so by an answer of nobody, and what is below
// it is asked through another one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/broadcast/gossip.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

// One of possibly several answers of a member.
struct Share {
  NodeId node{};
  Payload answer{};
  bool operator==(const Share&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, answer);
  }
};

inline constexpr std::size_t most_asked = 8192;                            // members
inline constexpr std::size_t longest_answers = (std::size_t{768} << 10U);  // of a subtree
inline constexpr std::size_t longest_question = (std::size_t{64} << 10U) + 1024;

struct Down {
  CastId id{};  // of a question, by the numbers of Gather
  Duration patience{};
  std::vector<NodeId> below{};  // to be asked through whoever is told this
  Payload question{};
  bool again = false;  // it has said that it has the question, and perhaps was started again since
  bool operator==(const Down&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, patience, below, question, again);
  }
};
struct Got {  // Down
  CastId id{};
  bool operator==(const Got&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id);
  }
};
struct Up {
  CastId id{};
  std::vector<Share> shares{};
  std::vector<NodeId> reached{};  // all that have answered, perhaps with no share
  bool operator==(const Up&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, shares, reached);
  }
};
struct Thanks {  // for Up
  CastId id{};
  bool operator==(const Thanks&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id);
  }
};
using GatherMessage = std::variant<Down, Got, Up, Thanks>;
const char* fault_of(const GatherMessage& message);
std::string text(const GatherMessage& message);

class Gather : public Shape<Gather> {
 public:
  using Message = GatherMessage;
  struct Config {
    NodeId self{};
    std::uint64_t life = 1;
    std::size_t fanout = 6;
    Duration resend = std::chrono::milliseconds(60);
    Duration check = std::chrono::seconds(1);           // who has the question; twice as long each time
    Duration longest_check = std::chrono::seconds(30);  // at most
    std::size_t most_tries = 6;                         // without a word: then it is held to be gone
    std::size_t most_open = 4096;                       // not answered
    std::size_t most_open_bytes = std::size_t{16} << 20U;
    std::size_t most_kept = 4096;  // answered
    std::size_t most_kept_bytes = std::size_t{16} << 20U;
  };

  struct Begin {
    Payload question{};
    std::vector<NodeId> members{};  // this node perhaps among them; it is asked in any case
    Duration patience{};
  };
  struct Own {  // what this node answers; all before it is complete
    CastId id{};
    std::vector<Payload> answers{};
    bool is_complete = false;
    bool is_cut = false;  // there should be more, that will not come: this node has not answered
  };
  struct Died {  // a member is held dead
    NodeId node{};
  };
  struct End {  // nobody waits for this question of this node's any more
    CastId id{};
  };
  using Event = std::variant<Begin, Own, Died, End, Receive, Tick>;

  struct Pass {  // by datagram, if it fits; `surely`: by stream too, for the datagrams seem to be lost
    NodeId to;
    Message message;
    bool surely = false;
  };
  struct Asked {  // this node: answered by Own
    CastId id{};
    Payload question{};
    Instant until;
    bool again = false;  // it was asked before, in an earlier life: who answered then may come back
  };
  struct Gathered {  // of this node's question
    CastId id{};
    std::vector<Share> shares{};
    std::vector<NodeId> missing{};
  };
  using Action = std::variant<Pass, Asked, Gathered>;
  using Actions = std::vector<Action>;

  explicit Gather(Config config) : config_(config) {}

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const;
  CastId last() const { return {config_.self, config_.life, last_number_}; }
  std::size_t open() const;  // not answered
  std::size_t kept() const { return questions_.size(); }
  std::size_t kept_bytes() const;
  std::set<NodeId> waits_for() const;

 private:
  struct Child {
    std::vector<NodeId> below;
    bool has_it = false, is_over = false;
    std::size_t tries = 0;
    Instant again;
    Duration check{};  // until it was asked again last, or will be; since it has the question
  };
  struct Parent {
    bool has_thanked = false;
    std::size_t tries = 0;
    Instant again;
  };
  struct Question {
    Payload question;
    Instant until;
    std::map<NodeId, Parent> parents;  // none: it is this node's
    std::map<NodeId, Child> children;
    std::vector<Payload> own;
    bool own_is_complete = false;
    bool own_is_cut = false;      // its time was over before
    std::vector<Share> shares;    // of others
    std::set<NodeId> reached;     // others
    std::vector<NodeId> members;  // of this node's question
    bool is_said = false;
    std::uint64_t said = 0;  // counts what was said
  };

  void on(Instant now, const Begin& event, Actions& actions);
  void on(Instant now, const Own& event, Actions& actions);
  void on(Instant now, const Died& event, Actions& actions);
  void on(Instant now, const End& event, Actions& actions);
  void on(Instant now, const Receive& event, Actions& actions);
  void on(Instant now, const Tick& event, Actions& actions);
  void heard(Instant now, NodeId from, const Down& what, Actions& actions);
  void heard(Instant now, NodeId from, const Got& what, Actions& actions);
  void heard(Instant now, NodeId from, const Up& what, Actions& actions);
  void heard(Instant now, NodeId from, const Thanks& what, Actions& actions);

  void divide(Instant now, const CastId& id, Question& question, std::vector<NodeId> below, std::size_t among,
              Actions& actions);
  void ask(Instant now, const CastId& id, const Question& question, NodeId to, Child& child,
           Actions& actions);
  void ask_again(Instant now, const CastId& id, const Question& question, NodeId to, Child& child,
                 Actions& actions);
  void lose(Instant now, const CastId& id, Question& question, NodeId node, Actions& actions);
  void take(Question& question, const Up& what);
  static bool is_asked(const Question& question, NodeId node);
  void say_if_complete(Instant now, const CastId& id, Question& question, Actions& actions);
  void time_is_over(Instant now, const CastId& id, Question& question, Actions& actions);
  void say(Instant now, const CastId& id, const Question& question, NodeId to, Parent& parent,
           Actions& actions) const;
  void tick(Instant now, const CastId& id, Question& question, Actions& actions);
  Up result(const CastId& id, const Question& question) const;
  bool has_room_for(const Down& what) const;
  static std::size_t bytes_of(const Question& question);
  static bool is_settled(const Question& question);
  void keep_only_so_much();

  Config config_;
  std::uint64_t last_number_ = 0, last_said_ = 0;
  std::map<CastId, Question> questions_;
};

}  // namespace coord::broadcast
