// SPDX-License-Identifier: MIT
// chordctl keys, watch, status.
#include <algorithm>
#include <memory>
#include <set>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "client.hpp"
#include "known.hpp"
#include "transfer.hpp"
#include "verbs.hpp"

namespace coord::chordctl {
namespace {

struct ListingSettings {
  const Common& common;
  Patience patience;
  std::vector<std::string> prefixes;
  bool json = false, local = false, zero = false;

  std::string prefix() const { return prefixes.empty() ? "" : prefixes.front(); }
};

Status check_prefix(const ListingSettings& s) {
  if (s.prefix().size() <= ring::longest_key) return done();
  return Error{ErrorKind::usage, "PREFIX", "is longer than 1024 bytes", "give a shorter one"};
}

Result<cli::Exit> keys(const ListingSettings& s) {
  if (Status right = check_prefix(s); !right) return right.error();
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  const WallTime as_of = wall_now();
  std::set<std::string> unreachable;
  const Status all = each_key(*client, s.common.ring, s.prefix(),
                              [&](const ring::Row& row) {
                                if (s.json) {
                                  std::uint64_t bytes = 0;
                                  for (const ring::Version& version : row.versions) bytes += version.size;
                                  cli::print(cli::JsonObject()
                                                 .name("key", row.key)
                                                 .integer("versions", row.versions.size())
                                                 .integer("bytes", bytes)
                                                 .time("as_of", as_of)
                                                 .line());
                                } else if (s.zero) {
                                  cli::print(row.key + '\0');
                                } else {
                                  cli::print(fmt::format("{}\n", cli::shown(row.key)));
                                }
                                return done();
                              },
                              {s.local, &unreachable});
  if (!all) return all.error();
  for (const std::string& hosts : unreachable)
    cli::notice("chordctl",
                fmt::format("keys that are kept by {} may be missing: too few of these answer", hosts));
  if (!unreachable.empty()) return cli::Exit::no;
  return cli::Exit::done;
}

// One line of a watch: what has become of a key.
void tell(const ListingSettings& s, const ring::Row& row) {
  std::vector<ring::Version> values;
  std::ranges::copy_if(row.versions, std::back_inserter(values),
                       [](const auto& version) { return !version.removed; });
  const auto& shown_ones = values.empty() ? row.versions : values;
  const auto newest = std::ranges::max_element(shown_ones, {}, &ring::Version::time);
  if (newest == shown_ones.end()) return;
  const char* const what = values.empty() ? "rm" : values.size() > 1 ? "sibling" : "put";
  if (s.json) {
    cli::print(cli::JsonObject()
                   .time("time", newest->time)
                   .text("event", what)
                   .name("key", row.key)
                   .text("version", text(newest->dot))
                   .line());
  } else {
    cli::print(fmt::format("{}\t{}\t{}\t{}\n", rfc3339(newest->time, 3), what, cli::shown(row.key),
                           text(newest->dot)));
  }
}

Result<cli::Exit> watch(const ListingSettings& s) {
  if (Status right = check_prefix(s); !right) return right.error();
  auto client = Client::open(s.common);
  if (!client) return client.error();
  client->end_unread();
  std::vector<ring::Cursor> cursors;
  for (std::optional<std::uint64_t> since;;) {
    auto answer = client->ask(ring::Watch{s.common.ring, s.prefix(), since, cursors});
    if (!answer) return answer.error();
    if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, "");
    const auto* page = std::get_if<ring::Page>(&*answer);
    if (page == nullptr) return Error{ErrorKind::unavailable, "peer", "it answers something else", ""};
    for (const ring::Row& row : page->rows) tell(s, row);
    if (Status out = cli::flush(); !out) return out.error();
    since = page->since;
    cursors = page->cursors;
  }
}

Result<cli::Exit> status(const ListingSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  const WallTime as_of = wall_now();
  auto answer = client->ask(ring::AskStatus{s.common.ring});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, s.common.ring);
  const auto* of = std::get_if<ring::StatusOf>(&*answer);
  if (of == nullptr) return Error{ErrorKind::unavailable, "peer", "it answers something else", ""};
  std::size_t hosts = 1, copies = 1;
  std::string zone;
  std::string unknown;  // why the others are: after a restart the group says who they are
  if (of->number != Token{}) {
    auto view = client->view(s.common.ring, true);
    if (!view) {
      unknown = view.error().text();
    } else if (view->hosts.empty()) {
      unknown = "this peer has not heard of them from the group since it started";
    } else {
      hosts = view->hosts.size();
      copies = std::min<std::size_t>(view->replicas, hosts);
      const auto own = std::ranges::find(view->hosts, of->host, &service::RingHost::host);
      if (own != view->hosts.end()) zone = own->zone;
    }
  }
  if (s.json) {
    cli::JsonObject line;
    line.text("ring", s.common.ring);
    unknown.empty() ? line.integer("hosts", hosts) : line.null("hosts");
    line.integer("keys", of->keys)
        .integer("bytes", of->bytes)
        .integer("siblings", of->siblings)
        .integer("bytes_on_disk", of->bytes_on_disk)
        .time("as_of", as_of);
    zone.empty() ? line.null("zone") : line.text("zone", zone);
    cli::print(line.line());
    return cli::Exit::done;
  }
  const std::string where =
      !unknown.empty() ? fmt::format("its other hosts are not known ({}); here:", unknown)
      : hosts == 1     ? "this host alone, 1 copy of each value"
                       : fmt::format("{} hosts, {} copies of each value, here{}:", hosts, copies,
                                 zone.empty() ? "" : fmt::format(" in zone {}", cli::shown(zone)));
  cli::print(fmt::format("ring {}: {}\n{}, {}, {} with siblings\n{} on disk, of all rings\n",
                         cli::shown(s.common.ring), where, counted(of->keys, "key"),
                         counted(of->bytes, "byte"), counted(of->siblings, "key"),
                         counted(of->bytes_on_disk, "byte")));
  return cli::Exit::done;
}

}  // namespace

void add_keys(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ListingSettings>(ListingSettings{common, {}, {}});
  auto& made = tool.verb("keys", "list the keys, in the order of their bytes");
  made.synopsis("[options] [PREFIX]");
  made.operands("PREFIX", s->prefixes, 0, 1, "only keys that begin so");
  made.flag("--local", s->local, "those of which this host has a copy: all, in a ring of one");
  made.flag("-0,--null", s->zero, "a NUL behind each key, which is printed as it is").excludes("--json");
  made.flag("--json", s->json, "one key a line, as JSON");
  add_patience(made, s->patience);
  made.example("chordctl keys jobs/", "");
  made.does([s] { return keys(*s); });
}

void add_watch(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ListingSettings>(ListingSettings{common, {}, {}});
  auto& made = tool.verb("watch", "print each change: time, put|rm|sibling, key, version");
  made.synopsis("[--json] [PREFIX]");
  made.operands("PREFIX", s->prefixes, 0, 1, "only keys that begin so");
  made.flag("--json", s->json, "one change a line, as JSON");
  made.example("chordctl watch", "until it is interrupted");
  made.does([s] { return watch(*s); });
}

void add_status(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<ListingSettings>(ListingSettings{common, {}, {}});
  auto& made = tool.verb("status", "how much is in the ring, and where");
  made.synopsis("[--json]");
  made.flag("--json", s->json, "as JSON");
  add_patience(made, s->patience);
  made.example("chordctl status", "");
  made.does([s] { return status(*s); });
}

}  // namespace coord::chordctl
