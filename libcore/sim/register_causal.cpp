// SPDX-License-Identifier: MIT
// The causal order is the least one that has each client's operations in their order and each write before
// the reads that gave its value. An operation's past is kept as a vector: of each client, how many of its
// operations. So "before" is one comparison, and of the writes of one client to a name the last one in a past
// is the only one worth a look: if an earlier one contradicts a read, so does it. Where writes say what they
// supersede each is looked at. A write that was not answered may never have happened: its client's operations
// do not come after it, only who has read it does.
#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <vector>

#include "base/format.hpp"
#include "sim/register_index.hpp"

namespace coord::sim {

namespace {

using Kind = RegisterOperation::Kind;
using Outcome = Operation::Outcome;

constexpr std::size_t most_cells = 250'000'000;  // of 4 bytes

class CausalHistory {
 public:
  explicit CausalHistory(const std::vector<RegisterOperation>& history)
      : history_(history),
        names_(by_name(history)),
        client_(history.size()),
        number_(history.size()),
        previous_(history.size()) {
    std::vector<std::size_t> order(history.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {},
                             [&](std::size_t i) { return std::pair(history[i].client, history[i].start); });
    for (const std::size_t place : order) {
      const RegisterOperation& operation = history[place];
      if (operation.outcome == Outcome::failed) continue;
      const auto [client, is_new] = clients_.try_emplace(operation.client, chains_.size());
      if (is_new) chains_.emplace_back();
      const auto& chain = chains_[client->second];
      if (!chain.empty()) previous_[place] = chain.back();
      const bool stands_alone = operation.kind != Kind::read && operation.outcome == Outcome::unknown;
      client_[place] = stands_alone ? chains_.size() : client->second;
      if (stands_alone) chains_.emplace_back();
      chains_[client_[place]].push_back(place);
      number_[place] = static_cast<std::uint32_t>(chains_[client_[place]].size());  // from 1
    }
  }

  bool fits() const { return history_.size() * std::max<std::size_t>(1, chains_.size()) <= most_cells; }
  // False: an operation is before itself; `cycle()` has those that could not be ordered.
  bool order();
  LevelVerdict cycle() const;
  std::optional<LevelVerdict> bad_pattern() const;

 private:
  using Past = std::vector<std::uint32_t>;  // by client

  bool before(std::size_t a, std::size_t b) const {
    return a != b && pasts_[b * chains_.size() + client_[a]] >= number_[a];
  }
  std::uint32_t past(std::size_t of, std::size_t client) const {
    return pasts_[of * chains_.size() + client];
  }
  std::vector<std::size_t> seen(std::size_t place) const;
  void take_over(std::size_t from, std::size_t to);

  struct Writes {  // of one client to one name, in its order
    std::size_t client;
    std::vector<std::size_t> places;
  };
  std::vector<Writes> writes_of(const NamedRegister& named) const;
  std::vector<std::size_t> before_read(const NamedRegister& named, const Writes& writes,
                                       std::size_t read) const;
  std::optional<LevelVerdict> read_fits(const std::string& name, const NamedRegister& named,
                                        const std::vector<Writes>& writes, std::size_t read) const;
  bool contradicts(const NamedRegister& named, std::size_t write, std::uint64_t value) const;
  bool may_be_superseded(const NamedRegister& named, std::size_t write, std::size_t read) const;

  const std::vector<RegisterOperation>& history_;
  std::map<std::string, NamedRegister> names_;
  std::map<std::uint64_t, std::size_t> clients_;
  std::vector<std::vector<std::size_t>> chains_;
  std::vector<std::size_t> client_;
  std::vector<std::uint32_t> number_;  // within its client's
  std::vector<std::optional<std::size_t>> previous_;
  std::vector<std::uint32_t> pasts_;  // operation by operation
  std::vector<bool> done_;
};

// What must be before `place`: the client's operation before it, and the writers of what it read.
std::vector<std::size_t> CausalHistory::seen(std::size_t place) const {
  std::vector<std::size_t> before;
  if (previous_[place]) before.push_back(*previous_[place]);
  const RegisterOperation& operation = history_[place];
  if (operation.kind != Kind::read || operation.outcome != Outcome::ok) return before;
  const NamedRegister& named = names_.at(operation.name);
  for (const std::uint64_t value : operation.values) before.push_back(named.writer.at(value));
  return before;
}

void CausalHistory::take_over(std::size_t from, std::size_t to) {
  const std::size_t size = chains_.size();
  for (std::size_t client = 0; client < size; ++client) {
    std::uint32_t& known = pasts_[to * size + client];
    known = std::max(known, pasts_[from * size + client]);
  }
}

bool CausalHistory::order() {
  pasts_.assign(history_.size() * chains_.size(), 0);
  done_.assign(history_.size(), false);
  std::vector<std::size_t> waits_for(history_.size(), 0);
  std::vector<std::vector<std::size_t>> lets_go(history_.size());
  std::vector<std::size_t> ready;
  std::size_t left = 0;
  for (const auto& chain : chains_) {
    for (const std::size_t place : chain) {
      ++left;
      for (const std::size_t before : seen(place)) {
        ++waits_for[place];
        lets_go[before].push_back(place);
      }
      if (waits_for[place] == 0) ready.push_back(place);
    }
  }
  while (!ready.empty()) {
    const std::size_t place = ready.back();
    ready.pop_back();
    --left;
    done_[place] = true;
    for (const std::size_t before : seen(place)) take_over(before, place);
    pasts_[place * chains_.size() + client_[place]] = number_[place];
    for (const std::size_t next : lets_go[place])
      if (--waits_for[next] == 0) ready.push_back(next);
  }
  return left == 0;
}

// From one that could not be ordered back along those before it, until one comes again.
LevelVerdict CausalHistory::cycle() const {
  std::size_t at = 0;
  for (const auto& chain : chains_)
    for (const std::size_t place : chain)
      if (!done_[place]) at = place;
  std::vector<std::size_t> way;
  while (std::ranges::find(way, at) == way.end()) {
    way.push_back(at);
    for (const std::size_t before : seen(at))
      if (!done_[before]) {
        at = before;
        break;
      }
  }
  way.erase(way.begin(), std::ranges::find(way, at));
  std::ranges::reverse(way);
  return {false, history_[at].name, way, "each of these operations comes before itself"};
}

std::vector<CausalHistory::Writes> CausalHistory::writes_of(const NamedRegister& named) const {
  std::map<std::size_t, std::vector<std::size_t>> by_client;
  for (const std::size_t place : named.writes) by_client[client_[place]].push_back(place);
  std::vector<Writes> all;
  for (auto& [client, places] : by_client) {
    std::ranges::sort(places, {}, [&](std::size_t place) { return number_[place]; });
    all.push_back({client, std::move(places)});
  }
  return all;
}

// Those that are worth a look.
std::vector<std::size_t> CausalHistory::before_read(const NamedRegister& named, const Writes& writes,
                                                    std::size_t read) const {
  const std::uint32_t known = past(read, writes.client);
  const auto after =
      std::ranges::upper_bound(writes.places, known, {}, [&](std::size_t place) { return number_[place]; });
  if (after == writes.places.begin()) return {};
  const auto first = named.says_what_it_supersedes ? writes.places.begin() : std::prev(after);
  return {first, after};
}

// What itself comes after the read is no excuse for it. Nor is, where nothing was read, any
// other than a remove.
bool CausalHistory::may_be_superseded(const NamedRegister& named, std::size_t write, std::size_t read) const {
  const bool by_remove_only = history_[read].values.empty();
  return std::ranges::any_of(named.writes, [&](std::size_t other) {
    const RegisterOperation& later = history_[other];
    if (other == write || before(read, other)) return false;
    if (by_remove_only && later.kind != Kind::remove) return false;
    if (later.supersedes && !by_remove_only) return names(later, history_[write].value);
    return !before(other, write);
  });
}

// A write has superseded the value.
bool CausalHistory::contradicts(const NamedRegister& named, std::size_t write, std::uint64_t value) const {
  if (named.writer.at(value) == write) return false;
  const RegisterOperation& later = history_[write];
  return later.supersedes ? names(later, value) : before(named.writer.at(value), write);
}

std::optional<LevelVerdict> CausalHistory::read_fits(const std::string& name, const NamedRegister& named,
                                                     const std::vector<Writes>& writes,
                                                     std::size_t read) const {
  const RegisterOperation& operation = history_[read];
  for (const Writes& of_client : writes) {
    for (const std::size_t place : before_read(named, of_client, read)) {
      const RegisterOperation& write = history_[place];
      for (const std::uint64_t value : operation.values) {
        if (contradicts(named, place, value))
          return LevelVerdict{
              false,
              name,
              {read, place, named.writer.at(value)},
              fmt::format("a read gave {}, which a write that is before the read had superseded", value)};
      }
      if (write.kind == Kind::remove || gives(operation, write.value)) continue;
      if ((operation.values.empty() || operation.whole) && !may_be_superseded(named, place, read))
        return LevelVerdict{false,
                            name,
                            {read, place},
                            fmt::format("a read misses {}, which was written before it", write.value)};
    }
  }
  return std::nullopt;
}

std::optional<LevelVerdict> CausalHistory::bad_pattern() const {
  for (const auto& [name, named] : names_) {
    const std::vector<Writes> writes = writes_of(named);
    for (const std::size_t read : named.reads)
      if (auto verdict = read_fits(name, named, writes, read)) return verdict;
  }
  return std::nullopt;
}

}  // namespace

std::optional<LevelVerdict> check_causal(const std::vector<RegisterOperation>& history) {
  CausalHistory causal(history);
  if (!causal.fits()) return std::nullopt;
  if (!causal.order()) return causal.cycle();
  if (auto verdict = causal.bad_pattern()) return verdict;
  return LevelVerdict{};
}

}  // namespace coord::sim
