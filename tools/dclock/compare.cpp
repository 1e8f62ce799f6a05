// SPDX-License-Identifier: MIT
// dclock compare A B: how two events stand to each other.
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "clock/stamp.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct CompareSettings {
  std::vector<std::string> stamps;
  bool json = false, quiet = false;
};

Result<clock::Stamp> read_stamp(const std::string& text) {
  clock::StampReader reader;
  std::string_view rest;
  auto stamp = reader.read(text, rest);
  if (stamp) return stamp;
  Error error = stamp.error();
  error.object = text.substr(0, 80);
  return error;
}

// A scalar clock that says "not before" leaves the mirrored doubt, and has the same status: only the text
// tells them apart.
cli::Exit exit_of(clock::Relation relation) {
  switch (relation) {
    case clock::Relation::equal:
      return cli::Exit::done;
    case clock::Relation::before:
      return cli::Exit::before;
    case clock::Relation::after:
      return cli::Exit::after;
    case clock::Relation::concurrent:
      return cli::Exit::concurrent;
    case clock::Relation::before_or_concurrent:
    case clock::Relation::after_or_concurrent:
      return cli::Exit::before_or_concurrent;
  }
  return cli::Exit::internal;
}

}  // namespace

void add_compare(cli::Options& tool) {
  auto& verb = tool.verb("compare", "say whether A came before B, after it, or neither");
  auto s = std::make_shared<CompareSettings>();
  verb.synopsis("[options] A B", "statuses: 10 before, 11 after, 0 equal, 12 concurrent, 13 not known");
  verb.flag("--json", s->json, "as JSON");
  verb.flag("-q,--quiet", s->quiet, "print nothing, only end with the status");
  verb.operands("TOKEN", s->stamps, 2, 2, "a token, a log line or a bare clock");
  verb.example("dclock compare \"$a\" \"$b\"", "prints before, after, equal or concurrent");
  verb.does([s]() -> Result<cli::Exit> {
    const auto a = read_stamp(s->stamps[0]), b = read_stamp(s->stamps[1]);
    if (!a) return a.error();
    if (!b) return b.error();
    const auto relation = clock::compare(*a, *b);
    if (!relation) return relation.error();
    const std::string_view word = to_string(*relation);
    if (!s->quiet)
      cli::print(s->json ? cli::JsonObject().text("relation", word).line() : fmt::format("{}\n", word));
    return exit_of(*relation);
  });
}

}  // namespace coord::dclock
