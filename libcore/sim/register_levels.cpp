// SPDX-License-Identifier: MIT
#include "sim/register_levels.hpp"

#include <set>

#include "base/format.hpp"
#include "sim/register_index.hpp"

namespace coord::sim {

namespace {

using Kind = RegisterOperation::Kind;
using Outcome = Operation::Outcome;
using Operations = std::vector<RegisterOperation>;

LevelVerdict broken(const std::string& name, std::vector<std::size_t> offending, std::string explanation) {
  return {false, name, std::move(offending), std::move(explanation)};
}

// Whether `later` has superseded the write `earlier`, whatever came between.
bool has_superseded(const RegisterOperation& later, const RegisterOperation& earlier) {
  if (later.outcome != Outcome::ok) return false;
  if (later.supersedes) return names(later, earlier.value);
  return earlier.outcome == Outcome::ok && earlier.end < later.start;
}

bool may_have_superseded(const RegisterOperation& later, const RegisterOperation& earlier) {
  if (later.supersedes) return names(later, earlier.value);
  return later.outcome != Outcome::ok || later.end >= earlier.start;
}

// The writes that ended before the read began are there, or explained by what may have superseded them: a
// value that the read gives, a remove, or a write that is itself explained. Returns the first that is not.
std::optional<std::size_t> missing(const Operations& history, const NamedRegister& named,
                                   const RegisterOperation& read) {
  std::vector<std::size_t> open, explained;
  for (const std::size_t place : named.writes) {
    const RegisterOperation& write = history[place];
    if (write.start >= read.end) continue;
    const bool there = write.kind == Kind::remove || gives(read, write.value);
    (there ? explained : open).push_back(place);
  }
  for (std::size_t next = 0; next < explained.size(); ++next) {
    const RegisterOperation& later = history[explained[next]];
    const auto rest = std::ranges::partition(
        open, [&](std::size_t place) { return !may_have_superseded(later, history[place]); });
    explained.insert(explained.end(), rest.begin(), rest.end());
    open.erase(rest.begin(), rest.end());
  }
  std::ranges::sort(open);
  for (const std::size_t place : open) {
    const RegisterOperation& write = history[place];
    if (write.outcome == Outcome::ok && write.end < read.start) return place;
  }
  return std::nullopt;
}

std::optional<LevelVerdict> regular_read(const Operations& history, const std::string& name,
                                         const NamedRegister& named, std::size_t place) {
  const RegisterOperation& read = history[place];
  for (const std::uint64_t value : read.values) {
    const std::size_t writer = named.writer.at(value);
    const RegisterOperation& write = history[writer];
    if (write.start > read.end)
      return broken(name, {place, writer}, fmt::format("a read gave {} before it was written", value));
    for (const std::size_t other : named.writes) {
      const RegisterOperation& later = history[other];
      if (other != writer && has_superseded(later, write) && later.end < read.start)
        return broken(
            name, {place, other, writer},
            fmt::format("a read gave {}, which had been superseded by a write that ended before", value));
    }
  }
  if (const auto lost = missing(history, named, read))
    return broken(
        name, {place, *lost},
        fmt::format(
            "a read misses {}, which was written before, and nothing that it gave may have superseded it",
            history[*lost].value));
  return std::nullopt;
}

std::optional<LevelVerdict> regular(const Operations& history, const std::string& name,
                                    const NamedRegister& named, const std::function<void()>& judged) {
  for (const std::size_t place : named.reads) {
    if (auto verdict = regular_read(history, name, named, place)) return verdict;
    judged();
  }
  return std::nullopt;
}

std::optional<LevelVerdict> eventual(const Operations& history, const std::string& name,
                                     const NamedRegister& named, const std::function<void()>& judged) {
  std::optional<std::size_t> first;
  for (const std::size_t place : named.reads) {
    judged();
    if (!history[place].final) continue;
    if (!first) first = place;
    const auto set_of = [&](std::size_t read) {
      return std::set(history[read].values.begin(), history[read].values.end());
    };
    if (set_of(place) != set_of(*first))
      return broken(name, {*first, place}, "two final reads do not give the same");
    if (const auto lost = missing(history, named, history[place]))
      return broken(name, {place, *lost},
                    fmt::format("{} was acknowledged, nothing may have superseded it, and it is gone",
                                history[*lost].value));
  }
  return std::nullopt;
}

}  // namespace

std::string RegisterOperation::text() const {
  static constexpr const char* kinds[] = {"write", "remove", "read"};
  std::string line = fmt::format("client {} {}{} [{}, {}] ms: ", client, kinds[static_cast<int>(kind)],
                                 name.empty() ? "" : fmt::format(" {}", name), milliseconds(start),
                                 outcome == Outcome::unknown ? "?" : milliseconds(end));
  line += outcome == Outcome::ok ? "ok" : outcome == Outcome::failed ? "failed" : "no answer";
  if (kind == Kind::write) line += fmt::format(", {}", value);
  if (kind == Kind::read && outcome == Outcome::ok) {
    line += values.empty() ? ", nothing" : ",";
    for (std::size_t i = 0; i < values.size(); ++i)
      line += fmt::format("{}{}", i == 0 ? " " : " and ", values[i]);
  }
  return line;
}

std::optional<LevelVerdict> out_of_thin_air(const Operations& history, const std::string& name,
                                            const NamedRegister& named) {
  for (const std::size_t place : named.reads)
    for (const std::uint64_t value : history[place].values)
      if (!named.writer.contains(value)) return broken(name, {place}, fmt::format("nobody wrote {}", value));
  return std::nullopt;
}

std::optional<std::pair<std::size_t, std::size_t>> written_twice(const Operations& history) {
  std::map<std::pair<std::string_view, std::uint64_t>, std::size_t> written;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].kind != Kind::write) continue;
    const auto [first, is_new] =
        written.try_emplace(std::pair(std::string_view(history[i].name), history[i].value), i);
    if (!is_new) return std::pair(first->second, i);
  }
  return std::nullopt;
}

std::optional<LevelVerdict> check_level(const Operations& history, Level level,
                                        const std::function<void(std::uint64_t reads)>& told) {
  const auto all = by_name(history);
  for (const auto& [name, named] : all)
    if (auto verdict = out_of_thin_air(history, name, named)) return verdict;
  if (level == Level::causal) return check_causal(history);
  const std::function<void()> judged = [&told, reads = std::uint64_t{0}]() mutable {
    if (told) told(++reads);
  };
  for (const auto& [name, named] : all) {
    auto verdict = level == Level::regular ? regular(history, name, named, judged)
                                           : eventual(history, name, named, judged);
    if (verdict) return verdict;
  }
  return LevelVerdict{};
}

}  // namespace coord::sim
