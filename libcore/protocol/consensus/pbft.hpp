// SPDX-License-Identifier: MIT
// Agreement on an order of requests although up to f of 3f+1 replicas lie (Castro and Liskov, "Practical
// Byzantine Fault Tolerance", OSDI 1999; ACM TOCS 20(4), 2002).
//
// Problem: replicas execute clients' requests in one order; f of them may say anything to anybody,
// the network may delay, lose and repeat. Why the obvious answers fail: a primary that dictates the
// order may tell each replica another one; a vote of a majority proves nothing, for two majorities
// may have only a liar in common. Algorithm, with quorums of 2f+1 of 3f+1, any two of which share f+1
// replicas, so one that is honest:
//   pre-prepare: the primary of the view gives a request its place.
//   prepare: each backup tells all which request it was given for that place. A pre-prepare with 2f matching
//     prepares of different backups (one's own counts): no other request can get so far at this place in this
//     view. That set is a certificate: it is kept.
//   commit: each that has it tells all. 2f+1 commits: every later view will know of it. Execute in order. A
//     client believes a result that f+1 replicas give it.
//   view change: a backup whose request is not executed in time stops taking part and asks for the next view,
//     showing its certificates. The next primary, with 2f+1 such demands, must propose again at each place
//     the certificate of the highest view, and nothing where there is none. What it proposes follows from the
//     demands that it shows, and every backup works it out again.
//   checkpoints: every so many requests replicas sign a digest of their state; 2f+1 alike make it stable: all
//     before is forgotten, and who is behind fetches the state and compares the digest.
//
//   restarts: what a replica has accepted, prepared and committed, and which view it has asked for, is stored
//     before it says anything that follows from it. One that forgets it all the same counts among the f.
//
// Rules, each a COORD_RULE: 2f prepares; 2f+1 commits, not 2f; a demand's certificates are verified before it
// counts, and one bad demand does not hide good ones; the certificate of the highest view wins; the new view
// is worked out, not believed; the client needs f+1; stored before it is said; what is too long, or has no
// number, is no request, whoever signed it: what an honest primary says of it could not be said by others.
//
// Safe however slow the network is. Live while at most f lie and messages arrive within a bound that grows:
// time-outs double. Normal case 2n(n-1) messages among replicas and five message delays to the client.
//
// Not in the papers: commits are signed, so that 2f+1 of them prove to anybody what stands at a place; and a
// new view's demands leave out the requests, of which each is among its pre-prepares.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "base/time.hpp"
#include "protocol/consensus/pbft_messages.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus::pbft {

class Replica : public Shape<Replica> {
 public:
  using Message = pbft::Message;  // Requests come from anybody, all else from replicas
  struct Config {
    Group group;                     // 3f+1 of them
    const Notary* notary = nullptr;  // this replica's; outlives it
    std::uint64_t checkpoint_every = 128;
    Duration patience = std::chrono::milliseconds(300);  // for a request, at first
    std::uint64_t places = 0;  // in the order; when all are taken it only proves what they are. 0: any number
    std::size_t longest_operation = std::size_t{64} << 10U;  // bytes; what is longer is no request
  };

  using Event = std::variant<Receive, Tick>;

  struct Executed {
    Sequence sequence = 0;
    Request request;
    Value result;
  };
  struct Installed {  // a state was fetched: the requests before it were executed by others
    Sequence sequence = 0;
    Digest digest;
  };
  struct Entered {
    View view = 0;
  };
  // Executed is said once in a life.
  using Action = std::variant<Send, Executed, Installed, Entered, PersistView, PersistPlace, PersistState>;
  using Actions = std::vector<Action>;

  explicit Replica(Config config, const Durable* restored = nullptr);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  View view() const { return view_; }
  bool active() const { return active_; }  // else it waits for a new view
  NodeId primary(View view) const { return config_.group.nodes[view % config_.group.size()]; }
  Sequence stable() const { return stable_.sequence; }
  const State& state() const { return state_; }
  const Committed* committed(Sequence sequence) const;  // nullptr: nothing that is known here

 private:
  struct Round {  // one place in one view
    std::optional<PrePrepare> pre_prepare;
    std::optional<PrePrepare> early;  // came before the view began here: not looked at yet
    std::map<NodeId, Prepare> prepares;
    std::map<NodeId, Commit> commits;
    bool prepared = false;
  };
  struct Slot {
    std::map<View, Round> rounds;
    std::optional<PreparedProof> proof;  // of the highest view
    std::optional<Committed> committed;
  };

  std::size_t faulty() const { return (config_.group.size() - 1) / 3; }
  std::size_t quorum() const { return 2 * faulty() + 1; }
  std::size_t prepares_needed() const;
  std::size_t commits_needed() const;
  Sequence window() const { return 2 * config_.checkpoint_every; }
  bool in_window(Sequence sequence) const {
    return sequence > stable_.sequence && sequence <= stable_.sequence + window() &&
           (config_.places == 0 || sequence <= config_.places);
  }
  bool is_full() const { return config_.places != 0 && state_.sequence >= config_.places; }

  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);

  // ---- the normal case (pbft.cpp)
  void receive(Instant now, NodeId from, const Request& message, Actions& actions);
  void receive(Instant now, NodeId from, const PrePrepare& message, Actions& actions);
  void receive(Instant now, NodeId from, const Prepare& message, Actions& actions);
  void receive(Instant now, NodeId from, const Commit& message, Actions& actions);
  void receive(Instant now, NodeId from, const Committed& message, Actions& actions);
  void receive(Instant, NodeId, const Reply&, Actions&) {}
  void prove_to(NodeId node, Actions& actions) const;
  bool is_valid(const Committed& proof) const;
  Prepare prepare_of(const PrePrepare& message) const;
  Commit commit_of(const PrePrepare& message) const;
  bool is_authentic(const Request& request) const;  // one of this client's that may be ordered, or nothing
  bool was_executed(const Request& request) const;
  Round* round_of(View view, Sequence sequence);
  void order_pending(Instant now, Actions& actions);
  void repeat(Instant now, Actions& actions);
  void take_pre_prepare(Instant now, const PrePrepare& message, Actions& actions);
  void look_at(Instant now, Sequence sequence, Actions& actions);
  void execute_ready(Instant now, Actions& actions);
  void execute(Instant now, Sequence sequence, const Request& request, Actions& actions);
  void watch_pending(Instant now, bool anew);
  Digest digest_of(const Request& request) const;

  // ---- checkpoints (pbft_checkpoint.cpp)
  void receive(Instant now, NodeId from, const Checkpoint& message, Actions& actions);
  void receive(Instant now, NodeId from, const FetchState& message, Actions& actions);
  void receive(Instant now, NodeId from, const StateIs& message, Actions& actions);
  void make_checkpoint(Instant now, Actions& actions);
  void look_for_stable(Instant now, Sequence sequence, Actions& actions);
  void make_stable(Instant now, const StableProof& proof, Actions& actions);
  void fetch_state(Instant now, Actions& actions);
  bool is_valid(const StableProof& proof) const;

  // ---- view changes (pbft_view_change.cpp)
  void receive(Instant now, NodeId from, const ViewChange& message, Actions& actions);
  void receive(Instant now, NodeId from, const NewView& message, Actions& actions);
  void ask_for_view(Instant now, View view, Actions& actions);
  ViewChange own_demand() const;
  void join_others(Instant now, Actions& actions);
  void begin_view_if_asked(Instant now, Actions& actions);
  void enter_view(Instant now, const NewView& message, Actions& actions);
  void take_early(Instant now, Actions& actions);
  bool is_valid(NodeId from, const ViewChange& message, bool with_requests) const;
  bool is_valid(const PreparedProof& proof, bool with_request) const;
  bool is_valid(const NewView& message) const;
  bool follows_from_reasons(const NewView& message) const;
  struct Proposal {
    Digest digest;
    Request request;
  };
  std::map<Sequence, Proposal> proposals_of(const std::map<NodeId, ViewChange>& reasons) const;

  void send_to_others(const Message& message, Actions& actions) const;

  // ---- what is stored (pbft_storage.cpp)
  void restore(const Durable& stored);
  void store_changes(Actions& actions);

  Config config_;
  View view_ = 0;
  bool active_ = true;
  State state_;  // after state_.sequence
  std::map<Sequence, Slot> slots_;
  std::map<NodeId, Request> pending_;                   // by client: asked for, not executed
  std::set<std::pair<NodeId, std::uint64_t>> ordered_;  // by this primary in this view
  Sequence next_sequence_ = 1;
  std::optional<Instant> repeated_at_;

  StableProof stable_;
  std::map<Sequence, State> snapshots_;
  std::map<NodeId, std::map<Sequence, Checkpoint>> checkpoints_;
  bool fetching_ = false;

  std::map<NodeId, ViewChange> demands_;  // the latest of each
  std::optional<NewView> begun_;          // what began this view, for those who did not hear it
  Duration time_out_;
  std::optional<Instant> give_up_at_;  // on the view, or on its beginning
  std::optional<Instant> resend_at_;   // the demand, or the question for a state

  bool replayed_ = false;  // what was committed in earlier lives is executed
  // Not stored yet.
  std::set<Sequence> changed_places_;
  bool view_changed_ = false, state_changed_ = false;
};

// The client's side: one request at a time; first to the primary, then to all; f+1
// equal results are the answer.
class Client : public Shape<Client> {
 public:
  using Message = pbft::Message;  // it says requests and hears replies
  struct Config {
    Group group;  // the replicas; self need not be one
    const Notary* notary = nullptr;
    Duration resend = std::chrono::milliseconds(200);
  };
  struct Ask {
    Value operation;
    std::uint64_t timestamp = 0;  // above those of all before, of earlier lives too; 0: by its own count
  };
  using Event = std::variant<Ask, Receive, Tick>;
  struct Answered {
    std::uint64_t timestamp = 0;
    Value result;
  };
  using Action = std::variant<Send, Answered>;
  using Actions = std::vector<Action>;

  explicit Client(Config config) : config_(std::move(config)) {}
  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return resend_at_; }

 private:
  void on(Instant now, const Ask& ask, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void ask_next(Instant now, Actions& actions);

  Config config_;
  std::vector<Ask> waiting_;
  std::optional<Request> asked_;
  std::uint64_t timestamp_ = 0;
  View view_ = 0;
  std::map<NodeId, Value> replies_;
  std::optional<Instant> resend_at_;
};

}  // namespace coord::consensus::pbft
