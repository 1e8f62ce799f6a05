// SPDX-License-Identifier: MIT
// Casts longer than a datagram: offered by many, fetched by pieces from one of them at a time.
#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "protocol/broadcast/gossip.hpp"

namespace coord::broadcast {

namespace {

constexpr std::size_t most_fetched = 32;  // casts at once
constexpr std::size_t at_a_time = 16;     // pieces asked for
constexpr std::size_t most_in_vain = 20;  // questions
constexpr std::size_t most_offering = 8;  // of a cast: so many are remembered
constexpr Duration answered_in = std::chrono::milliseconds(60);

std::size_t count_of(std::size_t size) {
  return (size + piece_bytes - 1) / piece_bytes;
}
bool has_bit(const Pieces& pieces, std::size_t index) {
  return (pieces.at(index / 64) >> (index % 64) & 1U) != 0;
}
void set_bit(Pieces& pieces, std::size_t index) {
  pieces.at(index / 64) |= std::uint64_t{1} << (index % 64);
}
void clear_bit(Pieces& pieces, std::size_t index) {
  pieces.at(index / 64) &= ~(std::uint64_t{1} << (index % 64));
}
bool is_empty(const Pieces& pieces) {
  return pieces[0] == 0 && pieces[1] == 0;
}

}  // namespace

void Gossip::heard(Instant now, NodeId from, const Offer& what, Actions& actions) {
  if (Held* const held = find(what.id)) has(*held, what.id, from, actions);
  if (!takes(what.id, what.age)) return actions.push_back(Send{from, broadcast::Heard{what.id, false}});
  const auto found = fetching_.find(what.id);
  if (found != fetching_.end()) {
    std::deque<NodeId>& others = found->second.from;
    if (others.size() < most_offering && std::ranges::find(others, from) == others.end())
      others.push_back(from);
    return;
  }
  if (fetching_.size() >= most_fetched) return;  // it will be offered again
  Fetching& fetching = fetching_[what.id];
  fetching.after = what.after;
  fetching.born = now - what.age;
  fetching.bytes.resize(what.size);
  fetching.from.push_back(from);
  for (std::size_t i = 0; i < count_of(what.size); ++i) set_bit(fetching.missing, i);
  ask(now, what.id, fetching, actions);
}

void Gossip::ask(Instant now, const CastId& id, Fetching& fetching, Actions& actions) {
  fetching.asked_for = {};
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < most_pieces && wanted < at_a_time; ++i) {
    if (!has_bit(fetching.missing, i)) continue;
    set_bit(fetching.asked_for, i);
    ++wanted;
  }
  fetching.ask_at = now + answered_in;
  actions.push_back(Send{fetching.from.front(), Want{id, fetching.asked_for}});
}

// Whose pieces have not come, by another one if there is one.
void Gossip::ask_again(Instant now, Actions& actions) {
  for (auto entry = fetching_.begin(); entry != fetching_.end();) {
    auto& [id, fetching] = *entry;
    if (fetching.ask_at > now) {
      ++entry;
    } else if (++fetching.in_vain > most_in_vain) {
      entry = fetching_.erase(entry);
    } else {
      fetching.from.push_back(fetching.from.front());
      fetching.from.pop_front();
      ask(now, id, fetching, actions);
      ++entry;
    }
  }
}

void Gossip::heard(Instant, NodeId from, const Want& what, Actions& actions) {
  const Held* const held = find(what.id);
  if (held == nullptr || !held->cast) return;
  const Payload& body = held->cast->body;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < count_of(body.size()) && sent < at_a_time; ++i) {
    if (!has_bit(what.pieces, i)) continue;
    actions.push_back(
        Send{from, Piece{what.id, static_cast<std::uint32_t>(i), body.substr(i * piece_bytes, piece_bytes)}});
    ++sent;
  }
}

void Gossip::heard(Instant now, NodeId from, const Piece& what, Actions& actions) {
  const auto found = fetching_.find(what.id);
  if (found == fetching_.end()) return;
  Fetching& fetching = found->second;
  const std::size_t begin = what.index * piece_bytes;
  const bool fits = begin < fetching.bytes.size() &&
                    what.bytes.size() == std::min(piece_bytes, fetching.bytes.size() - begin);
  if (!fits || !has_bit(fetching.missing, what.index)) return;
  std::ranges::copy(what.bytes, fetching.bytes.begin() + static_cast<std::ptrdiff_t>(begin));
  clear_bit(fetching.missing, what.index);
  clear_bit(fetching.asked_for, what.index);
  fetching.in_vain = 0;
  if (COORD_RULE_OR(a_cast_is_whole_before_it_is_taken, is_empty(fetching.missing),
                    is_empty(fetching.asked_for))) {
    for (const NodeId node : fetching.from)
      actions.push_back(Send{node, broadcast::Heard{what.id, node == from}});
    const std::set<NodeId> have(fetching.from.begin(), fetching.from.end());
    Cast cast{what.id, std::move(fetching.after), std::move(fetching.bytes)};
    learn(now, from, std::move(cast), now - fetching.born, actions);
    if (Held* const held = find(what.id); held != nullptr && held->hot)
      held->hot->have.insert(have.begin(), have.end());
  } else if (is_empty(fetching.asked_for)) {
    ask(now, what.id, fetching, actions);
  }
}

}  // namespace coord::broadcast
