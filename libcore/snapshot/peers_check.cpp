// SPDX-License-Identifier: MIT
// Whether a snapshot of the group itself is a consistent cut, and what its peers say fits together.
//
// Links: what was sent before the sender's cut is received before the receiver's, or on its way. Peers: the
// logs are prefixes of one log, so peers that have applied the same place have the same state; no token was
// given twice.
#include <algorithm>
#include <map>
#include <optional>

#include "base/format.hpp"
#include "snapshot/consistency.hpp"

namespace coord::record {
namespace {

std::optional<std::uint64_t> term_at(const Peer& peer, std::uint64_t index) {
  if (index < peer.first_index || index > peer.last_index) return std::nullopt;
  std::optional<std::uint64_t> term;
  for (const Run& run : peer.runs) {
    if (run.index <= index) term = run.term;
  }
  return term;
}

std::uint64_t total(const Kinds& kinds) {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : kinds) sum += count;
  return sum;
}

class PeerExamination {
 public:
  PeerExamination(const Snapshot& snapshot, std::vector<Finding>& findings)
      : snapshot_(snapshot), findings_(findings) {
    for (const Peer& peer : snapshot.peers) peers_.emplace(peer.name, &peer);
  }

  void run() {
    for (const Member& member : snapshot_.members) {
      if (!peers_.contains(member.id) && !is_missing(member.id))
        find(Rule::unrecorded, member.id, "it is a member of the group and has no record");
    }
    for (const auto& [from, sender] : peers_) {
      for (const auto& [to, receiver] : peers_) {
        if (from != to) examine_link(*sender, *receiver);
      }
    }
    for (auto a = peers_.begin(); a != peers_.end(); ++a) {
      for (auto b = std::next(a); b != peers_.end(); ++b) compare_logs(*a->second, *b->second);
    }
    examine_tokens();
  }

 private:
  bool is_missing(const std::string& id) const {
    return std::ranges::any_of(snapshot_.missing, [&](const Missing& missing) { return missing.id == id; });
  }
  void find(Rule rule, std::string id, std::string detail) {
    findings_.push_back({rule, std::move(id), std::move(detail)});
  }

  const Link* link(const std::string& from, const std::string& to) const {
    for (const Link& candidate : snapshot_.links) {
      if (candidate.from == from && candidate.to == to) return &candidate;
    }
    return nullptr;
  }

  void examine_link(const Peer& sender, const Peer& receiver) {
    const std::string name = fmt::format("{} > {}", sender.name, receiver.name);
    if (is_missing(name)) return;
    const Link* const recorded = link(sender.name, receiver.name);
    const auto stood = sender.links.find(receiver.name);
    if (recorded == nullptr || !recorded->marked) {
      if (stood != sender.links.end())
        find(Rule::unmarked, name,
             fmt::format("the link stood at the cut of {}, and no marker came", sender.name));
      return;
    }
    if (recorded->broke) {
      find(Rule::lost, name, "the connection broke between the two cuts");
      return;
    }
    const std::uint64_t sent = stood == sender.links.end() ? 0 : stood->second;
    if (sent != recorded->sent)
      find(Rule::clock, name,
           fmt::format("its marker says that {} were sent, and {} says {}", recorded->sent, sender.name,
                       sent));
    const std::uint64_t accounted = recorded->received + total(recorded->messages) - recorded->earlier;
    if (accounted > recorded->sent)
      find(Rule::never_sent, name,
           fmt::format("{} were received or are on their way, and {} were sent", accounted, recorded->sent));
    if (accounted < recorded->sent)
      find(Rule::lost, name,
           fmt::format("{} were sent, and {} were received or are on their way", recorded->sent, accounted));
    for (const auto& [kind, received] : recorded->datagrams_received) {
      const auto found = recorded->datagrams_sent.find(kind);
      const std::uint64_t told = found == recorded->datagrams_sent.end() ? 0 : found->second;
      if (received > told)
        find(Rule::never_sent, name,
             fmt::format("{} datagrams {} were received, and {} were sent", received, kind, told));
    }
  }

  void compare_logs(const Peer& a, const Peer& b) {
    const Peer& behind = a.applied <= b.applied ? a : b;
    const Peer& ahead = a.applied <= b.applied ? b : a;
    const auto own = term_at(behind, behind.applied), other = term_at(ahead, behind.applied);
    if (own && other && *own != *other)
      find(Rule::not_a_prefix, fmt::format("{} > {}", behind.name, ahead.name),
           fmt::format("place {} is of term {} at {} and of term {} at {}", behind.applied, *own, behind.name,
                       *other, ahead.name));
    if (a.applied != b.applied) return;
    if (a.holds != b.holds || a.waits != b.waits || a.barriers != b.barriers ||
        a.last_token != b.last_token || a.sessions != b.sessions)
      find(Rule::not_a_prefix, fmt::format("{} > {}", a.name, b.name),
           fmt::format("both have applied place {}, and their states differ", a.applied));
  }

  // Within one peer no two holds have a token; in two peers it is of the same session and names.
  void examine_tokens() {
    std::map<std::uint64_t, const Claim*> given;
    for (const auto& [name, peer] : peers_) {
      std::map<std::uint64_t, const Claim*> here;
      for (const Claim& hold : peer->holds) {
        if (hold.token > peer->last_token)
          find(Rule::never_sent, name,
               fmt::format("a hold has token {}, and the last that was given is {}", hold.token,
                           peer->last_token));
        const bool is_first = here.emplace(hold.token, &hold).second;
        const auto [known, is_new] = given.emplace(hold.token, &hold);
        if (!is_first ||
            (!is_new && (known->second->session != hold.session || known->second->names != hold.names)))
          find(Rule::token_twice, name, fmt::format("token {} has two holds", hold.token));
      }
    }
  }

  const Snapshot& snapshot_;
  std::vector<Finding>& findings_;
  std::map<std::string, const Peer*, std::less<>> peers_;
};

}  // namespace

void examine_peers(const Snapshot& snapshot, std::vector<Finding>& findings) {
  PeerExamination(snapshot, findings).run();
}

}  // namespace coord::record
