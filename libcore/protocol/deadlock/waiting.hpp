// SPDX-License-Identifier: MIT
// What every algorithm for detecting deadlocks stands on: processes that ask each other for
// something and wait, for all of those asked (the AND model: locks) or for any one of them (the OR
// model: replicas, services).
//
// A process that waits answers nobody; when it goes on it answers those who asked it meanwhile. It has one
// wait at a time, numbered, so that nothing that is said about an old wait is taken for the new one. The
// youngest wait is the one with the highest (Lamport time, process).
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/shape.hpp"

namespace coord::deadlock {

// A wait's place in the order of all waits.
struct Age {
  std::uint64_t time = 0;
  NodeId process;
  auto operator<=>(const Age&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(time, process);
  }
};

struct Request {
  std::uint64_t wait = 0;  // the asker's
  std::uint64_t time = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, time);
  }
};
struct Reply {
  std::uint64_t wait = 0;
  std::uint64_t time = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, time);
  }
};
struct Cancel {  // nothing is wanted any more
  std::uint64_t wait = 0;
  std::uint64_t time = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, time);
  }
};

// ---- told by the user of a process
struct Ask {
  std::set<NodeId> processes;  // not itself; without effect while it waits
};
struct Serve {  // answer this one now, if it still asks and we do not wait ourselves
  NodeId to;
};
// ---- said to him
struct Wanted {  // by this process: Serve it some time
  NodeId by;
};
struct GoesOn {};   // what was asked for is there
struct GivesUp {};  // this process was chosen to break a deadlock: its wait is over without success

// When a waiting process sends its next round of messages: after `patience`, then after twice as long each
// time, up to 64 times as long: a round may take longer than that, and another one would only get in its way.
class Rounds {
 public:
  explicit Rounds(Duration patience) : patience_(patience) {}
  void begin(Instant now) {
    step_ = patience_;
    due_ = now + step_;
  }
  bool is_due(Instant now) const { return now >= due_; }
  std::uint64_t next(Instant now) {
    step_ = std::min(2 * step_, 64 * patience_);
    due_ = now + step_;
    return ++number_;
  }
  Instant due() const { return due_; }

 private:
  Duration patience_, step_{};
  Instant due_;
  std::uint64_t number_ = 0;
};

enum class Needs : std::uint8_t { all, any };

// The waiting itself. An algorithm derives from it, adds its messages, and is told
// when a wait begins and ends.
template <class... Own>
class Waiting : public Shape<Speaks<std::variant<Request, Reply, Cancel, Own...>>> {
 public:
  using Message = std::variant<Request, Reply, Cancel, Own...>;
  using typename Shape<Speaks<Message>>::Receive, typename Shape<Speaks<Message>>::Send,
      typename Shape<Speaks<Message>>::Tick;
  using Event = std::variant<Ask, Serve, Receive, Tick>;
  using Action = std::variant<Send, Wanted, GoesOn, GivesUp>;
  using Actions = std::vector<Action>;

  bool waits() const { return !waits_for_.empty(); }
  const std::set<NodeId>& waits_for() const { return waits_for_; }
  std::uint64_t wait() const { return wait_; }  // the number of the current or last wait
  Age age() const { return age_; }              // its place in the order of all waits

 protected:
  Waiting(NodeId self, Needs needs) : self_(self), needs_(needs) {}

  NodeId self() const { return self_; }
  bool is_asked_by(NodeId process) const { return asked_by_.contains(process); }
  bool is_asked_by(NodeId process, std::uint64_t in_wait) const {
    const auto found = asked_by_.find(process);
    return found != asked_by_.end() && found->second == in_wait;
  }
  void saw(std::uint64_t time) { clock_ = std::max(clock_, time); }

  // Whether a wait has begun.
  bool begin(const Ask& ask, Actions& actions) {
    if (waits() || ask.processes.empty() || ask.processes.contains(self_)) return false;
    waits_for_ = ask.processes;
    ++wait_;
    age_ = {++clock_, self_};
    for (const NodeId other : waits_for_) actions.push_back(Send{other, Request{wait_, clock_}});
    return true;
  }

  void serve(NodeId to, Actions& actions) {
    const auto found = asked_by_.find(to);
    if (waits() || found == asked_by_.end()) return;
    actions.push_back(Send{to, Reply{found->second, clock_}});
    asked_by_.erase(found);
  }

  void hear(NodeId from, const Request& request, Actions& actions) {
    saw(request.time);
    asked_by_[from] = request.wait;
    actions.push_back(Wanted{from});
  }
  void hear(NodeId from, const Cancel& cancel) {
    saw(cancel.time);
    const auto found = asked_by_.find(from);
    if (found != asked_by_.end() && found->second == cancel.wait) asked_by_.erase(found);
  }
  // Whether the wait is over by this.
  bool hear(NodeId from, const Reply& reply, Actions& actions) {
    saw(reply.time);
    if (reply.wait != wait_ || waits_for_.erase(from) == 0) return false;
    if (needs_ == Needs::all && waits()) return false;
    cancel_all(actions);
    actions.push_back(GoesOn{});
    return true;
  }

  void give_up(Actions& actions) {
    cancel_all(actions);
    actions.push_back(GivesUp{});
  }

 private:
  void cancel_all(Actions& actions) {
    ++clock_;
    for (const NodeId other : std::exchange(waits_for_, {}))
      actions.push_back(Send{other, Cancel{wait_, clock_}});
  }

  NodeId self_;
  Needs needs_;
  std::uint64_t clock_ = 0;
  std::uint64_t wait_ = 0;
  Age age_;
  std::set<NodeId> waits_for_;
  std::map<NodeId, std::uint64_t> asked_by_;  // whom we have not answered, and that one's wait
};

}  // namespace coord::deadlock
