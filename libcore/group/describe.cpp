// SPDX-License-Identifier: MIT
#include "group/describe.hpp"

namespace coord::group {
namespace {

using record::Claim;

std::string_view name_of(raft::Role role) {
  switch (role) {
    case raft::Role::bootstrap:
      return "founding";
    case raft::Role::follower:
      return "follower";
    case raft::Role::pre_candidate:
    case raft::Role::candidate:
      return "candidate";
    case raft::Role::leader:
      return "leader";
    case raft::Role::halted:
      return "halted";
  }
  return "";
}

// Fills a record as far as there is room.
class Filler {
 public:
  Filler(record::Peer& peer, const service::State& state, std::size_t most_bytes)
      : peer_(peer), state_(state), room_(most_bytes) {}

  void locks() {
    for (const auto& [place, request] : state_.requests)
      add(request.held() ? peer_.holds : peer_.waits,
          claim("lock", request.names, request.token, request.session));
    for (const auto& [token, hold] : state_.lingering_holds) {
      Claim left = claim("lingering lock", hold.names, token, hold.session);
      left.host = hold.owner.host;
      left.user = hold.owner.user;
      add(peer_.holds, std::move(left));
    }
  }
  void elections() {
    for (const auto& [name, leadership] : state_.elections.leaderships) {
      for (const auto& [place, candidate] : leadership.candidates) {
        const bool leads = place == leadership.leader;
        add(leads ? peer_.holds : peer_.waits,
            claim("leadership", {name}, leads ? leadership.term : Token{}, candidate.session));
      }
    }
  }
  void barriers() {
    for (const auto& [name, barrier] : state_.barriers.barriers) {
      const auto [number, generation] = barrier.current();
      if (generation == nullptr) continue;
      record::BarrierGeneration recorded{name, number, generation->arrivals.size(), generation->terms.count,
                                         service::name_of(generation->stage)};
      if (take(recorded.name.size())) {
        peer_.barriers.push_back(std::move(recorded));
      } else {
        ++peer_.left_out;
      }
    }
  }

 private:
  static constexpr std::size_t numbers = 120;  // of a record's text, with its field's names

  bool take(std::size_t bytes) {
    // A byte has at most six in JSON.
    const std::size_t needed = numbers + bytes * 6;
    const std::size_t count = peer_.holds.size() + peer_.waits.size() + peer_.barriers.size();
    if (needed > room_ || count >= record::most_claims) return false;
    room_ -= needed;
    return true;
  }
  void add(std::vector<Claim>& to, Claim claim) {
    std::size_t bytes = claim.host.size() + claim.user.size();
    for (const auto& name : claim.names) bytes += name.size() + 1;
    if (take(bytes)) {
      to.push_back(std::move(claim));
    } else {
      ++peer_.left_out;
    }
  }
  Claim claim(const char* kind, const std::vector<std::string>& names, Token token, SessionId session) const {
    Claim claim{kind, names, token.value, session.value, {}, {}};
    if (const auto found = state_.sessions.find(session); found != state_.sessions.end()) {
      claim.host = found->second.owner.host;
      claim.user = found->second.owner.user;
    }
    return claim;
  }

  record::Peer& peer_;
  const service::State& state_;
  std::size_t room_;
};

void add_log(record::Peer& peer, const raft::Log& log) {
  peer.first_index = log.base().value;
  peer.last_index = log.last().value;
  // From the end to the beginning of each term.
  for (LogIndex at = log.last(); peer.runs.size() < record::most_claims;) {
    const auto term = log.term_at(at);
    if (!term) break;
    const LogIndex before = term->value == 0 ? log.base() : log.last_at_most(at, Term{term->value - 1});
    const bool reaches_base = before <= log.base() && log.term_at(log.base()) == term;
    const LogIndex first = reaches_base ? log.base() : LogIndex{before.value + 1};
    peer.runs.insert(peer.runs.begin(), {first.value, term->value});
    if (first <= log.base()) break;
    at = before;
  }
}

}  // namespace

record::Peer describe(const replica::ReplicatedService& service, const node::Moment& moment,
                      std::size_t most_bytes) {
  const replica::Replica& replica = service.replica();
  const raft::Raft& raft = replica.raft();
  const service::State& state = replica.machine().state();
  record::Peer peer;
  peer.life = std::to_string(replica.life());
  peer.role = name_of(raft.role());
  peer.term = raft.term().value;
  peer.level = state.level;
  peer.commit_index = raft.commit_index().value;
  peer.applied = replica.applied().value;
  peer.last_token = state.last_token.value;
  peer.sessions = state.sessions.size();
  peer.wall = moment.wall;
  peer.running = std::chrono::duration_cast<std::chrono::milliseconds>(moment.now.time_since_epoch());
  add_log(peer, raft.log());
  Filler filler(peer, state, most_bytes);
  filler.locks();
  filler.elections();
  filler.barriers();
  return peer;
}

}  // namespace coord::group
