// SPDX-License-Identifier: MIT
// dsnapshot list: the snapshots that this host's peer keeps.
#include <memory>

#include "base/rfc3339.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "kept.hpp"
#include "stored.hpp"
#include "taking.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {
namespace {

struct ListSettings {
  const Common& common;
  std::vector<std::string> group;
  bool json = false;
};

Result<cli::Exit> list(const ListSettings& s) {
  const WallTime as_of = wall_now();
  const auto entries = list_kept(s.common, s.group.empty() ? std::string() : s.group.front());
  if (!entries) return entries.error();
  using Align = cli::Table::Align;
  cli::Table table(
      {{"ID"}, {"GROUP"}, {"TAKEN"}, {"COMPLETE"}, {"BYTES", Align::right}, {"UID", Align::right}});
  for (const auto& entry : *entries) {
    if (s.json) {
      cli::print(cli::JsonObject()
                     .text("id", entry.id)
                     .name("group", entry.group)
                     .time("at", entry.at)
                     .boolean("complete", entry.complete)
                     .integer("bytes", entry.bytes)
                     .integer("uid", entry.uid)
                     .time("as_of", as_of)
                     .line());
    } else {
      table.row({entry.id, entry.group, rfc3339(entry.at, 3), entry.complete ? "yes" : "no",
                 std::to_string(entry.bytes), std::to_string(entry.uid)});
    }
  }
  if (!table.empty()) cli::print(cli::for_stdout(table));
  return cli::Exit::done;
}

}  // namespace

void add_list(cli::Options& tool, const Common& common) {
  auto& verb = tool.verb("list", "list the snapshots that this host's peer keeps");
  auto s = std::make_shared<ListSettings>(ListSettings{common, {}, false});
  verb.synopsis("[options] [GROUP]", "yours; root: all");
  verb.flag("--json", s->json, "a JSON object for each");
  verb.operands("GROUP", s->group, 0, 1, "of this group only");
  verb.example("dsnapshot list bank", "the oldest first");
  verb.does([s] { return list(*s); });
}

}  // namespace coord::dsnapshot
