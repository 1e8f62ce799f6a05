// SPDX-License-Identifier: MIT
#include "sweep/history.hpp"

#include <algorithm>

namespace coord::sweep {

namespace {

using Kind = sim::Operation::Kind;
using Outcome = sim::Operation::Outcome;

constexpr std::uint64_t unheard_clients = std::uint64_t{1} << 32U;  // numbers above those of runs

sim::Operation operation(std::uint64_t client, Kind kind, const std::string& name, Instant start,
                         std::uint64_t token) {
  sim::Operation result;
  result.client = client;
  result.kind = kind;
  result.name = name;
  result.start = start;
  result.value = token;
  return result;
}

// The lock may be taken back at any time from when nobody could be sure of it any more.
Instant may_be_lost_from(const Seen& seen) {
  if (!seen.ran) return seen.asked;
  const Instant ended = seen.ended.value_or(Instant::max());
  return seen.unguarded_from ? std::min(*seen.unguarded_from, ended) : ended;
}

}  // namespace

std::vector<sim::Operation> history_of(const std::vector<Seen>& seen,
                                       const std::multimap<Token, Unheard>& unheard) {
  std::vector<sim::Operation> history;
  const auto answered = [](sim::Operation what, Outcome outcome, Instant end) {
    what.outcome = outcome;
    what.end = end;
    return what;
  };
  for (const Seen& s : seen) {
    if (s.permits > 1 || (s.token == Token{} && !s.refused)) continue;
    const Kind kind = s.shared ? Kind::acquire_shared : Kind::acquire;
    const std::string name = s.leads ? leadership_of(s.name) : s.name;
    const sim::Operation acquire = operation(s.run, kind, name, s.asked, s.token.value);
    history.push_back(answered(acquire, s.refused ? Outcome::failed : Outcome::ok, s.answered));
    if (s.refused) continue;
    if (s.released_by) {
      const sim::Operation release = operation(s.run, Kind::release, name, *s.ended, s.token.value);
      history.push_back(answered(release, Outcome::ok, *s.released_by));
    } else if (s.ended || !s.ran) {
      history.push_back(operation(s.run, Kind::expire, name, may_be_lost_from(s), s.token.value));
    }
  }
  for (const auto& [token, grant] : unheard) {
    const std::uint64_t client = unheard_clients + token.value;
    const Kind kind = grant.shared ? Kind::acquire_shared : Kind::acquire;
    history.push_back(
        answered(operation(client, kind, grant.name, grant.at, token.value), Outcome::ok, grant.at));
    history.push_back(operation(client, Kind::expire, grant.name, grant.at, token.value));
  }
  return history;
}

std::optional<std::string> not_linearizable(const std::vector<sim::Operation>& history,
                                            const HistoryOptions& options, bool& undecided) {
  using Answer = sim::LinearizabilityVerdict::Answer;
  sim::LinearizabilityOptions search;
  search.limit = options.limit;
  search.refusals_need_holder = options.refusals_need_holder;
  const sim::LinearizabilityVerdict verdict = sim::check_linearizable(history, sim::Model::lock, search);
  undecided = verdict.answer == Answer::undecided;
  if (verdict.answer != Answer::no) return std::nullopt;
  std::string text = verdict.name + ": " + verdict.explanation;
  for (const std::size_t i : verdict.offending) text += "; " + history[i].text();
  return text;
}

}  // namespace coord::sweep
