// SPDX-License-Identifier: MIT
// The causal order is the least one that has each client's operations in their order and each write before
// the reads that gave its value. An operation's past is kept as a vector: of each client, how many of its
// operations. So "before" is one comparison, and of the writes of one client to a name the last one in a past
// is the only one worth a look: if an earlier one contradicts a read, so does it. Where writes say what they
// supersede each is looked at, and a value is looked up among those that they name. Whether a write may have
// been superseded by one that names nothing is one question a client: of its writes those before the write
// are the first ones, and those after the read the last ones. A write that was not answered may never have
// happened: its client's operations do not come after it, only who has read it does.
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
  struct Register {  // one name
    const std::string& name;
    const NamedRegister& named;
    std::vector<Writes> all, silent, removes;  // silent: they do not say what they supersede
    std::map<std::uint64_t, std::vector<std::size_t>> superseders;  // of a value: the writes that name it
  };
  Register look_at(const std::string& name, const NamedRegister& named) const;
  std::vector<Writes> by_client(const std::vector<std::size_t>& places) const;
  std::size_t count_before(const Writes& writes, std::uint32_t known) const;
  std::optional<LevelVerdict> gives_what_was_superseded(const Register& of, std::size_t read) const;
  std::optional<LevelVerdict> misses(const Register& of, std::size_t read) const;
  bool may_be_superseded(const Register& of, std::size_t write, std::size_t read) const;
  bool one_is_between(const std::vector<Writes>& writers, std::size_t write, std::size_t read) const;

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

std::vector<CausalHistory::Writes> CausalHistory::by_client(const std::vector<std::size_t>& places) const {
  std::map<std::size_t, std::vector<std::size_t>> sorted;
  for (const std::size_t place : places) sorted[client_[place]].push_back(place);
  std::vector<Writes> all;
  for (auto& [client, of_client] : sorted) {
    std::ranges::sort(of_client, {}, [&](std::size_t place) { return number_[place]; });
    all.push_back({client, std::move(of_client)});
  }
  return all;
}

CausalHistory::Register CausalHistory::look_at(const std::string& name, const NamedRegister& named) const {
  Register of{name, named, by_client(named.writes), {}, {}, {}};
  std::vector<std::size_t> silent, removes;
  for (const std::size_t place : named.writes) {
    const RegisterOperation& write = history_[place];
    if (write.kind == Kind::remove) removes.push_back(place);
    if (!write.supersedes) silent.push_back(place);
    if (!write.supersedes) continue;
    for (const std::uint64_t value : *write.supersedes) of.superseders[value].push_back(place);
  }
  of.silent = by_client(silent);
  of.removes = by_client(removes);
  return of;
}

// How many of the client's writes are among the first `known` of its operations.
std::size_t CausalHistory::count_before(const Writes& writes, std::uint32_t known) const {
  const auto after =
      std::ranges::upper_bound(writes.places, known, {}, [&](std::size_t place) { return number_[place]; });
  return static_cast<std::size_t>(after - writes.places.begin());
}

// By a write that is before the read.
std::optional<LevelVerdict> CausalHistory::gives_what_was_superseded(const Register& of,
                                                                     std::size_t read) const {
  for (const std::uint64_t value : history_[read].values) {
    const std::size_t writer = of.named.writer.at(value);
    const auto verdict = [&](std::size_t later) {
      return LevelVerdict{
          false,
          of.name,
          {read, later, writer},
          fmt::format("a read gave {}, which a write that is before the read had superseded", value)};
    };
    if (const auto named = of.superseders.find(value); named != of.superseders.end()) {
      for (const std::size_t later : named->second)
        if (later != writer && before(later, read)) return verdict(later);
    }
    for (const Writes& writes : of.silent) {
      const std::size_t count = count_before(writes, past(read, writes.client));
      if (count != 0 && before(writer, writes.places[count - 1])) return verdict(writes.places[count - 1]);
    }
  }
  return std::nullopt;
}

// One of the writers' that is neither before the write nor after the read. Of a client the first one that is
// not before the write has the least after the read in its past.
bool CausalHistory::one_is_between(const std::vector<Writes>& writers, std::size_t write,
                                   std::size_t read) const {
  return std::ranges::any_of(writers, [&](const Writes& writes) {
    const std::size_t first = count_before(writes, past(write, writes.client));
    return first != writes.places.size() && !before(read, writes.places[first]);
  });
}

// What itself comes after the read is no excuse for it. Nor is, where nothing was read, any
// other than a remove.
bool CausalHistory::may_be_superseded(const Register& of, std::size_t write, std::size_t read) const {
  if (history_[read].values.empty()) return one_is_between(of.removes, write, read);
  const auto named = of.superseders.find(history_[write].value);
  if (named != of.superseders.end() && std::ranges::any_of(named->second, [&](std::size_t later) {
        return later != write && !before(read, later);
      }))
    return true;
  return one_is_between(of.silent, write, read);
}

std::optional<LevelVerdict> CausalHistory::misses(const Register& of, std::size_t read) const {
  const RegisterOperation& operation = history_[read];
  if (!operation.values.empty() && !operation.whole) return std::nullopt;
  std::vector<std::uint64_t> given = operation.values;
  std::ranges::sort(given);
  for (const Writes& writes : of.all) {
    const std::size_t count = count_before(writes, past(read, writes.client));
    const std::size_t first = of.named.says_what_it_supersedes || count == 0 ? 0 : count - 1;
    for (std::size_t i = first; i < count; ++i) {
      const RegisterOperation& write = history_[writes.places[i]];
      if (write.kind == Kind::remove || std::ranges::binary_search(given, write.value)) continue;
      if (!may_be_superseded(of, writes.places[i], read))
        return LevelVerdict{false,
                            of.name,
                            {read, writes.places[i]},
                            fmt::format("a read misses {}, which was written before it", write.value)};
    }
  }
  return std::nullopt;
}

std::optional<LevelVerdict> CausalHistory::bad_pattern() const {
  for (const auto& [name, named] : names_) {
    const Register of = look_at(name, named);
    for (const std::size_t read : named.reads) {
      if (auto verdict = gives_what_was_superseded(of, read)) return verdict;
      if (auto verdict = misses(of, read)) return verdict;
    }
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
