// SPDX-License-Identifier: MIT
// Anti-entropy: members compare what they have, and give each other what the other one lacks.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/broadcast/gossip.hpp"

namespace coord::broadcast {

namespace {

constexpr std::size_t told_at_once = 16;          // by datagram, in answer to a digest
constexpr std::size_t small_digest_bytes = 1024;  // in a datagram
constexpr std::size_t summary_bytes = 36;
constexpr std::size_t few_extras = 8;  // in a small digest
// Of the frequent comparisons: where datagrams do not come through the stream does.
constexpr std::size_t thorough_each = 4;

const Summary* of_life(const Digest& digest, NodeId origin, std::uint64_t life) {
  const auto found = std::ranges::find_if(digest.summaries, [&](const Summary& summary) {
    return summary.origin == origin && summary.life == life;
  });
  return found == digest.summaries.end() ? nullptr : &*found;
}

bool says(const Summary& summary, std::uint64_t number) {
  return number <= summary.upto || std::ranges::find(summary.extras, number) != summary.extras.end();
}

}  // namespace

// Who has heard something lately compares often, and goes on seldom as long as it remembers anything.
void Gossip::compare(Instant now, Actions& actions) {
  if (origins_.empty()) return compare_at_.reset();
  const bool lately = last_news_ && now - *last_news_ <= config_.lately;
  const Duration pause = lately ? config_.compare_often : config_.compare_seldom;
  compare_at_ = now + random_.between(pause / 2, pause + pause / 2);
  if (by_arrival_.empty()) return;
  const bool thorough = !lately || ++compared_ % thorough_each == 0;
  for (const NodeId to : some(lately ? members_.alive : members_.all, {}, 1))
    actions.push_back(Send{to, digest(thorough, false)});
}

void Gossip::on(Instant, const Meet& event, Actions& actions) {
  if (!by_arrival_.empty() && event.node != config_.self)
    actions.push_back(Send{event.node, digest(true, false)});
}

// The lives that were heard last, as many as there is room for.
Digest Gossip::digest(bool thorough, bool is_answer) const {
  std::vector<std::pair<Instant, Life>> lives;
  for (const auto& [life, origin] : origins_)
    if (!origin.held.empty()) lives.emplace_back(origin.last, life);
  std::ranges::sort(lives, std::greater<>());
  Digest digest{{}, true, thorough, is_answer};
  std::size_t bytes = 0;
  for (const auto& [last, life] : lives) {
    const Origin& origin = origins_.at(life);
    Summary summary{life.first, life.second, origin.expired, origin.upto, {}};
    for (auto held = origin.held.upper_bound(origin.upto);
         held != origin.held.end() && summary.extras.size() < (thorough ? most_extras : few_extras); ++held)
      summary.extras.push_back(held->first);
    bytes += summary_bytes + 8 * summary.extras.size();
    if (digest.summaries.size() >= most_summaries || (!thorough && bytes > small_digest_bytes)) {
      digest.is_complete = false;
      break;
    }
    digest.summaries.push_back(std::move(summary));
  }
  return digest;
}

void Gossip::heard(Instant now, NodeId from, const Digest& what, Actions& actions) {
  adopt(what);
  for (const auto& [at, id] : std::set(due_)) {
    const Summary* const summary = of_life(what, id.origin, id.life);
    if (summary != nullptr && says(*summary, id.number)) has(*find(id), id, from, actions);
  }
  give(now, from, what, actions);
  if (!what.is_answer && lacks_some_of(what)) actions.push_back(Send{from, digest(what.thorough, true)});
}

// What nobody has any more is not waited for.
void Gossip::adopt(const Digest& theirs) {
  for (const Summary& summary : theirs.summaries) {
    const auto found = origins_.find({summary.origin, summary.life});
    if (found == origins_.end()) continue;
    forget_up_to(found->second, summary.expired);
    found->second.expired = std::max(found->second.expired, summary.expired);
    advance(found->second);
  }
}

bool Gossip::lacks_some_of(const Digest& theirs) const {
  return std::ranges::any_of(theirs.summaries, [&](const Summary& summary) {
    const auto found = origins_.find({summary.origin, summary.life});
    if (found == origins_.end()) return summary.upto > summary.expired || !summary.extras.empty();
    const Origin& mine = found->second;
    return summary.upto > mine.upto || std::ranges::any_of(summary.extras, [&](std::uint64_t number) {
             return number > mine.upto && !mine.held.contains(number);
           });
  });
}

void Gossip::give(Instant now, NodeId to, const Digest& theirs, Actions& actions) const {
  Bring bring;
  std::size_t told = 0, bytes = 0;
  for (const auto& [life, origin] : origins_) {
    const Summary* const summary = of_life(theirs, life.first, life.second);
    if (summary == nullptr && !theirs.is_complete) continue;
    const std::uint64_t above = summary == nullptr ? 0 : std::max(summary->upto, summary->expired);
    for (auto entry = origin.held.upper_bound(above); entry != origin.held.end(); ++entry) {
      const Held& held = entry->second;
      if (!held.cast || (summary != nullptr && says(*summary, entry->first))) continue;
      if (theirs.thorough ? bytes >= brought_bytes : told >= told_at_once) break;
      ++told;
      bytes += held.cast->body.size() + 256;
      if (!COORD_RULE_OR(who_lacks_it_is_given_it, true, false)) continue;
      if (theirs.thorough) {
        bring.casts.push_back({*held.cast, now - held.born});
      } else {
        tell(now, to, held, actions);
      }
    }
  }
  if (!bring.casts.empty()) actions.push_back(Send{to, std::move(bring)});
}

void Gossip::heard(Instant now, NodeId from, const Bring& what, Actions& actions) {
  for (const Tell& tell : what.casts)
    if (takes(tell.cast.id, tell.age)) learn(now, from, tell.cast, tell.age, actions);
}

}  // namespace coord::broadcast
